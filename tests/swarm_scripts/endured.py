"""Clients of the swarm's against hostile servers: orders come as JSON lines on stdin, what they tell goes to stdout.

It is run in a process of its own, by `python -m gevent.monkey --module`, which patches it as Locust does.
"""

import json
import ssl
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.fileobject import FileObjectThread

from loadtests.swarm.backoff import Backoff
from loadtests.swarm.client import Client
from loadtests.swarm.dial import Dial
from loadtests.swarm.wire import Wire


def tell(client: str, heard: str, **fields: Any) -> None:
    print(json.dumps({"client": client, "heard": heard, **fields}, default=repr), flush=True)


class Endured:
    """One client and its network. It is its own listener (loadtests.swarm.client.Listener)."""

    def __init__(
        self, name: str, url: str, transports: list[str], deadline_s: float, tls: bool = False, ca: str | None = None
    ) -> None:
        context = ssl.create_default_context(cafile=ca) if tls else None
        dial = Dial(url, transports=tuple(transports), tls=context)
        self._name = name
        self._descriptors = _descriptors()
        self._client = Client(
            wire=Wire(dial),
            dial=dial,
            auth=dict,
            listener=self,
            backoff=Backoff(0.01, 0.1, name),
            connect_deadline_s=deadline_s,
        )

    # -- what the client tells

    def connecting(self, attempt: int) -> None:
        tell(self._name, "connecting", attempt=attempt)

    def connect_failed(self, reason: str, status: int | None) -> None:
        tell(self._name, "connect_failed", reason=reason, status=status)

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        tell(self._name, "connected", sid=sid, transport=transport)

    def upgraded(self, transport: str) -> None:
        tell(self._name, "upgraded", transport=transport)

    def disconnected(self, reason: str, last_frame_ns: int | None) -> None:
        tell(self._name, "disconnected", reason=reason)

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        tell(self._name, "event", event=name, size=size)

    # -- orders

    def connect(self) -> None:
        self._client.connect()

    def emit(self, event: str, size: int, times: int) -> None:
        """Text of that size, so often, and how long that held up the loop."""
        began_s = time.monotonic()
        for _ in range(times):
            self._client.emit(event, "x" * size)
        tell(self._name, "emitted", took_s=time.monotonic() - began_s)

    def ask(self, event: str) -> None:
        self._client.emit(event, acked=self._acked)

    def disconnect(self) -> None:
        """And tell when the last of its connections has gone, and how large this process has ever been."""
        self._client.disconnect()
        while _descriptors() > self._descriptors:
            gevent.sleep(0.005)
        tell(self._name, "gone", largest_kb=_largest_kb())

    def _acked(self, answers: tuple[Any, ...], why: str | None) -> None:
        tell(self._name, "acked", answers=answers, why=why)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _largest_kb() -> int:
    """Of this program: getrusage's figure has the size of the one that started it in it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])


class Complaints:
    """Where gevent writes the tracebacks of what nobody caught."""

    def write(self, lines: str) -> None:
        if lines.strip():
            tell("", "traceback", lines=lines)


def main() -> None:
    gevent.get_hub().exception_stream = Complaints()
    clients: dict[str, Endured] = {}
    for line in FileObjectThread(sys.stdin):
        order = json.loads(line)
        name, verb, about = order["client"], order["do"], order["about"]
        if verb == "make":
            clients[name] = Endured(name, **about)
        else:
            gevent.spawn(partial(getattr(clients[name], verb), **about))


if __name__ == "__main__":
    main()
