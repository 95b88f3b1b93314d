"""The table of what is broken on purpose and what the ledger must then say; and how far it did.

Neither server, scenario nor cause names one of the others: this is the one place where they meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtests.faults import FAULTS
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
# What happens when, in scenarios that are played so small.
TIMES: Mapping[str, Mapping[str, Any]] = {
    "short-drop": {"faults.drop.at_s": [3.0, 4.0], "faults.drop.for_s": [0.5, 1.5]},
    "recovery-window": {"faults.offline.at_s": [3.0, 4.0], "faults.offline.for_s": [0.3, 2.5]},
    "half-open": {"run_time_s": 9.0, "faults.half-open.at_s": [2.5, 3.0], "faults.half-open.for_s": [2.5, 3.5]},
    "history-race": {
        "connect_after_s": [2.5, 4.5],
        "widget_first_s": [5.0, 6.0],
        "agent_every_s": [0.3, 0.6],
        "fetch_takes_s": [0.0, 1.5],
    },
    "duplicates": {
        "faults.drop.at_s": [2.5, 3.5],
        "faults.drop.for_s": [0.2, 0.6],
        "faults.drop.every_s": [2.0, 2.5],
    },
    "restart": {
        "run_time_s": 10.0,
        "faults.stop-server.at_s": 4.0,
        "faults.stop-server.for_s": 0.5,
        "faults.kill-server.at_s": 7.0,
        "faults.kill-server.for_s": 0.5,
    },
    "stall": {
        "run_time_s": 10.0,
        "faults.stall-server.at_s": [3.0, 3.5],
        "faults.stall-server.for_s": [1.2, 2.0],
        "faults.stall-server.every_s": [4.0, 4.5],
    },
    "embedded": {
        "faults.token-expiry.at_s": [2.5, 3.0],
        "faults.token-expiry.for_s": [1.5, 2.0],
        "faults.drop.at_s": [3.0, 3.3],
        "faults.drop.for_s": [0.2, 0.5],
    },
    "slow-widget": {
        "run_time_s": 9.0,
        "agent_every_s": [0.3, 0.6],
        "faults.slow-read.at_s": [2.0, 2.5],
        "faults.slow-read.for_s": [2.5, 3.0],
        "faults.slow-read.share": 1.0,
        "faults.freeze.at_s": [6.0, 6.2],
        "faults.freeze.for_s": [1.0, 2.5],
        "faults.freeze.share": 1.0,
    },
    "transfer": {"transfer_after_s": [2.5, 4.0]},
    "reload": {"faults.reload.at_s": [2.5, 5.0], "faults.reload.for_s": [0.2, 0.6]},
    "storm": {
        "widgets": 30,
        "run_time_s": 9.0,
        "faults.kill-server.at_s": 5.0,
        "faults.kill-server.for_s": 0.5,
    },
    "two-tabs": {
        "faults.two-tabs.at_s": [1.5, 2.0],
        "faults.two-tabs.for_s": [4.0, 5.0],
        "faults.drop.at_s": [3.0, 4.0],
        "faults.drop.for_s": [0.3, 0.8],
    },
    "polling": {
        "faults.poll-cut.at_s": [2.5, 3.5],
        "faults.poll-cut.for_s": [0.5, 1.0],
        "faults.drop.at_s": [5.5, 6.0],
        "faults.drop.for_s": [0.3, 0.8],
    },
    "bad-day": {
        "run_time_s": 16.0,
        **{f"faults.{name}.every_s": 0 for name in FAULTS},
        **{f"faults.{name}.at_s": [2.5, 12.0] for name in FAULTS},
        **{f"faults.{name}.for_s": [0.3, 2.5] for name in FAULTS},
    },
}


@dataclass(frozen=True, slots=True)
class Case:
    """One run: `injected` is a defect, a fault or nothing; `expect` the only causes that may be given.

    `finds` must be given at least once: a cause, a reason why a lost message was not recovered or one not accepted, who
    made a violation, or `late`. `needs` are defects without which it would not show; `allows`: who may be found to have
    made violations. Where no defect is on the software is right, whatever happens to it: then nothing may be lost.
    """

    scenario: str
    injected: str
    expect: frozenset[str]
    finds: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    allows: frozenset[str] = frozenset()
    quick: bool = False

    @property
    def name(self) -> str:
        return f"{self.scenario} + {self.injected or 'nothing'}"

    @property
    def healthy(self) -> bool:
        return not self.defects

    @property
    def defects(self) -> tuple[str, ...]:
        return (self.injected, *self.needs) if self.injected.startswith(("server.", "widget.")) else self.needs


def _case(
    scenario: str,
    injected: str,
    expect: str,
    finds: str = "",
    *,
    needs: str = "",
    allows: str = "",
    quick: bool = False,
    **settings: Any,
) -> Case:
    settings = {**SMALL, **TIMES.get(scenario, {}), **settings}
    words = frozenset(expect.split()), finds, settings, tuple(needs.split()), frozenset(allows.split())
    return Case(scenario, injected, *words, quick)


def _fault(name: str, at_s: Any, for_s: Any, **more: Any) -> dict[str, Any]:
    fields = {"at_s": at_s, "for_s": for_s, **more}
    return {f"faults.{name}.{field}": value for field, value in fields.items()}


RACES = "early_message join_race"
GONE = "offline half_open frozen idle_timeout slow_consumer poll_abandoned upgrade_stuck server_restarted"
GONE += " reconnect_storm server_stalled auth_refused not_published"

# What happens to correct software.
HEALTHY = (
    _case("steady", "", "", quick=True),
    _case("contract", "", ""),
    _case("early-reply", "", RACES, quick=True),
    _case("escalation", "", ""),
    _case("transfer", "", "", quick=True),
    _case("history-race", "", RACES),
    _case("short-drop", "drop", "offline", "offline", quick=True),
    _case("duplicates", "drop", "offline", "offline"),
    _case("steady", "close", "offline", "offline", **_fault("close", [3.0, 4.0], [0.3, 1.0])),
    _case("recovery-window", "offline", "offline", "offline"),
    _case("half-open", "half-open", "half_open offline", "half_open", quick=True),
    _case("steady", "idle-limit", "idle_timeout offline", "idle_timeout", **_fault("idle-limit", 2.0, 5.0, idle_s=0.6)),
    _case(
        "steady",
        "websocket-cut",
        "upgrade_stuck offline",
        "upgrade_stuck",
        transport="upgrade",
        **_fault("websocket-cut", 0.0, 5.0),
    ),
    _case("polling", "poll-cut", "poll_abandoned offline", "poll_abandoned"),
    _case("slow-widget", "slow-read", "slow_consumer frozen offline", "slow_consumer"),
    _case("slow-widget", "freeze", "slow_consumer frozen offline", "frozen", quick=True),
    _case("reload", "reload", "offline", "offline"),
    _case("two-tabs", "two-tabs", "offline"),
    _case("embedded", "token-expiry", "auth_refused offline", "auth_refused"),
    _case(
        "steady", "kill-server", "server_restarted", "server_restarted", quick=True, **_fault("kill-server", 5.0, 0.5)
    ),
    _case("restart", "stop-server", "server_restarted reconnect_storm", "server_restarted"),
    _case("stall", "stall-server", "server_stalled offline", "server_stalled", quick=True),
    _case("storm", "kill-server", "server_restarted reconnect_storm", "server_restarted"),
    _case("bad-day", "", f"{RACES} {GONE}"),
)

# Wrong code.
BROKEN = (
    _case("early-reply", "server.no-history", RACES, "not_offered", quick=True),
    _case("short-drop", "server.no-history", "offline", "not_offered"),
    _case("recovery-window", "server.recovery-window=0.5", "offline", "window"),
    _case("steady", "server.room-format", "room_mismatch", "room_mismatch", quick=True),
    _case("early-reply", "server.room-format", f"{RACES} room_mismatch", "room_mismatch"),
    _case("contract", "server.namespace", "namespace_mismatch", "namespace_mismatch", quick=True),
    _case("escalation", "server.new-session-on-escalate", "stale_room", "stale_room"),
    _case("contract", "server.join-event", "event_mismatch", "event_mismatch", quick=True),
    _case("contract", "server.payload-shape", "malformed", "malformed", quick=True),
    _case("embedded", "server.origin", "origin_refused", "origin_refused", quick=True),
    _case("short-drop", "server.token-ttl=2", "auth_refused offline", "auth_refused"),
    _case("early-reply", "server.join-delay=250", "join_race", "join_race", connect_after_s=[2.8, 2.95], quick=True),
    _case("storm", "server.slow-handshake=100", "server_restarted reconnect_storm", "reconnect_storm"),
    _case("steady", "server.delay=uniform:0:2500", "", "late", quick=True),
    _case("short-drop", "server.ghost", "ghost_member offline", "ghost_member"),
    _case("transfer", "server.drop-emit=0.2", "not_published", "not_published"),
    _case("steady", "server.drop-emit=0.2", "not_published", "not_published", quick=True),
    _case("steady", "server.duplicate-emit=0.3", "", "emitted_twice", needs="widget.no-dedupe", allows="emitted_twice"),
    _case("steady", "server.reorder=0.3", "", "emitted_out_of_order", allows="emitted_out_of_order", quick=True),
    _case("steady", "server.leak=0.3", "", "emitted_to_others", allows="emitted_to_others", quick=True),
    _case("steady", "server.kick=0.1", "kicked", "kicked", quick=True),
    _case("steady", "server.ack-lost=0.3", "", "ack_lost"),
    _case(
        "steady", "server.no-dedupe", "", "stored_twice", needs="server.ack-lost=0.3", allows="stored_twice", retries=2
    ),
    _case(
        "steady",
        "server.emit-before-store=0.3",
        "",
        "emitted_unstored",
        allows="emitted_unstored accepted_unstored",
        quick=True,
    ),
    _case(
        "short-drop",
        "server.emit-before-store=0.3",
        "offline not_published",
        "not_stored",
        allows="emitted_unstored accepted_unstored",
    ),
    _case("short-drop", "widget.no-rejoin", "offline not_rejoined", "not_rejoined", quick=True),
    _case("short-drop", "widget.no-reconnect", "offline", "never_back"),
    _case("contract", "widget.stale-room", "stale_room", "stale_room"),
    _case("early-reply", "widget.late-listener=1500", f"{RACES} late_listener", "late_listener"),
    _case("short-drop", "widget.handler-per-connect", "offline", "duplicate_handler", allows="duplicate_handler"),
    _case("short-drop", "widget.no-dedupe", "offline", "not_deduped", allows="not_deduped"),
    _case("history-race", "widget.fetch-then-join", f"{RACES} history_race", "history_race"),
    _case("history-race", "widget.replace-on-fetch", f"{RACES} history_race", "wiped"),
)
CASES = HEALTHY + BROKEN
QUICK = tuple(case for case in CASES if case.quick)


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read once: how many rows each cause and each reason was given, and what else happened.

    `violations`: by who made them (reports.violations), and `unexpected`; what is not 0.
    """

    journal: bool
    attributed: dict[str, int]
    not_recovered: dict[str, int]
    lost: int
    violations: dict[str, int]
    late: int = 0
    not_accepted: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> dict[str, int]:
        """All that a case may find."""
        return {
            **self.attributed,
            **self.not_recovered,
            **self.violations,
            **self.not_accepted,
            "late": self.late,
        }


def names_without_journal(expect: frozenset[str]) -> frozenset[str]:
    """What the same causes are called when there is no journal: those that look alike by their group."""
    groups = {cause.name: cause.group or cause.name for cause in CAUSES}
    return frozenset(groups[name] for name in expect)


def faults_of(case: Case, reading: Reading) -> list[str]:
    """What is wrong with the reading, as `false alarm: ...`, `missed: ...`, `misnamed: ...`, `unexplained: ...`."""
    expect = case.expect if reading.journal else names_without_journal(case.expect)
    wrong = [f"{name} {count}" for name, count in reading.attributed.items() if name not in expect]
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
    if alarms := {name: count for name, count in reading.violations.items() if name not in case.allows}:
        faults.append(f"false alarm: {alarms}")
    if finds and not reading.found.get(finds):
        faults.append(f"missed: no {finds}")
    return faults
