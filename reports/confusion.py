"""The table of what is broken on purpose and what the ledger must then say; and how far it did.

Neither server, scenario nor cause names one of the others: this is the one place where they meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.causes import CAUSES

# Small and quick, with heartbeats scaled to 1/1 s and everything that waits for them scaled along.
SMALL: Mapping[str, Any] = {
    "widgets": 8,
    "agents": 2,
    "run_time_s": 8.0,
    "arrivals_per_s": 20.0,
    "settle_s": 1.0,
    "agent_every_s": [0.6, 1.0],
    "widget_every_s": [0.8, 1.2],
    "ping_interval_s": 1.0,
    "ping_timeout_s": 1.0,
    "connect_deadline_s": 1.0,
    "join_deadline_s": 1.0,
    "answer_deadline_s": 2.0,
    "backoff_s": 0.4,
    "backoff_max_s": 1.0,
    "late_after_s": 1.0,
}
SHORT_DROP: Mapping[str, Any] = {"faults.drop.at_s": [3.0, 4.0], "faults.drop.for_s": [0.5, 1.5]}
KILL_SERVER: Mapping[str, Any] = {"faults.kill-server.at_s": 5.0, "faults.kill-server.for_s": 0.5}


@dataclass(frozen=True, slots=True)
class Case:
    """One run: `injected` is a defect, a fault or nothing; `expect` the only causes that may be given.

    `finds` must be given at least once: a cause, a reason why a lost message was not recovered, or `late`. Where no
    defect is injected the software is right, whatever happens to it: then nothing may be lost.
    """

    scenario: str
    injected: str
    expect: frozenset[str]
    finds: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.scenario} + {self.injected or 'nothing'}"

    @property
    def healthy(self) -> bool:
        return not self.defects

    @property
    def defects(self) -> tuple[str, ...]:
        return (self.injected,) if self.injected.startswith(("server.", "widget.")) else ()


def _case(scenario: str, injected: str, expect: str, finds: str = "", **settings: Any) -> Case:
    more = SHORT_DROP if scenario == "short-drop" else {}
    return Case(scenario, injected, frozenset(expect.split()), finds, {**SMALL, **more, **settings})


CASES = (
    _case("steady", "", ""),
    _case("early-reply", "", "early_message join_race"),
    _case("steady", "kill-server", "server_restarted", "server_restarted", **KILL_SERVER),
    _case("short-drop", "drop", "offline", "offline"),
    _case("early-reply", "server.no-history", "early_message join_race", "not_offered"),
    _case("short-drop", "server.no-history", "offline", "not_offered"),
    _case("steady", "server.room-format", "room_mismatch", "room_mismatch"),
    _case("early-reply", "server.room-format", "early_message join_race room_mismatch", "room_mismatch"),
    _case("steady", "server.join-event", "event_mismatch", "event_mismatch"),
    _case("steady", "server.payload-shape", "malformed", "malformed"),
    _case("steady", "server.origin", "origin_refused", "origin_refused"),
    _case("steady", "server.drop-emit=0.2", "not_published", "not_published"),
    _case("early-reply", "server.join-delay=250", "join_race", "join_race", connect_after_s=[2.8, 2.95]),
    _case("steady", "server.delay=uniform:0:2500", "", "late"),
    _case("short-drop", "widget.no-rejoin", "offline not_rejoined", "not_rejoined"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read once: how many rows each cause and each reason of no recovery was given, and what else happened."""

    journal: bool
    attributed: dict[str, int]
    not_recovered: dict[str, int]
    lost: int
    violations: dict[str, int]  # duplicates, reorders, leaks, phantoms, unexpected; what is not 0
    late: int = 0


def names_without_journal(expect: frozenset[str]) -> frozenset[str]:
    """What the same causes are called when there is no journal: those that look alike by their group."""
    groups = {cause.name: cause.group or cause.name for cause in CAUSES}
    return frozenset(groups[name] for name in expect)


def faults_of(case: Case, reading: Reading) -> list[str]:
    """What is wrong with the reading, as `false alarm: ...`, `missed: ...`, `misnamed: ...`, `unexplained: ...`."""
    expect = case.expect if reading.journal else names_without_journal(case.expect)
    wrong = [f"{name} {count}" for name, count in reading.attributed.items() if name not in expect]
    found = {**reading.attributed, **reading.not_recovered, "late": reading.late}
    finds = case.finds
    if not reading.journal and finds in case.expect:
        (finds,) = names_without_journal(frozenset({finds}))
    faults = []
    if reading.attributed.get("unexplained"):
        faults.append(f"unexplained: {reading.attributed['unexplained']}")
    if wrong:
        faults.append(f"{'misnamed' if finds else 'false alarm'}: {', '.join(wrong)}")
    if case.healthy and reading.lost:
        faults.append(f"false alarm: {reading.lost} lost")
    if reading.violations:
        faults.append(f"false alarm: {reading.violations}")
    if finds and not found.get(finds):
        faults.append(f"missed: no {finds}")
    return faults
