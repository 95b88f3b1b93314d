"""The bench of the clients cannot flatter: the peer is a right server, and every count has a witness."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loadtests import scenario as scenarios
from loadtests.events import ENVELOPE, KINDS
from loadtests.plan import plan
from reports.ledger import open_ledger
from tests import certificate, played
from tests.bench import pinned
from tests.bench.client import LOADS, TALK, Costs, Window, check, middle
from tests.bench.crowd import NODE, serving
from tests.bench.loads import Load, Locust, Node, lines
from tests.bench.pinned import Spent, Tree
from tests.node_process import node

CORE = min(os.sched_getaffinity(0))
SMALL = {"widgets": 6, "agents": 2, "run_time_s": 3, "late_after_s": 30}
BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint(time.process_time(), flush=True)\ntime.sleep(60)"
SECOND = 10**9


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    node()


def test_the_peer_shows_every_message_by_rest_and_by_socket(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = played.settings_of({"late_after_s": 1, "settle_s": 0.2, "agent_first_s": 0.5, "widget_first_s": 1})
    with serving(tmp_path, CORE) as chat:
        run = ["run", "steady", "--widgets", "6", "--agents", "2", "-t", "4s", *settings]
        done = played.entrega(*run, "--target", NODE / "chat.toml", "-H", chat.url, "--out", folder)
    assert done.returncode == 0, done.stderr
    ledger = open_ledger(folder)
    by = {sender: list(rows["outcome"]) for sender, rows in ledger.deliveries.groupby("sender")}
    assert {outcome for outcomes in by.values() for outcome in outcomes} == {"live"}
    assert len(by) == 8
    assert ledger.summary.owed == len(ledger.deliveries)
    assert (ledger.summary.duplicates, ledger.summary.reorders, ledger.summary.leaks) == (0, 0, 0)


def test_the_peer_speaks_tls(tmp_path: Path) -> None:
    with serving(tmp_path, CORE, certificate.make(tmp_path)) as chat:
        assert chat.url.startswith("https://127.0.0.1:")
        assert chat.emitted().count == 0
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(f"{chat.url}/healthz")


@pytest.fixture(params=LOADS, ids=lambda kind: kind.name)
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Load]:
    load: Load = request.param(tmp_path)
    yield load
    load.end()


def test_what_counts_as_delivered_is_what_the_server_emitted(load: Load, tmp_path: Path) -> None:
    talk = scenarios.load(str(TALK), SMALL)
    plans = [plan(talk, index) for index in range(talk.widgets)]
    planned = sum(len(each.widget_dues_s) + len(each.agent_dues_s) for each in plans)
    with serving(tmp_path, CORE) as chat:
        load.start(chat, TALK, SMALL, CORE)
        load.await_joined(2 * talk.widgets)
        counts = [0, -1]
        deadline_s = time.monotonic() + played.WITHIN_S
        while counts[-1] < 0.9 * planned or counts[-1] != counts[-2]:  # a few dues may lie beyond the end of sending
            assert time.monotonic() < deadline_s, (counts, planned)
            load.await_look(time.monotonic_ns())
            counts.append(chat.emitted().count)
        settled_ns = time.monotonic_ns()
        load.await_look(settled_ns)
        load.end()
    assert counts[-1] <= planned
    assert load.shown(0, settled_ns) == counts[-1]
    middle_ns = settled_ns - 2 * SECOND
    halves = load.shown(0, middle_ns), load.shown(middle_ns, settled_ns)
    assert sum(halves) == pytest.approx(counts[-1])
    assert halves[0]


def test_the_browsers_client_writes_down_what_the_swarm_writes_down(tmp_path: Path) -> None:
    load = Node(tmp_path)
    with serving(tmp_path, CORE) as chat:
        load.start(chat, TALK, SMALL, CORE)
        load.await_joined(2 * int(SMALL["widgets"]))
        load.await_look(time.monotonic_ns() + SECOND)
        load.end()
    of: dict[str, list[str]] = {}
    for event in lines(load.out):
        if "mid" in event:
            of.setdefault(event["mid"], []).append(event["kind"])
            known = KINDS[event["kind"]]
            assert event.keys() - ENVELOPE.keys() <= {field.name for field in known.fields}
    whole = [kinds for kinds in of.values() if sorted(kinds) == ["accepted", "displayed", "received", "sent"]]
    assert len(whole) > 0.9 * len(of) > 20  # the others are on their way
    assert all(kinds[0] == "sent" for kinds in of.values())


def test_locusts_statistics_grow_evenly_between_two_looks(tmp_path: Path) -> None:
    load = Locust(tmp_path)
    looks = [{"t": at_s * SECOND, "displayed": shown} for at_s, shown in ((0, 0), (1, 100), (2, 400))]
    load.out.write_text("".join(json.dumps(look) + "\n" for look in looks))
    assert load.shown(SECOND // 2, 3 * SECOND // 2) == 50 + 150
    assert [load.shown_by(t_ns) for t_ns in (SECOND, 2 * SECOND - 1, 2 * SECOND)] == [100, 100, 400]
    with pytest.raises(RuntimeError, match="until"):
        load.shown(SECOND, 2 * SECOND + 1)


def test_the_time_of_a_whole_tree_counts_and_a_process_that_came_or_went_is_noticed(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    parent = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])"
    process = pinned.start([sys.executable, "-c", parent, BURN], CORE, log)
    tree = Tree(process.pid, CORE)
    try:
        played.until(lambda: len(tree.pids()) == 2, "the child is there")
        before = tree.usage()
        burnt_s = float(played.until(log.read_text, "the child has burnt its time"))
        spent = tree.spent(before)
        assert spent.cpu_s <= burnt_s + 0.05
        assert spent.cpu_s + before.cpu_s[tree.pids()[1]] == pytest.approx(burnt_s, abs=0.05)
        os.kill(tree.pids()[1], signal.SIGKILL)
        played.until(lambda: len(tree.pids()) == 1 or process.poll() is not None, "the child is gone")
        with pytest.raises((RuntimeError, OSError)):
            tree.spent(before)
    finally:
        pinned.end(process)


def window(due: float, emitted: int, shown: float) -> Window:
    spent = Spent(from_ns=0, until_ns=8 * SECOND, cpu_s=4.0, others_s=0.0)
    return Window(spent, spent, due, emitted, shown)


def test_cpu_per_delivery_is_what_was_spent_by_what_was_shown() -> None:
    assert window(due=10_000, emitted=10_050, shown=10_000).cpu_us == 400
    assert window(due=10_000, emitted=10_050, shown=10_000).spent.cpu == 0.5


@pytest.mark.parametrize(
    ("due", "emitted", "shown", "held"),
    [(100, 99, 97, True), (100, 101, 102, True), (100, 100, 90, False), (100, 90, 90, False), (100, 110, 100, False)],
)
def test_a_load_that_does_not_hold_its_plan_is_said_to(due: float, emitted: int, shown: float, held: bool) -> None:
    assert window(due, emitted, shown).held is held


@pytest.mark.parametrize(("shown", "emitted"), [(1001, 1000), (10, 0), (0, 0)])
def test_a_count_beyond_the_servers_is_refused(shown: int, emitted: int) -> None:
    check(1000, 1000)
    with pytest.raises(RuntimeError, match="emitted"):
        check(shown, emitted)


def test_what_did_not_hold_its_plan_is_no_figure() -> None:
    rounds: list[Costs] = [{"ours": 100, "node": 50}, {"ours": 150, "node": None}, {"ours": 110, "node": 100}]
    assert middle(rounds, "ours") == 110
    assert middle(rounds, "ours", "node") == pytest.approx((2 + 1.1) / 2)
    assert middle(rounds[1:2], "ours", "node") is None
