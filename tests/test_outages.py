"""What is done to the run's own server, done to a real process: it is gone or stands still, and comes back."""

import http.client
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from loadtests import run_folder
from loadtests.outages import Outages
from loadtests.plan import Strike
from loadtests.scenario import load
from loadtests.server_process import ServerError, ServerProcess
from tests.played import until

SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["ENTREGA_PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"ready at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""
FOR_S = 0.5


class Played:
    """A server of a few lines, and what is written down of what is done to it."""

    def __init__(self, folder: Path, *names: str) -> None:
        script = folder / "server.py"
        script.write_text(SERVER)
        self.folder = folder / "run"
        windows = [{"name": "drop", "party": "widget-0", "start_ns": 1, "end_ns": 2}]
        windows += [{"name": name, "party": None, "start_ns": 0, "end_ns": 0} for name in names]
        run_folder.create(self.folder, {"format": 1, "run": "r", "fault_windows": windows})
        (self.folder / "logs").mkdir()
        self.events: list[tuple[str, dict[str, Any]]] = []
        server = ServerProcess(f"{sys.executable} {script}", {"ENTREGA_PORT": "0"}, self.folder / "logs")
        settings = {f"faults.{name}.{field}": FOR_S for name in names for field in ("at_s", "for_s")}
        faults = load("steady", settings).faults
        strikes = [Strike(fault, number * 2 * FOR_S, FOR_S, "both") for number, fault in enumerate(faults)]
        self.outages = Outages(self.folder, server, strikes, lambda kind, **about: self.events.append((kind, about)))
        server.launch()
        self.outages.ready()
        self.server = server

    def pid(self, within_s: float = 10.0) -> int | None:
        """Of the server that answers, if one does."""
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=within_s)
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()

    def go_on(self, t0_ns: int, done: int) -> bool:
        self.outages.tick(t0_ns)
        return len(self.windows()) == done

    def windows(self) -> list[dict[str, Any]]:
        return [window for window in run_folder.read_info(self.folder)["fault_windows"] if window["start_ns"] > 1]

    def key(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "injected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("name", "status"), [("kill-server", -9), ("stop-server", 0)])
def test_a_server_is_away_and_back_on_its_port(tmp_path: Path, name: str, status: int) -> None:
    played = Played(tmp_path, name)
    try:
        first, url = played.pid(), played.server.url
        t0_ns = time.monotonic_ns()
        played.outages.tick(None)  # the run has not begun
        assert played.pid() == first
        played.outages.tick(t0_ns)
        assert played.pid() is None
        until(lambda: played.go_on(t0_ns, 1), "it is back")
        assert played.pid() not in (None, first)
        assert played.server.url == url
    finally:
        played.outages.close()
    assert [kind for kind, _ in played.events] == ["server_ready", "server_ended", "server_ready", "server_ended"]
    assert played.events[1][1] == {"status": status}
    (window,) = played.windows()
    assert FOR_S * 1e9 <= window["end_ns"] - window["start_ns"] < 10 * FOR_S * 1e9
    assert played.key() == [{"t": window["end_ns"], "kind": "fault", "scope": "all", **window}]


def test_a_server_that_is_stalled_keeps_its_sockets_and_says_nothing(tmp_path: Path) -> None:
    played = Played(tmp_path, "stall-server")
    try:
        first = played.pid()
        t0_ns = time.monotonic_ns()
        played.outages.tick(t0_ns)
        assert played.pid(within_s=0.2) is None
        assert played.server.ended() is None
        until(lambda: played.go_on(t0_ns, 1), "it goes on")
        assert played.pid() == first
    finally:
        played.outages.close()
    assert [kind for kind, _ in played.events] == ["server_ready", "server_ended"]  # no evidence but what is seen
    (line,) = played.key()
    assert (line["name"], line["scope"], line["party"]) == ("stall-server", "all", None)


def test_a_run_that_ends_while_its_server_is_stalled_leaves_nothing(tmp_path: Path) -> None:
    played = Played(tmp_path, "stall-server")
    played.outages.tick(time.monotonic_ns())
    played.outages.close()
    assert played.events[-1] == ("server_ended", {"status": 0})


def test_one_thing_is_done_after_the_other_and_each_gets_its_own_window(tmp_path: Path) -> None:
    names = ("kill-server", "stall-server", "stop-server")
    played = Played(tmp_path, *names)
    try:
        t0_ns = time.monotonic_ns()
        until(lambda: played.go_on(t0_ns, 3), "all three")
    finally:
        played.outages.close()
    windows = played.windows()
    assert [window["name"] for window in windows] == list(names)
    assert all(first["end_ns"] <= second["start_ns"] for first, second in itertools.pairwise(windows))
    assert [line["name"] for line in played.key()] == list(names)
    assert run_folder.read_info(played.folder)["fault_windows"][0]["party"] == "widget-0"


def test_a_server_that_ends_by_itself_is_said(tmp_path: Path) -> None:
    played = Played(tmp_path, "kill-server")
    played.server.kill()
    with pytest.raises(ServerError, match=r"^the server ended by itself \(SIGKILL\); see server-1.err in logs/$"):
        played.outages.tick(time.monotonic_ns() - 10**10)
    assert played.events[1:] == [("server_ended", {"status": -9})]
    assert not played.windows()
    assert played.outages.pid is None
