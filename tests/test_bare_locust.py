"""`locust -f loadtests/locustfile.py` without the launcher: headless and with its web UI, on one process and on two."""

import csv
import json
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from reports.confusion import SMALL
from reports.ledger import open_ledger
from tests.played import WITHIN_S, Play, free_port, start, until
from tests.server_process import ServerProcess, running

ROOT = Path(__file__).resolve().parent.parent
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
OURS = "from loadtests.locustfile import Agent, Widget\n"
MINE = f"""{OURS}
import collections
import json
from locust import LoadTestShape, events

heard = collections.Counter()

@events.request.add_listener
def hear(request_type, name, **_):
    heard[name] += 1

@events.quit.add_listener
def tell(**_):
    print("heard", json.dumps(heard), flush=True)

class Guest(Widget):
    host = HOST

class Waves(LoadTestShape):
    def tick(self):
        at_s = self.get_run_time()
        return None if at_s > 11 else (6 if at_s < 4 else 11 if at_s < 8 else 9, 20)
"""
BY_LOCUST = ("widgets", "agents", "run_time_s", "arrivals_per_s")  # what -u, -t and -r say
BRISK: dict[str, Any] = {
    **{name: value for name, value in SMALL.items() if name not in BY_LOCUST},
    "settle_s": 0.5,
    "agent_first_s": 0.5,
    "widget_first_s": 1.5,
    "ping_timeout_s": 6.0,  # a dozen of Locust's processes begin at once, and may starve the server for seconds
    "answer_deadline_s": 6.0,
    "join_deadline_s": 6.0,
    "connect_deadline_s": 6.0,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all of them: runs at the same server do not meet either."""
    with running(tmp_path_factory.mktemp("server"), "--ping-interval", "1", "--ping-timeout", "6") as server:
        yield server


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scenarios") / "brisk.toml"
    file.write_text('from = "steady"\n' + "".join(f"{name} = {json.dumps(value)}\n" for name, value in BRISK.items()))
    return file


def locust(cwd: Path, *options: str, processes: int = 1, file: Path = LOCUSTFILE, **variables: str) -> Play:
    cwd.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-m", "locust", "-f", str(file), *options]
    if processes > 1:
        port = free_port()
        command += ["--processes", str(processes), "--master-port", port, "--master-bind-port", port]
    return start([*command], cwd, cwd.with_name(f"{cwd.name}-said"), cwd=cwd, **variables)


def headless(cwd: Path, server: ServerProcess, brisk: Path, *options: str, processes: int = 1) -> Play:
    options = ("--headless", "-u", "11", "-r", "20", "-t", "6s", "-H", server.url, *options)
    return locust(cwd, *options, processes=processes, ENTREGA_SCENARIO=str(brisk))


def latest(played: Play) -> Play:
    """The same processes with the run's folder, once there is one."""
    link = played.folder / "runs" / "latest"
    until(link.exists, "runs/latest")
    return replace(played, folder=link.resolve())


def assert_all_came(run: Path, widgets: int) -> None:
    """Everything that was accepted was shown (a busy machine connects late), and every session was played once."""
    ledger = open_ledger(run)
    summary = ledger.summary
    assert (summary.end.state, summary.end.reason) == ("complete", None)
    assert summary.accepted > 0
    assert summary.live > 0
    assert (summary.lost, summary.unjudged, summary.refused, summary.unanswered) == (0, 0, 0, 0)
    opened = ledger.query("SELECT \"index\" FROM events WHERE kind = 'session_opened' ORDER BY 1")
    assert list(opened["index"]) == list(range(widgets))


@dataclass(frozen=True, slots=True)
class Web:
    """Locust with its web UI, and the buttons on it."""

    played: Play
    http: httpx.Client

    def state(self) -> dict[str, Any]:
        try:
            return dict(self.http.get("/stats/requests").json())
        except httpx.HTTPError:
            return {}

    def swarm(self, users: int, host: str) -> None:
        form = {"user_count": users, "spawn_rate": 20, "host": host}
        assert self.http.post("/swarm", data=form).json()["success"]

    def stop(self) -> None:
        assert self.http.post("/stop").json()["success"]

    def wait_for(self, state: str) -> None:
        until(lambda: self.state().get("state") == state, f"Locust is {state}")


def with_web(cwd: Path, brisk: Path, processes: int) -> Web:
    port = free_port()
    options = ("--web-host", "127.0.0.1", "--web-port", port)
    played = locust(cwd, *options, processes=processes, ENTREGA_SCENARIO=str(brisk))
    return Web(played, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S))


