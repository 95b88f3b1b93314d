"""Measure the client against Locust's own and the browser's: CPU per delivered message, memory per joined connection.

All three play the same crowd of talk.toml against the same Node.js server, interleaved in ROUNDS: 100 connections, each
message sent at its due over the websocket, acked, and emitted to its room. The load is pinned to one core, the server
to another. Ours is a run with all its recording; Node's script writes the same four events per message; Locust keeps
its own statistics. CPU is user and system time of the load's whole process tree in a steady window. A delivery is a
message shown to its recipient in that window; the server counts what it emits as a witness.

The rate is the highest of TIMES that Locust's client can bear: what wakes a process that sleeps costs more than the
message, and a load core is bought to be busy. `python -m tests.bench.client`
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests import scenario as scenarios
from loadtests.order import allow_files
from tests import certificate
from tests.bench import recorder
from tests.bench.crowd import serving
from tests.bench.loads import Load, Locust, Node, NotPlayedError, Ours
from tests.bench.pinned import Spent, awake
from tests.certificate import Certificate
from tests.node_process import node

HERE = Path(__file__).parent
TALK, IDLE = HERE / "talk.toml", HERE / "idle.toml"
LOADS: tuple[type[Load], ...] = (Ours, Locust, Node)
ROUNDS = 3
TRIES = 2  # of a window that did not hold its plan
TIMES = (2.5, 2.0, 1.5, 1.0)  # what talk.toml plays, 1,200 deliveries a second
STEADY_AFTER_S = 1.5  # from the last join
WINDOW_S = 5.0
FEW, MANY = 500, 2500
IDLE_S = 3.0
AGREE = 0.05  # by which share a window's counts may differ, with what is on its way at both of its ends

Costs = dict[str, float | None]  # of one round: CPU per delivered message (us) by load; None: it never held its plan


@dataclass(frozen=True, slots=True)
class Window:
    """What a load and the server spent in a steady window, and how many messages were due, emitted and shown in it."""

    spent: Spent
    server: Spent
    due: float
    emitted: int
    shown: float

    @property
    def cpu_us(self) -> float:
        """Per delivered message."""
        return self.spent.cpu_s / self.shown * 1e6

    @property
    def held(self) -> bool:
        """Whether what was due was sent, no less and no more, and all of it shown."""
        return all(abs(count - self.due) <= self.due * AGREE for count in (self.emitted, self.shown))


def measure() -> dict[str, float | None]:
    """CPU per delivered message (us), ours as a share of the others', memory per connection (kB), one event (us)."""
    node()
    allow_files(MANY)
    times = _bearable()
    rounds = [_round(number, times) for number in range(ROUNDS)]
    return {
        **{f"cpu_us_{kind.name}": middle(rounds, kind.name) for kind in LOADS},
        **{f"ratio_{name}": middle(rounds, "ours", name) for name in ("locust", "node")},
        **{f"kb_{kind.name}": _kb(kind) for kind in LOADS},
        "record_us": recorder.measure()["append_and_flush_us_per_event"],
        **{f"wss_cpu_us_{kind.name}": _wss_cpu_us(kind, times) for kind in LOADS},
    }


def check(shown: int, emitted: int) -> None:
    """Raise RuntimeError when more messages were shown than had been emitted until then: the count is wrong."""
    if not emitted or shown > emitted:
        raise RuntimeError(f"{shown} messages were counted as shown, but {emitted} were emitted")


def middle(rounds: list[Costs], name: str, share_of: str | None = None) -> float | None:
    """The median over the rounds in which that was measured; None where it was in none."""
    pairs = [(each[name], each[share_of] if share_of else 1.0) for each in rounds]
    found = [cost / base for cost, base in pairs if cost is not None and base is not None]
    return median(found) if found else None


def _bearable() -> float:
    """The first of TIMES at which Locust's client holds its plan; the last, if it holds none."""
    return next((times for times in TIMES if _talk(Locust, times).held), TIMES[-1])


def _round(number: int, times: float) -> Costs:
    """Each load once. Who comes first changes."""
    order = LOADS[number % len(LOADS) :] + LOADS[: number % len(LOADS)]
    return {kind.name: _cpu_us(kind, times) for kind in order}


def _cpu_us(kind: type[Load], times: float, tls: Certificate | None = None) -> float | None:
    """Of the first window in which it held its plan: a load that falls behind costs something else."""
    windows = (_talk(kind, times, tls) for _ in range(TRIES))
    return next((window.cpu_us for window in windows if window.held), None)


def _cores() -> tuple[int, int]:
    """The load's and the server's."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("the load and the server need a core each, and there is one")
    return cores[0], cores[1]


def _talk(kind: type[Load], times: float, tls: Certificate | None = None) -> Window:
    """One window of one load, at so many times the rate of talk.toml."""
    load_core, server_core = _cores()
    talk = scenarios.load(str(TALK))
    every = {name: [bound / times for bound in getattr(talk, name)] for name in ("agent_every_s", "widget_every_s")}
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), server_core, tls) as chat,
        awake(load_core, server_core),
    ):
        load = kind(Path(scratch))
        try:
            tree = load.start(chat, TALK, every, load_core)
            load.await_joined(2 * talk.widgets)
            time.sleep(STEADY_AFTER_S)
            before, began, server = chat.emitted(), tree.usage(), chat.tree.usage()
            time.sleep(WINDOW_S)
            spent, server_spent, after = tree.spent(began), chat.tree.spent(server), chat.emitted()
            load.await_look(after.t_ns)
        finally:
            load.end()
        check(load.shown_by(after.t_ns), after.count)
        due = talk.widgets * sum(2 / sum(between) for between in every.values()) * spent.seconds
        window = Window(spent, server_spent, due, after.count - before.count, load.shown(spent.from_ns, spent.until_ns))
    _say(f"{'wss' if tls else 'ws':<3} {kind.name:<6}", window)
    return window


def _say(who: str, window: Window) -> None:
    spent = window.spent
    rate = f"{window.shown / spent.seconds:,.0f} a second{'' if window.held else ', NOT ITS PLAN'}"
    cores = f"load {spent.cpu:.0%}, others beside it {spent.others:.0%}, server {window.server.cpu:.0%}"
    print(f"  {who} {window.cpu_us:>5.0f} us a delivery, {rate}; {cores}", flush=True)


def _wss_cpu_us(kind: type[Load], times: float) -> float | None:
    """None where the client cannot do it yet."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _cpu_us(kind, times, certificate.make(Path(folder)))
        except NotPlayedError as refusal:
            print(f"  wss {kind.name:<6} not measured: {refusal}", flush=True)
            return None


def _kb(kind: type[Load]) -> float:
    """Slope of the memory from FEW to MANY connections, each joined to its session and silent."""
    return (_pss_kb(kind, MANY) - _pss_kb(kind, FEW)) / (MANY - FEW)


def _pss_kb(kind: type[Load], widgets: int) -> float:
    load_core, server_core = _cores()
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch), server_core) as chat:
        load = kind(Path(scratch))
        try:
            tree = load.start(chat, IDLE, {"widgets": widgets}, load_core)
            load.await_joined(widgets)
            time.sleep(IDLE_S)
            pss_kb = tree.pss_kb()
        finally:
            load.end()
    print(f"  {kind.name:<6} {pss_kb / 1024:>5.0f} MB with {widgets:,} joined", flush=True)
    return pss_kb


if __name__ == "__main__":
    print(measure())
