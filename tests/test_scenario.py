"""A scenario is read, changed and checked; whatever cannot be played is said in one line that names the field."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import run_info, scenario
from loadtests import target_file as targets
from loadtests.bad_input import BadInput
from loadtests.faults import FAULTS, Fault, fields_of
from loadtests.order import in_ratio, order
from loadtests.scenario import Scenario, from_table, load, parse_setting, parse_time_s
from loadtests.values import ScenarioError
from reports.confusion import SMALL
from reports.goals import check_goals
from reports.verdict import SESSIONS_FOR_ZERO


@pytest.mark.parametrize("name", scenario.shipped())
def test_shipped_scenarios_load_say_what_they_are_and_have_good_goals(name: str) -> None:
    shipped = load(name)
    assert shipped.name == name
    assert shipped.sentence.endswith(".")
    assert check_goals(shipped.goals)


@pytest.mark.parametrize("name", sorted(scenario.shipped().keys() - {"steady"}))
def test_who_comes_late_on_purpose_has_no_latency_goal(name: str) -> None:
    assert not [goal for goal in load(name).goals if "latency" in goal]


@pytest.mark.parametrize("name", scenario.shipped())
def test_shipped_scenarios_have_sessions_enough_to_pass(name: str) -> None:
    assert load(name).widgets > SESSIONS_FOR_ZERO


@pytest.mark.parametrize("name", scenario.shipped())
def test_shipped_scenarios_forgive_nothing_but_what_their_faults_make_unavoidable(name: str) -> None:
    shipped = load(name)
    assert shipped.goals["permanent_loss"] == {"max": 0}
    assert not [goal for goal in shipped.goals if "latency" not in goal and shipped.goals[goal] != {"max": 0}]
    assert not {"reorders", "phantoms"} & set(shipped.goals)  # which not every target can show: they are defaults
    assert not (shipped.faults and "live_miss" in shipped.goals)


def test_every_fault_is_in_the_bad_day_and_in_a_scenario_of_its_own() -> None:
    played = {name: {fault.name for fault in load(name).faults} for name in scenario.shipped()}
    assert played.pop("bad-day") == set(FAULTS)
    assert set().union(*played.values()) | {"close", "idle-limit", "websocket-cut"} == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_takes_its_fields_and_gives_them_back(name: str) -> None:
    values = {"at_s": [1.0, 2.0], "for_s": [1.0, 2.0], "every_s": [4.0, 5.0], "share": 0.5, "who": "both", "way": "any",
              "bytes_per_s": 50.0, "idle_s": 2.0}  # fmt: skip
    table = {field: values[field] for field in fields_of(name)}
    wanted = load("steady", {f"faults.{name}": table})
    assert json.loads(json.dumps(wanted.table()))["faults"] == {name: table}
    assert from_table(wanted.table()) == wanted


@pytest.mark.parametrize("name", scenario.shipped())
def test_a_table_gives_the_same_scenario_again(name: str) -> None:
    changed = load(name, {**SMALL, "faults.kill-server.at_s": 5, "faults.kill-server.for_s": [1, 2]})
    assert from_table(changed.table()) == changed
    assert from_table(json.loads(json.dumps(changed.table()))) == changed


def test_a_file_of_ones_own_begins_from_a_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('from = "short-drop"\nwidgets = 3\n[faults.drop]\nfor_s = 1\n[goals]\nleaks = { max = 2 }\n')
    mine, base = load(str(file)), load("short-drop")
    assert mine.name == "mine"
    assert mine.widgets == 3
    assert mine.faults == (Fault("drop", (5.0, 10.0), (1.0, 1.0)),)
    assert mine.goals == {**base.goals, "leaks": {"max": 2}}
    assert mine.agent_every_s == base.agent_every_s


def test_a_file_need_not_begin_from_another(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "of-my-own"\nwidgets = 3\n')
    assert load(str(file)) == Scenario(name="of-my-own", widgets=3)


def test_a_run_json_is_a_scenario(tmp_path: Path) -> None:
    played = load("early-reply", SMALL)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run_info.describe(played, targets.load("bundled"), "", 1)))
    assert load(str(file)) == played
    assert load(str(file), {"seed": 9}) == dataclasses.replace(played, seed=9)


def test_changes_reach_into_tables_and_make_them() -> None:
    changed = load("steady", {"faults.drop.at_s": 1, "faults.drop.for_s": [2, 3], "faults.drop.share": 0.5})
    assert changed.faults == (Fault("drop", (1.0, 1.0), (2.0, 3.0), share=0.5),)
    assert load("short-drop", {"faults.drop.share": 0}).faults[0].share == 0


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("widgets=5", ("widgets", 5)),
        ("widgets = 5", ("widgets", 5)),
        ("agent_every_s=[1, 2.5]", ("agent_every_s", [1, 2.5])),
        ("agent_sends=socket", ("agent_sends", "socket")),
        ('agent_sends="socket"', ("agent_sends", "socket")),
        ("a.b=true", ("a.b", True)),
        ("sentence=a = b", ("sentence", "a = b")),
        ("sentence=", ("sentence", "")),
    ],
)
def test_a_setting_is_toml_or_bare_words(text: str, setting: tuple[str, Any]) -> None:
    assert parse_setting(text) == setting


@pytest.mark.parametrize(("text", "seconds"), [("20", 20), ("20s", 20), ("1.5m", 90), ("1h", 3600), ("0.5s", 0.5)])
def test_times(text: str, seconds: float) -> None:
    assert parse_time_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "20x", "1m30s", "20 minutes"])
def test_no_times(text: str) -> None:
    with pytest.raises(ScenarioError, match="write 20s, 5m or 1h"):
        parse_time_s(text)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "blue"}, "no field 'colour'.*`entrega list scenarios steady` has them all"),
    "text for a number": ({"run_time_s": "long"}, "run_time_s takes a number"),
    "true for a number": ({"run_time_s": True}, "run_time_s takes a number"),
    "less than nothing": ({"settle_s": -1}, "settle_s takes a number from 0"),
    "endless": ({"run_time_s": float("inf")}, "run_time_s takes a number"),
    "not a number": ({"run_time_s": float("nan")}, "run_time_s takes a number"),
    "half a widget": ({"widgets": 1.5}, "widgets takes a whole number"),
    "true widgets": ({"widgets": True}, "widgets takes a whole number"),
    "negative seed": ({"seed": -1}, "seed takes a whole number"),
    "range upside down": ({"agent_first_s": [5, 1]}, "agent_first_s .*swap the two"),
    "range of three": ({"agent_first_s": [1, 2, 3]}, "agent_first_s takes a number"),
    "range of words": ({"agent_first_s": ["a", "b"]}, "agent_first_s takes a number"),
    "number for text": ({"agent_sends": 5}, "agent_sends takes text"),
    "neither rest nor socket": ({"agent_sends": "mail"}, "agent_sends is rest or socket"),
    "nobody": ({"widgets": 0}, "widgets must be above 0"),
    "no agent": ({"agents": 0}, "agents must be above 0"),
    "no time": ({"run_time_s": 0}, "run_time_s must be above 0"),
    "all at once for ever": ({"agent_every_s": 0}, "must be at least 0.001"),
    "too short a quiet phase": ({"quiet_s": 1}, "quiet_s.*false losses.*leave it 0"),
    "a folder elsewhere": ({"name": "../elsewhere"}, "name = '../elsewhere'"),
    "no name": ({"name": ""}, "name = ''"),
    "unknown fault": ({"faults.flood.at_s": 1}, "no fault 'flood'; `entrega list faults` has them all"),
    "fault without an end": ({"faults.drop.at_s": 1}, "faults.drop lacks for_s"),
    "fault with too much": (
        {"faults.drop": {"at_s": 1, "for_s": 1, "how": "hard"}},
        "faults.drop has no field 'how'; known are at_s, for_s, every_s, share, who",
    ),
    "a share of the server": (
        {"faults.kill-server": {"at_s": 1, "for_s": 1, "share": 0.5}},
        "faults.kill-server has no field 'share'; known are at_s, for_s, every_s",
    ),
    "nobody's page": ({"faults.reload": {"at_s": 1, "for_s": 1, "who": "bot"}}, "reload.who is widget, agent or both"),
    "sideways": ({"faults.half-open": {"at_s": 1, "for_s": 1, "way": "left"}}, "way is down, up, both or any"),
    "before it is over": (
        {"faults.drop": {"at_s": 1, "for_s": [1, 3], "every_s": [2, 5]}},
        "faults.drop.every_s must be longer than its for_s, or 0 for once",
    ),
    "another shape": ({"arrivals": "wave"}, "arrivals is constant, ramp, steps or spike, not 'wave'"),
    "nobody to hand over to": ({"transfer_after_s": 3, "agents": 1}, "needs a second agent .*raise agents"),
    "nothing to repeat": ({"text": "", "text_chars": 5}, "text_chars needs a text"),
    "another transport": ({"transport": "pigeon"}, "transport is websocket, polling or upgrade, not 'pigeon'"),
    "another back-off": ({"backoff": "none"}, "backoff is js, python or full-jitter, not 'none'"),
    "more than all": ({"faults.drop": {"at_s": 1, "for_s": 1, "share": 2}}, "faults.drop.share is a share"),
    "fault that is none": ({"faults.drop": 5}, "faults.drop takes a table"),
    "faults that are none": ({"faults": 5}, "faults takes a table"),
    "goals that are none": ({"goals": 5}, "goals takes a table"),
    "goal that is none": ({"goals.leaks": 5}, "goals.leaks takes a table"),
    "a table in a number": ({"widgets": 5, "widgets.x": 5}, "widgets.x: widgets is not a table"),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as raised:
        load("steady", changes)
    assert "\n" not in str(raised.value)


FILES = {
    "widgets = ": "is not TOML",
    'from = "nothing"\n': "names no shipped scenario; .entrega list scenarios. has",
    "from = 5\n": "names no shipped scenario",
    "from = []\n": "names no shipped scenario",
    "\x00": "is not TOML",
}


@pytest.mark.parametrize(("text", "said"), FILES.items(), ids=map(repr, FILES))
def test_bad_files_are_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=said) as raised:
        load(str(file))
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("text", ["", "[", "5", "{}", "[5]", '{"scenario": 5}', '{"scenario": [1]}', '"scenario"'])
def test_a_json_file_without_a_scenario(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(ScenarioError, match="holds no scenario"):
        load(str(file))


def test_no_file_at_all(tmp_path: Path) -> None:
    binary = tmp_path / "scenario.toml"
    binary.write_bytes(b"\xff\xfe")
    for name in ("nothing", str(tmp_path), str(binary)):
        with pytest.raises(
            ScenarioError, match=r"`entrega list scenarios` has them all; nor is it a file that can be read"
        ):
            load(name)


@given(
    widgets=st.integers(1, 10**6),
    between=st.tuples(st.floats(0.01, 100), st.floats(0, 100)).map(lambda ends: (ends[0], ends[0] + ends[1])),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**70),
)
def test_any_good_scenario_survives_the_round_trip(
    widgets: int, between: tuple[float, float], share: float, seed: int
) -> None:
    wanted = Scenario(
        widgets=widgets, agent_every_s=between, seed=seed, faults=(Fault("drop", between, between, share=share),)
    )
    assert from_table(json.loads(json.dumps(wanted.table()))) == wanted


@pytest.mark.parametrize("name", scenario.shipped())
def test_the_listing_is_a_file_of_the_scenario(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text("\n".join(scenario.described(load(name))))
    assert load(str(file)) == load(name)
    assert set(tomllib.loads(file.read_text())) == set(load(name).table()) - {"name"} - {
        group for group in ("faults", "goals") if not load(name).table()[group]
    }


def test_a_limit_without_end_and_a_dotted_goal_stay_what_they_are(tmp_path: Path) -> None:
    wanted = load("steady", {"goals": {"latency_ms.p95": {"max": float("inf")}}, "name": "mine"})
    (tmp_path / "mine.toml").write_text("\n".join(scenario.described(wanted)))
    assert load(str(tmp_path / "mine.toml")) == wanted


def test_the_listing_says_the_default_where_a_scenario_has_another_value() -> None:
    (late,) = [line for line in scenario.described(load("early-reply")) if line.startswith("agent_first_s")]
    assert late.startswith("agent_first_s = [2.0, 2.0]  # s; ")
    assert late.endswith("[default: [2.0, 3.0]]")
    assert "default" not in "".join(scenario.described(load("early-reply"))[:3])


def test_users_are_shared_out_in_the_scenarios_ratio() -> None:
    for users, parties in ((2, (1, 1)), (11, (10, 1)), (44, (40, 4))):
        ordered = order("steady", {"arrivals_per_s": 100}, users=users).scenario
        assert (ordered.widgets, ordered.agents) == parties
    assert in_ratio(dataclasses.replace(ordered, widgets=1, agents=9), 2) == {"widgets": 1, "agents": 1}
    with pytest.raises(BadInput, match="leave one out"):
        order("steady", {"agents": 6, "arrivals_per_s": 100}, users=11)


@pytest.mark.parametrize("line", ['agent = "agent"', 'event_agent = "session.agent"', r"\[transfer\]\npath = .*"])
def test_a_hand_over_needs_a_target_that_can(line: str, tmp_path: Path) -> None:
    without, n = re.subn(f"^{line}$", "", targets.shipped()["bundled"].read_text(), flags=re.MULTILINE)
    assert n == 1
    (tmp_path / "mine.toml").write_text(without)
    with pytest.raises(BadInput, match=r"the target mine has no way to hand a session over; give \[transfer\] path"):
        order("transfer", {}, target=str(tmp_path / "mine.toml"))
    assert order("steady", {}, target=str(tmp_path / "mine.toml")).target.name == "mine"


def test_who_asks_for_a_human_by_an_event_connects_first(tmp_path: Path) -> None:
    """Else nobody would hear of the session, and a check of early replies would look at none."""
    mine = tmp_path / "mine.toml"
    asks = re.compile(r"^\[escalate\]\npath = .*", re.MULTILINE)
    text, n = asks.subn('[escalate]\nevent = "escalate"', targets.shipped()["bundled"].read_text())
    assert n == 1
    mine.write_text(text)
    with pytest.raises(
        BadInput, match=r"in early-reply widgets connect up to 4\.9 s after the opening and ask after 0"
    ):
        order("early-reply", {}, target=str(mine))
    assert order("early-reply", {"escalate_after_s": 5}, target=str(mine)).target.escalate.event == "escalate"
    assert order("steady", {}, target=str(mine)).target.name == "mine"


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("short-drop", {"run_time_s": 5}, "fault drop would hit nobody: it comes 5 s after a session's opening at the"),
        ("polling", {"run_time_s": 15}, "fault drop would hit nobody: it comes 14 s after a session's opening"),
        ("restart", {"run_time_s": 8}, "fault stop-server would hit nobody: it comes 8 s after the run's start"),
        ("early-reply", {"faults.drop": {"at_s": 500, "for_s": 1}}, "fault drop would hit nobody: it comes 500 s"),
        ("bad-day", {"run_time_s": 5}, "would hit nobody"),
    ],
)
def test_a_fault_that_time_is_too_short_for_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        order(name, {"arrivals_per_s": 100, **changes})


def test_of_a_mixture_that_repeats_itself_some_faults_may_come_too_late() -> None:
    assert order("bad-day", {"arrivals_per_s": 100, "run_time_s": 20}).scenario.run_time_s == 20
    nobody = {"faults.drop": {"at_s": 500, "for_s": 1, "share": 0.0}}
    assert order("steady", {"arrivals_per_s": 100, **nobody}).scenario.faults, "it is to hit nobody"


def test_a_back_off_that_the_widget_is_declared_to_have_makes_the_horizon(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(targets.SHIPPED.joinpath("bundled.toml").read_text() + "\n[client]\nbackoff_max_s = 30\n")
    declared = order("steady", {}, target=str(mine)).scenario
    assert (declared.backoff_max_s, declared.backoff_s, declared.backoff) == (30, 1, "js")
    assert declared.horizon_s == load("steady").horizon_s + 25
    assert order("steady", {"backoff_max_s": 2}, target=str(mine)).scenario.backoff_max_s == 2
