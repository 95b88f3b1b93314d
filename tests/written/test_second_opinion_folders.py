"""A second opinion on whole folders: recorders that break off, two boots, and runs that somebody else wrote."""

import json
from dataclasses import replace

import pytest

from reports.ledger import build_ledger
from tests.written import raw
from tests.written.history import ns
from tests.written.opinions import alone, histories, readings, results
from tests.written.reading import row

RUNS, COUNTED = histories("runs"), histories("counters")
TALK = COUNTED["a healthy talk"]
MISSED = replace(TALK, told=f"{TALK.told}\n6 a says a2 #3\n50 w audit a0#1 a1#2 a2#3")
DEATH = RUNS["a death between two boots of the journal"]

# -- recorders that break off


def apart(told: str, cut: dict[str, float]) -> dict[str, list[dict]]:
    """A file for each party; those of `cut` have nothing after that second, and no sentinel."""
    files: dict[str, list[dict]] = {}
    for source, events in raw.lines(told, None).items():
        for event in events:
            name = f"swarm-{event['party']}" if source == "swarm-1" else source
            if event["t"] <= ns(cut.get(name.removeprefix("swarm-"), 1e6)):
                files.setdefault(name, []).append(event)
    for name, events in files.items():
        if name.startswith("swarm") and name.removeprefix("swarm-") not in cut:
            events.append({"t": ns(60), "kind": "sentinel"})
    return files


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({}, ("live", "live", "lost")),
        ({"widget-0": 3.5}, ("live", "unjudged", "unjudged")),
        ({"widget-0": 51}, ("live", "live", "lost")),
        ({"agent-0": 6.1}, ("live", "live", "lost")),
        ({"agent-0": 6.01, "widget-0": 5}, ("live", "live", None)),
        ({"agent-0": 6.1, "widget-0": 5}, ("live", "live", "unjudged")),
    ],
    ids=["none", "recipient", "recipient-after-the-horizon", "sender", "both-unanswered", "both"],
)
def test_a_recorder_that_broke_off(tmp_path, cut, expected):
    raw.write(tmp_path / "run", apart(MISSED.told, cut), workers=2)
    ledger = build_ledger(tmp_path / "run", journal=False)
    assert tuple(row(ledger, f"0.a.{number}")["outcome"] for number in range(3)) == expected


def test_what_a_cut_recorder_may_have_lost_is_not_unexpected(tmp_path):
    raw.write(tmp_path / "run", apart(MISSED.told, {"agent-0": 2.5}), workers=2)
    ledger = build_ledger(tmp_path / "run")
    assert ledger.deliveries.empty
    assert ledger.counters["unexpected"] == 0


def test_a_worker_killed_in_the_middle_of_a_line(tmp_path):
    folder = raw.write(tmp_path / "run", apart(MISSED.told, {"widget-0": 3.5}), workers=2)
    with (folder / "events" / "swarm-widget-0.jsonl").open("a") as file:
        file.write('{"t":1004000000000,"kind":"recei')
    ledger = build_ledger(folder)
    assert ledger.run.info["sealed"]["truncated"] == 1
    assert [row(ledger, f"0.a.{number}")["outcome"] for number in range(3)] == ["live", "unjudged", "unjudged"]


def test_a_recorder_that_left_no_file(tmp_path):
    files = apart(MISSED.told, {})
    del files["swarm-widget-0"]
    raw.write(tmp_path / "run", files, workers=2)
    assert {*build_ledger(tmp_path / "run").deliveries["outcome"]} == {"unjudged"}


# -- the server


@pytest.mark.parametrize(("dropped", "cause"), [(4, "server_restarted"), (3, "offline")])
def test_four_of_five_connections_are_a_server_and_three_are_none(tmp_path, dropped, cause):
    told = ["0 w session_opened index=0", "0.5 w comes c1", "2 a assumed index=0"]
    for index in range(1, 5):
        told += [f"0 w{index} session_opened index={index}", f"0.5 w{index} comes c1"]
    told += ["9 a sent a0 due_ns=9", "9.02 w disconnected c1 last_frame_ns=8", "9.1 a accepted a0 #1 status=201"]
    told += [f"9.0{index + 2} w{index} disconnected c1 last_frame_ns=8" for index in range(1, dropped)]
    told += ["10 w connecting c2", "10.1 w connect_failed c2 reason='[Errno 111] Connection refused'"]
    told += ["12 w comes c2 count=1", "12.2 w gets a0 #1 c2 via=join"]
    folder = alone(replace(TALK, told="\n".join(told)), tmp_path / "run")
    assert row(build_ledger(folder), "0.a.0")["missed_because"] == cause


def test_two_boots_in_one_file(tmp_path):
    files = raw.lines(DEATH.told)
    two = build_ledger(raw.write(tmp_path / "two", files))
    files["journal-1"] += files.pop("journal-2")
    assert results(build_ledger(raw.write(tmp_path / "one", files))).equals(results(two))