def through_the_web(web: Web, host: str, processes: int) -> list[Path]:
    """A mistyped host; then twice: start, ask for more while it runs, stop. The two runs' folders."""
    web.wait_for("ready")
    until(lambda: processes == 1 or len(web.state()["workers"]) == processes, "the workers are there")
    web.swarm(11, f"http://127.0.0.1:{free_port()}")
    web.wait_for("stopped")
    runs: list[Path] = []
    for _ in range(2):
        web.swarm(11, host)
        until(lambda: latest(web.played).folder not in runs, "a new run")
        runs.append(through_one_run(web, host, latest(web.played)))
    web.played.process.send_signal(signal.SIGTERM)
    web.played.wait(WITHIN_S)
    web.played.assert_nothing_left()
    return runs


def through_one_run(web: Web, host: str, run: Play) -> Path:
    until(lambda: run.events("displayed"), "a message is displayed")
    web.swarm(15, host)
    until(lambda: "widget-13" in {event["party"] for event in run.events("displayed")}, "the new ones talk")
    web.stop()
    until(lambda: run.info()["end"]["state"], "the run has ended")
    web.wait_for("stopped")
    return run.folder


def interrupted(played: Play, number: signal.Signals) -> Play:
    """Interrupted as soon as somebody has been shown something; the run."""
    run = latest(played)
    until(lambda: run.events("displayed"), "a message is displayed")
    played.process.send_signal(number)
    played.wait(WITHIN_S)
    played.assert_nothing_left()
    return run


def with_a_shape(folder: Path, server: ServerProcess, brisk: Path) -> Play:
    """A locustfile of one's own, beside the folder that it is played in."""
    (folder / "mine.py").write_text(MINE.replace("HOST", repr(server.url)))
    options = ("--headless", "--csv", "figures", "--html", "figures.html", "--exit-code-on-error", "0")
    variables = {"ENTREGA_SCENARIO": str(brisk), "ENTREGA_SEED": "12", "ENTREGA_SET": "late_after_s=1.5 text=Moin"}
    return locust(folder / "mine", *options, file=folder / "mine.py", **variables)


BAD: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "class picker": ({}, ("--class-picker",), "--class-picker would leave out widgets or agents"),
    "nobody to answer": ({}, ("Widget",), "Widget: there must be one class of Agent"),
    "no such field": ({"ENTREGA_SET": "colour=blue"}, (), "no field 'colour' in a scenario"),
    "no scenario": ({"ENTREGA_SCENARIO": "nothing"}, (), "no scenario 'nothing'"),
    "no target": ({"ENTREGA_TARGET": "nothing"}, (), "no target 'nothing'"),
    "not this machine": ({}, ("-H", "http://192.0.2.1"), "192.0.2.1 is not this machine"),
    "nobody there": ({}, ("-H", "http://127.0.0.1:1"), "nothing answers at http://127.0.0.1:1"),
}


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, server: ServerProcess, brisk: Path
) -> Iterator[Callable[[str], tuple[Play, Any]]]:
    """Name -> the processes, ended, and what came of it; all at once, for each mostly waits."""
    folder = tmp_path_factory.mktemp("bare")
    own_houses(folder / "own")
    long = ("-t", "300s")
    plays = {
        "empty": headless(folder / "empty", server, brisk),
        "own": headless(folder / "own", server, brisk, processes=2),
        "shape": with_a_shape(folder, server, brisk),
        "SIGINT": headless(folder / "int", server, brisk, *long, processes=2),
        "SIGTERM": headless(folder / "term", server, brisk, *long),
    }
    webs = {f"web-{processes}": with_web(folder / f"web-{processes}", brisk, processes) for processes in (1, 2)}
    plays |= {name: web.played for name, web in webs.items()}
    for number, (name, (variables, options, _)) in enumerate(BAD.items()):
        common = ("--headless", "-u", "2", "-r", "2", "-t", "5s", "--only-summary")
        plays[name] = locust(folder / f"bad-{number}", *common, *options, **variables)
    try:
        with ThreadPoolExecutor() as at_once:
            futures: dict[str, Future[Any]] = {name: at_once.submit(played.wait) for name, played in plays.items()}
            for name in ("SIGINT", "SIGTERM"):
                futures[name] = at_once.submit(interrupted, plays[name], signal.Signals[name])
            for processes in (1, 2):
                name = f"web-{processes}"
                futures[name] = at_once.submit(through_the_web, webs[name], server.url, processes)
            yield lambda name: (plays[name], futures[name].result())
    finally:
        for web in webs.values():
            web.http.close()
        for played in plays.values():
            played.end()


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def own_houses(cwd: Path) -> None:
    """A user's own project, whose folders are called as ours are."""
    for house in ("loadtests", "reports", "entrega"):
        (cwd / house).mkdir(parents=True)
        (cwd / house / "__init__.py").write_text("raise ImportError('this is the user\\'s own')\n")


