"""A scenario says who does what when: rates, timing, faults, seed. It is one TOML file and one frozen value.

`from = "early-reply"` in a file takes another scenario's fields and changes some.
"""

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.arrivals import SHAPES
from loadtests.bad_input import near
from loadtests.faults import Fault, fault
from loadtests.values import Range, ScenarioError, between, mapping, number, whole_number, word

SHIPPED = Path(__file__).parent / "scenarios"

WORDS = {
    "arrivals": tuple(SHAPES),
    "agent_sends": ("rest", "socket"),
    "transport": ("websocket", "polling", "upgrade"),
    "backoff": ("js", "python", "full-jitter"),
}


def _of(meaning: str, default: Any, unit: str = "s") -> Any:
    return field(default=default, metadata={"meaning": meaning, "unit": unit})


@dataclass(frozen=True, slots=True)
class Scenario:
    """Fields ending in _s are seconds; a Range is drawn once per session or message from the seed."""

    name: str = _of("how it is called", "unnamed", "")
    sentence: str = _of("what it varies, and what a correct server shows", "", "")
    widgets: int = _of("customers, each with a session of its own", 40, "")
    agents: int = _of("support agents; session i is assumed by agent i modulo agents", 4, "")
    run_time_s: float = _of("from the start until sending ends", 30.0)
    arrivals_per_s: float = _of("sessions opened a second, on the average", 10.0, "1/s")
    arrivals: str = _of(
        "constant; ramp: the rate grows from 0 to its double; steps: it grows in four; "
        "spike: half of them come within the last twentieth of the time",
        "constant",
        "",
    )
    settle_s: float = _of("from the last agent's start to the first session", 2.0)
    connect_after_s: Range = _of("from the opening until the widget connects and joins", (0.1, 0.5))
    escalate_after_s: Range = _of("from the opening until the customer asks for a human", (0.5, 0.5))
    assume_after_s: Range = _of("from the agent's notice of that until the assume", (0.5, 0.5))
    sessions_per_agent: int = _of("an agent holds at most so many at a time, the rest waits; 0: any number", 0, "")
    transfer_after_s: Range = _of("from the assume until the agent hands over to the next one; 0: never", (0.0, 0.0))
    session_s: Range = _of("from the opening until the session's last message; 0: until sending ends", (0.0, 0.0))
    agent_first_s: Range = _of("from the assume until the agent's first message", (2.0, 3.0))
    agent_every_s: Range = _of("between two messages of the agent", (1.5, 2.5))
    widget_first_s: Range = _of("from the opening until the widget's first message", (3.5, 5.0))
    widget_every_s: Range = _of("between two messages of the widget", (3.0, 5.0))
    text: str = _of("what a message says, before the token by which it is known", "How can I help you today?", "")
    text_chars: Range = _of("the text, repeated or cut to so many; 0: as it is", (0.0, 0.0), "characters")
    agent_sends: str = _of("how agents send: rest or socket", "rest", "")
    retries: int = _of("how often a message that got no answer is sent again", 0, "")
    fetch_takes_s: Range = _of("from the answer of a history that a page fetches until the page shows it", (0.0, 0.0))
    transport: str = _of("of widgets: websocket, polling, or upgrade from polling to websocket", "websocket", "")
    ping_interval_s: float = _of("Engine.IO pingInterval asked of a started server", 5.0)
    ping_timeout_s: float = _of("Engine.IO pingTimeout asked of a started server", 4.0)
    connect_deadline_s: float = _of("a connection that takes longer to open has failed", 3.0)
    join_deadline_s: float = _of("a join without an ack for longer has failed", 3.0)
    answer_deadline_s: float = _of("a request or send without an answer for longer is unanswered", 5.0)
    backoff: str = _of("how the delays before new attempts grow: js, python or full-jitter", "js", "")
    backoff_s: float = _of("first delay before a new attempt", 1.0)
    backoff_max_s: float = _of("longest delay before a new attempt", 5.0)
    late_after_s: float = _of("a display later than this after the due is late", 2.0)
    quiet_s: float = _of("from the end of sending until parties leave at the latest; 0: horizon + 2 s", 0.0)
    warm_up_s: float = _of("messages due before this count in everything but latency", 0.0)
    seed: int = _of("every random choice comes from it", 1, "")
    faults: tuple[Fault, ...] = _of("tables [faults.NAME] with at_s, for_s and more", (), "")
    goals: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict, metadata={"meaning": "tables [goals.FIGURE] with max, for the gate", "unit": ""}
    )

    @property
    def horizon_s(self) -> float:
        """How long after its acceptance a message may still come: detection, back-off, deadlines, lateness."""
        detection_s = self.ping_interval_s + self.ping_timeout_s
        return detection_s + self.backoff_max_s + self.connect_deadline_s + self.join_deadline_s + self.late_after_s

    @property
    def quiet_phase_s(self) -> float:
        return self.quiet_s or self.horizon_s + 2.0

    def table(self) -> dict[str, Any]:
        """As it stands in run.json and in a TOML file: `load` of it gives the same scenario."""
        table = dataclasses.asdict(self)
        table["faults"] = {each.name: each.table() for each in self.faults}
        return table