def test_silence_between_two_boots_proves_nothing(tmp_path):
    """Accepted between the last line of one boot and the first of the next: the tree without journal decides."""
    told = """
        5    a says a2
        8    j2 server_started boot=b2
        10   a sent a3 due_ns=10
        10.1 j2 stored a3 #4
        10.2 a accepted a3 #4 status=201
        11   j2 loop_lag lag_ms=1"""
    ledger = build_ledger(alone(replace(TALK, told=TALK.told + told), tmp_path / "run"))
    between, after = row(ledger, "0.a.2"), row(ledger, "0.a.3")
    assert (between["evidence"], between["missed_because"]) == ("swarm", "subscribed_nowhere")
    assert (after["evidence"], after["missed_because"]) == ("journal", "not_published")


def test_a_journal_that_contradicts_the_swarm(tmp_path):
    told = """
        6     a sent a2 due_ns=6
        6.005 j stored a2 #3
        6.02  w gets a2 #3 c1
        6.03  a accepted a2 #3 status=201"""
    read = readings(alone(replace(TALK, told=TALK.told + told), tmp_path / "run"))
    assert read["journal"].contradictions == 1
    assert read["swarm"].contradictions is None
    assert row(read["journal"], "0.a.2")["outcome"] == "live"


# -- folders that somebody else wrote


def test_one_file_for_all_and_no_sentinel(tmp_path):
    """Its last line is the last that its recorder saw: what had its allowance by then is judged."""
    files = raw.lines(f"{DEATH.told}\n40 a says a1 #2\n50 w audit a0#1 a1#2", None)
    raw.write(tmp_path / "run", {"all": [event for source in sorted(files) for event in files[source]]})
    for ledger in readings(tmp_path / "run").values():
        assert row(ledger, "0.a.0")["missed_because"] == "server_restarted"
        assert row(ledger, "0.a.1")["outcome"] == "unjudged"
        assert not ledger.summary.rig.valid


def test_a_file_without_a_sentinel_that_goes_on_long_enough_is_whole(tmp_path):
    seen = raw.lines(MISSED.told, None)["swarm-1"]  # its last line is at 50 s
    assert build_ledger(raw.write(tmp_path / "long", {"mine": seen})).summary.rig.valid
    cut = [event for event in seen if event["t"] <= ns(10)]
    assert not build_ledger(raw.write(tmp_path / "cut", {"mine": cut})).summary.rig.valid


def test_names_of_files_say_nothing(tmp_path):
    files = raw.lines(MISSED.told)
    usual = build_ledger(raw.write(tmp_path / "usual", files, workers=1))
    names = {"swarm-1": "mine", "journal-1": "server"}
    renamed = {names[source]: events for source, events in files.items()}
    other = build_ledger(raw.write(tmp_path / "other", renamed, workers=1))
    assert results(other).equals(results(usual))
    assert other.counters == usual.counters
    assert other.summary.rig == usual.summary.rig


def test_unknown_fields_and_any_order_of_lines(tmp_path):
    files = raw.lines(MISSED.told)
    plain = build_ledger(raw.write(tmp_path / "plain", files))
    mixed = {name: [{**event, "colour": "red"} for event in reversed(events)] for name, events in files.items()}
    assert results(build_ledger(raw.write(tmp_path / "mixed", mixed))).equals(results(plain))


def test_times_may_begin_at_nought(tmp_path):
    files = raw.lines(MISSED.told)
    usual = build_ledger(raw.write(tmp_path / "usual", files))
    for event in (event for events in files.values() for event in events):
        event |= {name: event[name] - ns(-5) for name in ("t", "due_ns", "last_frame_ns") if name in event}
    assert results(build_ledger(raw.write(tmp_path / "early", files))).equals(results(usual))


def test_the_same_twice_and_without_the_answer_key(tmp_path):
    folder = alone(MISSED, tmp_path / "run")
    key = {"t": ns(0), "kind": "defect", "name": "server.drop-emit", "scope": "all", "start_ns": ns(0)}
    (folder / "injected.jsonl").write_text(json.dumps(key) + "\n")
    first = build_ledger(folder)
    rows = first.deliveries
    (folder / "injected.jsonl").unlink()
    again = build_ledger(folder)
    assert again.deliveries.equals(rows)
    assert again.counters == first.counters


def test_a_minimal_run_has_a_summary(tmp_path):
    said = build_ledger(alone(MISSED, tmp_path / "run")).summary.to_dict()
    assert (said["sent"], said["owed"], said["live"], said["lost"], said["unexplained"]) == (3, 3, 2, 1, 0)


def test_without_audit_and_journal_there_are_no_phantoms_to_see(tmp_path):
    assert readings(alone(TALK, tmp_path / "run"))["swarm"].counters["phantoms"] is None