@pytest.mark.parametrize(("name", "workers"), [("empty", 1), ("own", 2)])
def test_headless(done: Any, name: str, workers: int) -> None:
    played, status = done(name)
    assert status == 0, played.stderr()
    run = latest(played)
    assert played.stdout().splitlines()[-1] == str(run.folder.relative_to(played.folder))
    assert run.info()["workers"] == workers
    assert run.info()["planned"]["widgets"] == 10
    assert run.info()["scenario"]["name"] == "brisk"
    assert "Traceback" not in played.stderr()
    assert_all_came(run.folder, widgets=10)
    played.assert_nothing_left()


def test_a_locustfile_of_ones_own_with_a_shape(done: Any) -> None:
    """Its Guest plays instead of Widget; whom the shape asks for later talks, too, and who is one too many leaves."""
    played, status = done("shape")
    assert status == 0, played.stderr()
    run = latest(played)
    assert '{"Guest": 10, "Agent": 1}' in played.stderr() or '{"Agent": 1, "Guest": 10}' in played.stderr()
    scenario = run.info()["scenario"]
    assert (scenario["seed"], scenario["late_after_s"], scenario["text"]) == (12, 1.5, "Moin")
    assert (scenario["widgets"], scenario["agents"]) == (5, 1)
    ledger = open_ledger(run.folder)
    assert (ledger.summary.lost, ledger.summary.end.state) == (0, "complete")
    talked = ledger.deliveries.query("outcome == 'live'")["recipient"]
    assert {f"widget-{index}" for index in range(10)} <= set(talked)
    assert ledger.query("SELECT * FROM events WHERE kind = 'withdrawn'").empty
    left = ledger.query("SELECT t FROM events WHERE kind = 'closed' AND party LIKE 'widget-%' ORDER BY t")["t"]
    assert left[1] + 10**9 < left[2]  # two of ten, before the end
    rows = {row["Name"]: int(row["Request Count"]) for row in _rows(played.folder / "figures_stats.csv")}
    heard = next(line for line in played.stdout().splitlines() if line.startswith("heard "))
    told = json.loads(heard.removeprefix("heard "))
    early = ("connect", "join", "send", "deliver")  # Locust's file is not written once more at the end
    assert {name: told[name] for name in early} == {name: rows[name] for name in early}, "a listener hears of every row"
    files = {path.name for path in played.folder.iterdir()}
    assert {"figures_stats.csv", "figures_failures.csv", "figures.html", "runs"} <= files


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_does_not_wait_for_the_end_of_sending(done: Any, name: str) -> None:
    played, run = done(name)
    assert run.info()["end"] == {"state": "interrupted", "reason": "a signal"}
    assert "Traceback" not in played.stderr()
    summary = open_ledger(run.folder).summary
    assert summary.lost == 0
    assert summary.verdict != "pass"
    assert 0 < summary.sent < (summary.planned + summary.unreached) / 2


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_it_with_one_line(done: Any, name: str) -> None:
    played, status = done(name)
    (line,) = [line for line in played.stderr().splitlines() if line.startswith("entrega: ")]
    assert BAD[name][2] in line
    assert status == 2
    assert "Traceback" not in played.stderr()
    assert list(played.folder.iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_the_web_ui_starts_stops_and_starts_again(done: Any, processes: int) -> None:
    played, runs = done(f"web-{processes}")
    assert played.process.returncode == 0
    assert "Traceback" not in played.stderr()
    assert [line for line in played.stderr().splitlines() if line.startswith("entrega: nothing answers")]
    assert [str(run.relative_to(played.folder)) for run in runs] == played.stdout().splitlines()
    for run in runs:
        assert_all_came(run, widgets=14)
        ledger = open_ledger(run)
        assert ledger.run.info["workers"] == processes
        assert ledger.query("SELECT * FROM events WHERE kind = 'withdrawn'").empty
        assert len(ledger.query("SELECT DISTINCT source FROM events WHERE kind = 'session_opened'")) == processes
