"""Locust's own Socket.IO users as its documentation shows them: the same crowd, the same dues, and no record of ours.

ENTREGA_CROWD names the crowd (tests/bench/crowd.py), ENTREGA_OUT the file that gets, twice a second, how many have
joined and how many messages came: the rows of Locust's own statistics. A message is sent with `emit` and a callback,
the cheaper of its two ways to an ack; `call` waits for each.
"""

import json
import os
import time
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any

import gevent
from locust import events, task
from locust.contrib.socketio import SocketIOUser  # noqa: TID251 - it is what is measured
from locust.env import Environment

CROWD = json.loads(Path(os.environ["ENTREGA_CROWD"]).read_text())
LOOK_S = 0.5
BEGIN_S = 0.5  # from one's last join to where dues count from
SILENT_S = 3600.0

numbers = {"w": count(), "a": count()}
counts = {"joined": 0, "accepted": 0}


class Party(SocketIOUser):
    """Connects and joins, then sends each message at its due."""

    abstract = True
    letter: str  # of KEY
    dues: str  # which of a session's dues are its own

    def on_start(self) -> None:
        token, sessions = self.sits(next(numbers[self.letter]))
        self.sio.connect(CROWD["url"], transports=["websocket"], auth={"token": token}, wait_timeout=10)
        self.sio_greenlet = gevent.spawn(self.sio.wait)
        for session in sessions:
            answer = self.sio.call("join", {"room": f"chat:{session['id']}", "after": 0})
            counts["joined"] += answer["ok"]
        t0_s = time.monotonic() + BEGIN_S
        lines = ((t0_s + due_s, session, n) for session in sessions for n, due_s in enumerate(session[self.dues]))
        self.script = deque(sorted(lines, key=lambda line: line[0]))
        gevent.sleep(self.wait_time())

    def sits(self, number: int) -> tuple[str, list[dict[str, Any]]]:
        """The token, and the sessions."""
        raise NotImplementedError

    def wait_time(self) -> float:
        return max(0.0, self.script[0][0] - time.monotonic()) if self.script else SILENT_S

    @task
    def say(self) -> None:
        if self.script:
            due_s, session, number = self.script.popleft()
            mid = f"{CROWD['run']}:{session['index']}.{self.letter}.{number}"
            text = f"How can I help you today? [{mid} {round(due_s * 1e9)}]"
            message = {"text": text, "clientId": mid, "sessionId": session["id"]}
            self.sio.emit("send-message", message, callback=_accepted)


class Widget(Party):
    letter, dues = "w", "widget_dues_s"
    fixed_count = len(CROWD["sessions"])

    def sits(self, number: int) -> tuple[str, list[dict[str, Any]]]:
        session = CROWD["sessions"][number]
        return session["token"], [session]


class Agent(Party):
    letter, dues = "a", "agent_dues_s"
    fixed_count = len(CROWD["agents"])

    def sits(self, number: int) -> tuple[str, list[dict[str, Any]]]:
        own = [session for session in CROWD["sessions"] if session["agent"] == number]
        return CROWD["agents"][number]["token"], own


def _accepted(answer: dict[str, Any]) -> None:
    counts["accepted"] += answer["ok"]


def _watch(environment: Environment) -> None:
    with Path(os.environ["ENTREGA_OUT"]).open("a", buffering=1) as out:
        while True:
            shown = environment.stats.get("new-message", "WSR").num_requests
            out.write(json.dumps({"t": time.monotonic_ns(), "kind": "rig", **counts, "displayed": shown}) + "\n")
            gevent.sleep(LOOK_S)


events.init.add_listener(lambda environment, **_: gevent.spawn(_watch, environment))
