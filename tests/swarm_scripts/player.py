"""The swarm's Socket.IO client, driven from outside: orders come as JSON lines on stdin, what it hears goes to stdout.

The same orders and the same answers as tests/node/player.js. It is run in a process of its own, by
`python -m gevent.monkey --module`, which patches it as Locust does.
"""

import json
import ssl
import sys
import time
from functools import partial
from itertools import chain, repeat
from typing import Any

from gevent.fileobject import FileObjectThread

from loadtests.swarm import boxes
from loadtests.swarm.backoff import Backoff
from loadtests.swarm.client import Client
from loadtests.swarm.dial import Dial
from loadtests.swarm.wire import Wire

Steps = list[tuple[str, dict[str, Any]]]


class Still(Backoff):
    """Without the spread."""

    def delay_s(self, failures: int, draw: int) -> float:
        return self.rolled_s(failures, 0.0)


class Player:
    """One client and its network. It is its own listener (loadtests.swarm.client.Listener)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._answers: dict[str, list[Any] | None] = {}  # to the events that have a handler
        self._when: dict[str, list[Steps]] = {}  # by what is heard

    def do(self, steps: Steps) -> None:
        for verb, about in steps:
            getattr(self, verb)(**about)

    # -- orders

    def make(
        self,
        url: str,
        auth: list[dict[str, Any]],
        first_s: float,
        longest_s: float,
        deadline_s: float,
        namespace: str = "/",
        transports: tuple[str, ...] = ("websocket",),
        query: dict[str, str] | None = None,
        origin: str | None = None,
        ca: str | None = None,
        jitter: float = 0.5,
        given_up_s: float = 30.0,
    ) -> None:
        tls = ssl.create_default_context(cafile=ca) if ca else None
        dial = Dial(url, transports=tuple(transports), origin=origin, query=query or {}, tls=tls)
        self._auth = chain(auth, repeat(auth[-1]))
        self._wire = Wire(dial, given_up_s)
        self._client = Client(
            wire=self._wire,
            dial=dial,
            auth=lambda: next(self._auth),
            listener=self,
            backoff=(Backoff if jitter else Still)(first_s, longest_s, "seed"),
            connect_deadline_s=deadline_s,
            namespace=namespace,
        )

    def connect(self) -> None:
        self._client.connect()

    def disconnect(self) -> None:
        self._client.disconnect()

    def emit(self, event: str, args: list[Any], number: int | None = None, deadline_s: float | None = None) -> None:
        acked = None if number is None else partial(self._acked, number)
        self._client.emit(event, *args, acked=acked, deadline_s=deadline_s)

    def on(self, event: str, answer: list[Any] | None) -> None:
        self._answers[event] = answer

    def whenever(self, heard: str, then: Steps) -> None:
        self._when.setdefault(heard, []).append(then)

    def reset(self, away_s: float) -> None:
        self._wire.reset(away_s)

    def hurt(self, how: str, about: dict[str, Any]) -> None:
        getattr(self._wire, how)(**about)

    def put_box(self, name: str, for_s: float, about: dict[str, Any]) -> None:
        self._wire.put_box(partial(getattr(boxes, name), **about), for_s)

    def delays(self, first_s: float, longest_s: float, rolls: list[tuple[int, float]]) -> None:
        """What the back-off makes of so many failures and that roll."""
        backoff = Backoff(first_s, longest_s, "seed")
        self._tell("delays", delays_ms=[backoff.rolled_s(failures, rolled) * 1000 for failures, rolled in rolls])

    def draws(self, first_s: float, longest_s: float, failures: int, count: int) -> None:
        """What it draws from the seed."""
        backoff = Backoff(first_s, longest_s, "seed")
        self._tell("draws", delays_ms=[backoff.delay_s(failures, draw) * 1000 for draw in range(count)])

    def freeze(self, for_s: float) -> None:
        """Nothing happens in this process for so long, as in a tab that is frozen."""
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            pass

    def mark(self) -> None:
        """Everything before has been done."""
        self._tell("mark")

    def close(self) -> None:
        self._when.clear()
        self._client.disconnect()
        self._tell("close")

    # -- what it hears

    def connecting(self, attempt: int) -> None:
        self._tell("connecting", attempt=attempt)

    def connect_failed(self, reason: str, status: int | None) -> None:
        self._tell("connect_failed", reason=reason, status=status)

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        self._tell("connected", sid=sid, transport=transport, recovered=recovered)

    def upgraded(self, transport: str) -> None:
        self._tell("upgraded", transport=transport)

    def disconnected(self, reason: str, last_frame_ns: int | None) -> None:
        self._tell("disconnected", reason=reason, last_frame_ns=last_frame_ns)

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        args = [each for each in arguments if not callable(each)]
        self._tell("event", event=name, args=args)
        if name in self._answers:
            self._tell("handled", event=name, args=args)
            if (answer := self._answers[name]) is not None:
                arguments[-1](*answer)

    def _acked(self, number: int, arguments: tuple[Any, ...], why: str | None) -> None:
        self._tell("acked", number=number, args=None if why else list(arguments), why=why)

    def _tell(self, heard: str, **about: Any) -> None:
        line = {"client": self._name, "heard": heard, "t_ns": time.monotonic_ns(), **about}
        print(json.dumps(line, default=_written), flush=True)
        for steps in self._when.get(heard, ()):
            self.do(steps)


def _written(value: Any) -> Any:
    return {"$bytes": value.hex()} if isinstance(value, bytes) else repr(value)


def _read(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["$bytes"]) if "$bytes" in value else value


def main() -> None:
    players: dict[str, Player] = {}
    for line in FileObjectThread(sys.stdin):
        order = json.loads(line, object_hook=_read)
        name = order["client"]
        if name not in players:
            players[name] = Player(name)
        players[name].do(order["do"])


if __name__ == "__main__":
    main()
