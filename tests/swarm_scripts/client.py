"""The swarm's Socket.IO client, driven from outside: orders come as JSON lines on stdin, what it tells goes to stdout.

It is run in a process of its own, by `python -m gevent.monkey --module`, which patches it as Locust does.
"""

import json
import sys
from functools import partial
from typing import Any

import gevent
from gevent.fileobject import FileObjectThread

from loadtests.swarm.client import Backoff, Client
from loadtests.swarm.dial import Dial
from loadtests.swarm.wire import Wire


def tell(client: str, heard: str, **fields: Any) -> None:
    print(json.dumps({"client": client, "heard": heard, **fields}, default=repr), flush=True)


class Teller:
    """Tells everything that a client tells it (loadtests.swarm.client.Listener)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connecting(self, attempt: int) -> None:
        tell(self._name, "connecting", attempt=attempt)

    def connect_failed(self, reason: str, status: int | None) -> None:
        tell(self._name, "connect_failed", reason=reason, status=status)

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        tell(self._name, "connected", sid=sid, transport=transport, recovered=recovered)

    def upgraded(self, transport: str) -> None:
        tell(self._name, "upgraded", transport=transport)

    def disconnected(self, reason: str, last_frame_ns: int | None) -> None:
        tell(self._name, "disconnected", reason=reason, last_frame_ns=last_frame_ns)

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        tell(self._name, "event", event=name, payload=arguments[0] if arguments else None)


class Driven:
    """One client, and its network."""

    def __init__(self, name: str, url: str, token: str, origin: str | None, deadline_s: float) -> None:
        dial = Dial(url, origin=origin)
        self._name = name
        self._wire = Wire(dial)
        self._client = Client(
            wire=self._wire,
            dial=dial,
            auth=lambda: {"token": token},
            listener=Teller(name),
            backoff=Backoff(0.05, 0.2, name),
            connect_deadline_s=deadline_s,
        )

    def start(self) -> None:
        self._client.connect()

    def emit(self, number: int, event: str, payload: Any, deadline_s: float) -> None:
        self._client.emit(event, payload, acked=partial(self._acked, number), deadline_s=deadline_s)

    def reset(self, away_s: float) -> None:
        self._wire.reset(away_s)

    def close(self) -> None:
        self._client.disconnect()
        tell(self._name, "closed")

    def _acked(self, number: int, answers: tuple[Any, ...], why: str | None) -> None:
        tell(self._name, "acked", number=number, payload=answers[0] if answers else None, why=why)


def main() -> None:
    clients: dict[str, Driven] = {}
    for line in FileObjectThread(sys.stdin):
        order = json.loads(line)
        name, verb, about = order["client"], order["do"], order["about"]
        if verb == "make":
            clients[name] = Driven(name, **about)
        else:
            gevent.spawn(getattr(clients[name], verb), **about)


if __name__ == "__main__":
    main()
