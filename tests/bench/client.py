"""Measure the client against Locust's own and the browser's: CPU per delivered message, memory per joined connection.

All three play the same crowd of talk.toml against the same Node.js server, interleaved in ROUNDS: 100 connections, each
message sent at its due over the websocket, acked, and emitted to its room. The load is pinned to one core, the server
to another. Ours is a whole run with all its recording; Node's script writes the same four events per message; Locust
keeps its own statistics. CPU is user and system time of the load's whole process tree in a steady window. A delivery is
a message shown to its recipient in that window; the server counts what it emits, and the two counts must agree.
`python -m tests.bench.client`
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
ROUNDS = 4
STEADY_AFTER_S = 2.0  # from the last join
WINDOW_S = 6.0
FEW, MANY = 500, 2500
IDLE_S = 3.0
AGREE = 0.05  # by which share the two counts may differ, with what is on its way at both ends of the window


@dataclass(frozen=True, slots=True)
class Window:
    """What a load spent and delivered in a steady window; `server` is the server's share of its core."""

    spent: Spent
    delivered: float
    server: float

    @property
    def cpu_us(self) -> float:
        """Per delivered message."""
        return self.spent.cpu_s / self.delivered * 1e6


def measure() -> dict[str, float | None]:
    """CPU per delivered message (us), ours as a share of the others', memory per connection (kB), one event (us)."""
    node()
    allow_files(MANY)
    rounds = [{load.name: _talk(load) for load in _turned(number)} for number in range(ROUNDS)]
    cpu_us = {load.name: median(each[load.name].cpu_us for each in rounds) for load in LOADS}
    ratio = {
        name: median(each["ours"].cpu_us / each[name].cpu_us for each in rounds) for name in cpu_us if name != "ours"
    }
    return {
        **{f"cpu_us_{name}": value for name, value in cpu_us.items()},
        **{f"ratio_{name}": value for name, value in ratio.items()},
        **{f"kb_{load.name}": _kb(load) for load in LOADS},
        "record_us": recorder.measure()["append_and_flush_us_per_event"],
        **{f"wss_cpu_us_{load.name}": _wss_cpu_us(load) for load in LOADS},
    }


def keeps_up(delivered: float, emitted: int) -> bool:
    """Whether all was shown that the server emitted. Raises RuntimeError when more was: then a count is wrong."""
    if not emitted or delivered > emitted * (1 + AGREE):
        raise RuntimeError(f"{delivered:.0f} messages were counted as shown while {emitted} were emitted")
    return delivered >= emitted * (1 - AGREE)


def _turned(number: int) -> tuple[type[Load], ...]:
    """Who comes first changes from round to round."""
    return LOADS[number % len(LOADS) :] + LOADS[: number % len(LOADS)]


def _cores() -> tuple[int, int]:
    """The load's and the server's."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("the load and the server need a core each, and there is one")
    return cores[0], cores[1]


def _talk(kind: type[Load], tls: Certificate | None = None) -> Window:
    load_core, server_core = _cores()
    scenario = scenarios.load(str(TALK))
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), server_core, tls) as chat,
        awake(load_core, server_core),
    ):
        load = kind(Path(scratch))
        try:
            tree = load.start(chat, TALK, {}, load_core)
            load.await_joined(2 * scenario.widgets)
            time.sleep(STEADY_AFTER_S)
            (from_ns, before), began, server = chat.emitted(), tree.usage(), chat.tree.usage()
            time.sleep(WINDOW_S)
            spent, server_spent, (until_ns, after) = tree.spent(began), chat.tree.spent(server), chat.emitted()
            load.await_look(until_ns)
        finally:
            load.end()
        window = Window(spent, load.delivered(spent.from_ns, spent.until_ns), server_spent.cpu)
        _say(f"{'wss' if tls else 'ws':<3} {kind.name:<6}", window)
        if not keeps_up(load.delivered(from_ns, until_ns), after - before):
            print(f"  {kind.name} did not keep up: the server emitted {after - before} in that time", flush=True)
    return window


def _say(who: str, window: Window) -> None:
    spent = window.spent
    rate = window.delivered / spent.seconds
    cores = f"load {spent.cpu:.0%}, others beside it {spent.others:.0%}, server {window.server:.0%}"
    print(f"  {who} {window.cpu_us:>5.0f} us a delivery, {rate:,.0f} a second; {cores}", flush=True)


def _wss_cpu_us(kind: type[Load]) -> float | None:
    """None where the client cannot do it yet."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _talk(kind, certificate.make(Path(folder))).cpu_us
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
