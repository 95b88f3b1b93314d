"""The table of what is broken on purpose, and of what the ledger must then say.

Neither server, scenario nor cause names one of the others: this is the one place where they meet. What each of them may
do to which message: reports.truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtests.faults import FAULTS

# Small and quick, with heartbeats scaled to 1/1 s and everything that waits for them scaled along.
SMALL: Mapping[str, Any] = {
    "widgets": 8, "agents": 2, "run_time_s": 8.0, "arrivals_per_s": 20.0, "settle_s": 1.0,
    "agent_every_s": [0.6, 1.0], "widget_every_s": [0.8, 1.2],
    "ping_interval_s": 1.0, "ping_timeout_s": 1.0, "backoff_s": 0.4, "backoff_max_s": 1.0,
    "connect_deadline_s": 1.0, "join_deadline_s": 1.0, "answer_deadline_s": 2.0, "late_after_s": 1.0,
}  # fmt: skip


def _fault(name: str, at_s: Any, for_s: Any, **more: Any) -> dict[str, Any]:
    fields = {"at_s": at_s, "for_s": for_s, **more}
    return {f"faults.{name}.{field}": value for field, value in fields.items()}


# What happens when, in scenarios that are played so small.
TIMES: Mapping[str, Mapping[str, Any]] = {
    "short-drop": _fault("drop", [3.0, 4.0], [0.5, 1.5]),
    "recovery-window": _fault("offline", [3.0, 4.0], [0.3, 2.5]),
    "half-open": {"run_time_s": 9.0, **_fault("half-open", [2.5, 3.0], [2.5, 3.5])},
    "history-race": {
        "connect_after_s": [2.5, 4.5],
        "agent_first_s": [1.5, 2.0],  # before most widgets have come
        "widget_first_s": [5.0, 6.0],
        "agent_every_s": [0.3, 0.6],
        "fetch_takes_s": [0.0, 1.5],
    },
    "duplicates": _fault("drop", [2.5, 3.5], [0.2, 0.6], every_s=[2.0, 2.5]),
    "restart": {"run_time_s": 20.0, **_fault("stop-server", 4.0, 0.5), **_fault("kill-server", 11.0, 0.5)},
    "stall": {"run_time_s": 10.0, **_fault("stall-server", [3.0, 3.5], [1.6, 1.9], every_s=[4.0, 4.5])},
    "embedded": {**_fault("token-expiry", [2.5, 3.0], [1.5, 2.0]), **_fault("drop", [3.0, 3.3], [0.2, 0.5])},
    "slow-widget": {
        "run_time_s": 9.0,
        "agent_first_s": 2.0,
        "agent_every_s": [0.2, 0.4],
        # A message in less than a ping interval: it must not look dead.
        **_fault("slow-read", [2.6, 2.8], [3.0, 3.2], bytes_per_s=500),
        **_fault("freeze", [3.6, 4.0], [2.6, 3.0]),
    },
    "transfer": {"transfer_after_s": [2.5, 4.0]},
    "reload": _fault("reload", [3.5, 5.0], [0.5, 1.0]),
    "storm": {"widgets": 30, "run_time_s": 18.0, **_fault("kill-server", 5.0, 0.5)},
    "two-tabs": {**_fault("two-tabs", [1.5, 2.0], [4.0, 5.0]), **_fault("drop", [3.0, 4.0], [0.3, 0.8])},
    "polling": {**_fault("poll-cut", [2.5, 3.5], [0.5, 1.0]), **_fault("drop", [5.5, 6.0], [0.3, 0.8])},
    "bad-day": {
        "widgets": 24,
        "run_time_s": 26.0,
        **{f"faults.{name}.every_s": 0 for name in FAULTS},
        **{f"faults.{name}.at_s": [2.5, 22.0] for name in FAULTS},
        **{f"faults.{name}.for_s": [0.3, 2.5] for name in FAULTS},
        "faults.half-open.for_s": [2.5, 3.5],
        "faults.idle-limit.idle_s": 0.6,
        "faults.slow-read.bytes_per_s": 500,
        "faults.kill-server.at_s": 6.0,
        "faults.stop-server.at_s": 13.0,
        "faults.stall-server.at_s": 19.0,
        "faults.stall-server.for_s": 1.8,
    },
}


@dataclass(frozen=True, slots=True)
class Case:
    """One run: `injected` is a defect, a fault, or nothing beside what the scenario does itself.

    `finds` must be given at least once: a cause, a reason why a lost message was not recovered or one not accepted, who
    made a violation, or `late`. `needs` are defects without which it would not show. Where no defect is on the software
    is right, whatever happens to it: then nothing may be lost.
    """

    scenario: str
    injected: str
    finds: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
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
    scenario: str, injected: str = "", finds: str = "", *, needs: str = "", quick: bool = False, **settings: Any
) -> Case:
    settings = {**SMALL, **TIMES.get(scenario, {}), **settings}
    return Case(scenario, injected, finds, settings, tuple(needs.split()), quick)


def _without(name: str) -> dict[str, Any]:
    return {f"faults.{name}.share": 0.0}


# What happens to correct software.
HEALTHY = (
    _case("steady", quick=True),
    _case("contract"),
    _case("early-reply", finds="early_message", quick=True),
    _case("escalation"),
    _case("transfer"),
    _case("history-race", finds="early_message"),
    _case("short-drop", "drop", "offline", quick=True),
    _case("duplicates", "drop", "offline"),
    _case("steady", "close", "offline", **_fault("close", [3.0, 4.0], [0.3, 1.0])),
    _case("recovery-window", "offline", "offline"),
    _case("half-open", "half-open", "half_open", quick=True),
    _case("steady", "idle-limit", "idle_timeout", **_fault("idle-limit", 2.0, 5.0, idle_s=0.6)),
    _case("steady", "websocket-cut", "upgrade_stuck", transport="upgrade", **_fault("websocket-cut", 0.0, 5.0)),
    _case("polling", "poll-cut", "poll_abandoned"),
    # Read slowly, and reset with the rest on its way.
    _case("slow-widget", "slow-read", "slow_consumer", **_without("freeze"), **_fault("drop", [5.3, 5.5], [0.3, 0.6])),
    _case("slow-widget", "freeze", "frozen", **_without("slow-read"), quick=True),
    _case("reload", "reload", "offline"),
    _case("two-tabs", "two-tabs"),
    _case("embedded", "token-expiry", "auth_refused"),
    # The server needs a second to start, and more where much else is going on.
    _case("steady", "kill-server", "server_restarted", quick=True, run_time_s=16.0, **_fault("kill-server", 4.5, 0.5)),
    _case("restart", "stop-server", "server_restarted"),
    _case("stall", "stall-server", "server_stalled", quick=True),
    _case("storm", "kill-server", "server_restarted"),
    _case("bad-day"),
)

# Wrong code.
BROKEN = (
    _case("early-reply", "server.no-history", "not_offered", quick=True),
    _case("short-drop", "server.no-history", "not_offered"),
    _case("recovery-window", "server.recovery-window=0.5", "window"),
    _case("steady", "server.room-format", "room_mismatch", quick=True),
    _case("early-reply", "server.room-format", "room_mismatch"),
    _case("contract", "server.namespace", "namespace_mismatch"),
    _case("escalation", "server.new-session-on-escalate", "stale_room"),
    _case("contract", "server.join-event", "event_mismatch", quick=True),
    _case("contract", "server.payload-shape", "malformed", quick=True),
    _case("embedded", "server.origin", "origin_refused", quick=True),
    _case("short-drop", "server.token-ttl=2", "auth_refused"),
    _case("early-reply", "server.join-delay=250", "join_race", connect_after_s=[2.8, 2.95], quick=True),
    _case("storm", "server.slow-handshake=100", "reconnect_storm"),
    _case("steady", "server.delay=uniform:0:2500", "late"),
    _case("contract", "server.forget-room=3", "left_room"),
    _case("short-drop", "server.ghost", "ghost_member"),
    _case("steady", "server.drop-emit=0.2", "not_published", quick=True),
    _case("transfer", "server.drop-emit=0.2", "not_published"),
    _case("steady", "server.duplicate-emit=0.3", "emitted_twice", needs="widget.no-dedupe"),
    _case("steady", "server.reorder=0.3", "emitted_out_of_order"),
    _case("steady", "server.leak=0.3", "emitted_to_others"),
    _case("steady", "server.kick=0.1", "kicked", quick=True),
    _case("steady", "server.ack-lost=0.3", "ack_lost"),
    _case("steady", "server.no-dedupe", "stored_twice", needs="server.ack-lost=0.3", retries=2),
    _case("steady", "server.emit-before-store=0.3", "emitted_unstored"),
    _case("short-drop", "server.emit-before-store=0.3", "not_stored"),
    _case("short-drop", "widget.no-rejoin", "not_rejoined", quick=True),
    _case("short-drop", "widget.no-reconnect", "never_back"),
    _case("contract", "widget.stale-room", "stale_room"),
    _case("early-reply", "widget.late-listener=1500", "late_listener"),
    _case("short-drop", "widget.handler-per-connect", "duplicate_handler"),
    _case("short-drop", "widget.no-dedupe", "not_deduped"),
    _case("history-race", "widget.fetch-then-join", "history_race"),
    _case("history-race", "widget.replace-on-fetch", "wiped"),
)
CASES = HEALTHY + BROKEN
QUICK = tuple(case for case in CASES if case.quick)
# Every scenario once, as often as one likes; and one long day.
SOAK = tuple({case.scenario: case for case in reversed(HEALTHY)}.values())
LONG_DAY = Case("bad-day", "", settings={"run_time_s": 1200.0})
