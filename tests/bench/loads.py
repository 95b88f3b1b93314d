"""The three clients as load processes: each plays a scenario against the same server, and says what it showed."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from loadtests import scenario as scenarios
from loadtests.scenario import Scenario
from tests.bench import pinned
from tests.bench.crowd import NODE, Chat

USER = Path(__file__).parent / "socketio_user.py"
LOOK_AGAIN_S = 0.1
WITHIN_S = 60.0
TAIL_BYTES = 2**20  # more than is written in half a second
RIG = re.compile(rb'"kind": ?"rig"')


class NotPlayedError(Exception):
    """This client cannot do that yet; the message is its own refusal."""


class Load:
    """One play of one client. `folder` is its own; it plays until it is ended."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "lines.jsonl"
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, chat: Chat, scenario: Path, changes: dict[str, Any], core: int) -> pinned.Tree:
        """Begin to play the scenario of that file, with changes."""
        raise NotImplementedError

    def shown(self, from_ns: int, until_ns: int) -> float:
        """How many messages it showed in between, as they were emitted. Known when it has ended."""
        at_ns = (line["t"] for line in lines(self.out) if line["kind"] == "displayed" and line["via"] == "live")
        return float(sum(from_ns <= t_ns < until_ns for t_ns in at_ns))

    def shown_by(self, t_ns: int) -> int:
        """How many it had shown by then at the least."""
        return round(self.shown(0, t_ns))

    def await_joined(self, conversations: int) -> None:
        """Wait until so many are joined, one for each party in it. Raises NotPlayedError when it will not play."""
        self._await(lambda look: look["joined"] >= conversations, f"{conversations} joined")

    def await_look(self, t_ns: int) -> None:
        """Wait until it has told how it did after that time, so that nothing before it is unsaid."""
        self._await(lambda look: look["t"] > t_ns, "a later look")

    def _await(self, told: Callable[[dict[str, Any]], bool], what: str) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while (look := _latest_look(self.out)) is None or not told(look):
            status = self._running().poll()
            said = self._log.read_text(errors="replace").strip()
            if status == 2:
                raise NotPlayedError(said)
            if status is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{self.name}: not {what} but {look}: {said[-2000:]}")
            time.sleep(LOOK_AGAIN_S)

    def end(self) -> None:
        """Whatever came of it: nothing of it runs any more."""
        if self._process is not None and self._process.poll() is None:
            pinned.end(self._process)

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _begin(self, core: int, command: list[str | Path], **variables: str) -> pinned.Tree:
        self._process = pinned.start(command, core, self._log, **variables)
        return pinned.Tree(self._process.pid, core)


class Ours(Load):
    """`entrega run`, all of it: launcher, recorder, rig."""

    name = "ours"

    def start(self, chat: Chat, scenario: Path, changes: dict[str, Any], core: int) -> pinned.Tree:
        run = self.folder / "run"
        self.out = run / "events" / "swarm-1.jsonl"
        command: list[str | Path] = [sys.executable, "-m", "entrega", "run", scenario, "-H", chat.url]
        command += ["--target", NODE / "chat.toml", "--out", run]
        command += [word for name, value in changes.items() for word in ("--set", f"{name}={json.dumps(value)}")]
        command += ["--ca", chat.authority] if chat.authority else []
        return self._begin(core, command)


class Locust(Load):
    """`locust.contrib.socketio`."""

    name = "locust"

    def start(self, chat: Chat, scenario: Path, changes: dict[str, Any], core: int) -> pinned.Tree:
        played, talking = _played(scenario, changes)
        crowd = chat.seat(played, talking, self.folder / "crowd.json")
        users = played.widgets + played.agents * talking
        command: list[str | Path] = [sys.executable, "-m", "locust", "-f", USER, "--headless", "--only-summary"]
        command += ["-u", str(users), "-r", str(played.arrivals_per_s)]
        trusted = {"WEBSOCKET_CLIENT_CA_BUNDLE": str(chat.authority)} if chat.authority else {}
        return self._begin(core, command, ENTREGA_CROWD=str(crowd), ENTREGA_OUT=str(self.out), **trusted)

    def shown(self, from_ns: int, until_ns: int) -> float:
        """Its statistics are looked at twice a second; in between they are taken to grow evenly."""
        looks = lines(self.out)
        at_ns, counts = [look["t"] for look in looks], [look["displayed"] for look in looks]
        if until_ns > at_ns[-1]:
            raise RuntimeError(f"what {self.name} showed is known until {at_ns[-1]} only, not until {until_ns}")
        return float(np.diff(np.interp([from_ns, until_ns], at_ns, counts))[0])

    def shown_by(self, t_ns: int) -> int:
        """At the last look before: how even it grew since then is not known."""
        return max((int(look["displayed"]) for look in lines(self.out) if look["t"] <= t_ns), default=0)


class Node(Load):
    """`socket.io-client`, the browser's."""

    name = "node"

    def start(self, chat: Chat, scenario: Path, changes: dict[str, Any], core: int) -> pinned.Tree:
        played, talking = _played(scenario, changes)
        crowd = chat.seat(played, talking, self.folder / "crowd.json")
        trusted = {"NODE_EXTRA_CA_CERTS": str(chat.authority)} if chat.authority else {}
        return self._begin(core, ["node", NODE / "load.js", crowd, self.out], **trusted)


def lines(path: Path) -> list[dict[str, Any]]:
    """Of a file that nobody writes any more."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _played(scenario: Path, changes: dict[str, Any]) -> tuple[Scenario, bool]:
    """The scenario, and whether anybody says anything in it."""
    played = scenarios.load(str(scenario), changes)
    return played, played.widget_first_s[0] < played.run_time_s


def _latest_look(path: Path) -> dict[str, Any] | None:
    """The last of the lines that come twice a second, while the file grows."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        whole = file.read().rpartition(b"\n")[0].splitlines()
    looks = [line for line in whole if line.startswith(b"{") and RIG.search(line)]
    return dict(orjson.loads(looks[-1])) if looks else None