def shipped() -> dict[str, Path]:
    """Name -> file of the scenarios that entrega brings along."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def described(scenario: Scenario) -> list[str]:
    """A file of it (TOML): every field with unit, meaning, and the default where it differs; then faults and goals."""
    lines = []
    table, defaults = scenario.table(), Scenario().table()
    for each in dataclasses.fields(scenario):
        if each.name not in ("name", "faults", "goals"):
            unit = each.metadata["unit"] and f"{each.metadata['unit']}; "
            value, default = json.dumps(table[each.name]), json.dumps(defaults[each.name])
            said = "" if value == default or each.name == "sentence" else f" [default: {default}]"
            lines.append(f"{each.name} = {value}  # {unit}{each.metadata['meaning']}{said}")
    for group in ("faults", "goals"):
        for name, fields in table[group].items():
            lines += ["", f"[{group}.{json.dumps(name) if '.' in name else name}]"]
            lines += [f"{field} = {json.dumps(value)}" for field, value in fields.items()]
    return [line.replace("= Infinity", "= inf") for line in lines]


def load(name: str, changes: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario of that name or file (TOML, or a run.json to play again), with `changes` (dotted field -> value).

    Raises ScenarioError for an unknown name, field or value.
    """
    table = _table(name)
    for dotted, value in (changes or {}).items():
        _put(table, dotted, value)
    return from_table(table)


def from_table(table: Mapping[str, Any]) -> Scenario:
    """The checked scenario of a table as TOML or JSON gives it."""
    known = {each.name: each for each in dataclasses.fields(Scenario)}
    for name in table:
        if name not in known:
            all_of_them = "`entrega list scenarios steady` has them all"
            raise ScenarioError(f"no field {name!r} in a scenario; {near(name, known, all_of_them)}")
    scenario = Scenario(**{name: _checked(known[name], value) for name, value in table.items()})
    _check_sense(scenario)
    return scenario


def parse_setting(text: str) -> tuple[str, Any]:
    """`FIELD=VALUE` of --set; VALUE is TOML (5, [1, 2.5], true) or else the bare string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ScenarioError(f"--set takes FIELD=VALUE, not {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value


def parse_time_s(text: str) -> float:
    """Seconds of 20, 20s, 1.5m or 1h."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    except ValueError:
        raise ScenarioError(f"{text!r} is no time; write 20s, 5m or 1h") from None


def _table(name: str) -> dict[str, Any]:
    path = shipped().get(name, Path(name))
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        nearest = near(name, shipped(), "`entrega list scenarios` has them all")
        raise ScenarioError(f"no scenario {name!r}; {nearest}; nor is it a file that can be read ({error})") from None
    return _run_json(path, text) if path.suffix == ".json" else _toml(path, text)


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path} is not TOML ({error}); mend its syntax") from None
    base = table.pop("from", None)
    if base is None:
        return {"name": path.stem, **table}
    if not isinstance(base, str) or base not in shipped():
        nearest = near(str(base), shipped(), "`entrega list scenarios` has them all")
        raise ScenarioError(f'{path}: from = "{base}" names no shipped scenario; {nearest}')
    return _merged(_table(base), {"name": path.stem, **table})


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _run_json(path: Path, text: str) -> dict[str, Any]:
    try:
        return dict(mapping("scenario", json.loads(text)["scenario"]))
    except (ValueError, KeyError, TypeError, ScenarioError):
        raise ScenarioError(f"{path} holds no scenario; give a run.json of a run, or a TOML file") from None


def _put(table: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ScenarioError(f"{dotted}: {parent} is not a table")
    table[last] = value


def _checked(spec: "dataclasses.Field[Any]", value: Any) -> Any:
    if spec.name == "faults":
        return tuple(fault(name, table) for name, table in mapping("faults", value).items())
    if spec.name == "goals":
        return {name: dict(mapping(f"goals.{name}", goal)) for name, goal in mapping("goals", value).items()}
    if spec.name in WORDS:
        return word(spec.name, value, WORDS[spec.name])
    reads: Mapping[Any, Any] = {Range: between, float: number, int: whole_number, str: word}
    return reads[spec.type](spec.name, value)


def _check_sense(scenario: Scenario) -> None:
    if not re.fullmatch(r"[\w-][\w .-]*", scenario.name):
        raise ScenarioError(f"name = {scenario.name!r} is to be a folder's; take letters, digits, dots and dashes")
    for name in ("widgets", "agents", "run_time_s", "arrivals_per_s", "ping_interval_s", "ping_timeout_s"):
        if not getattr(scenario, name):
            raise ScenarioError(f"{name} must be above 0")
    if scenario.transfer_after_s[1] and scenario.agents < 2:
        raise ScenarioError("transfer_after_s needs a second agent to hand over to; raise agents")
    if scenario.text_chars[1] and not scenario.text:
        raise ScenarioError("text_chars needs a text to repeat; give text")
    if min(scenario.agent_every_s[0], scenario.widget_every_s[0]) < 0.001:
        raise ScenarioError("agent_every_s and widget_every_s must be at least 0.001")
    if 0 < scenario.quiet_s < scenario.horizon_s:
        raise ScenarioError(
            f"quiet_s = {scenario.quiet_s} is shorter than the horizon of {scenario.horizon_s} s, which would make "
            "false losses; raise it, or leave it 0"
        )
