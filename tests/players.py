"""Socket.IO clients in processes of their own, told what to do: the browser's, the swarm's, python-socketio's.

Each process plays any number of clients at once (tests/node/player.js, tests/swarm_scripts/player.py and
library_player.py); orders and what is heard are the same for all.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any

from tests.json_lines import Line, Tell, conversing
from tests.node_process import NODE, node
from tests.played import WITHIN_S


def browsers() -> list[str]:
    """socket.io-client itself."""
    return [node(), str(NODE / "player.js")]


def swarms() -> list[str]:
    """Ours, in a process that is patched as Locust does it."""
    return [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.player"]


def libraries() -> list[str]:
    """python-socketio's own client, in a plain process."""
    return [sys.executable, "-m", "tests.swarm_scripts.library_player"]


Order = tuple[str, Line]  # what a client is to do, and about what


def connect() -> Order:
    return "connect", {}


def disconnect() -> Order:
    return "disconnect", {}


def emit(event: str, *args: Any, number: int | None = None, deadline_s: float | None = None) -> Order:
    """With a number, an ack is wanted; it is heard as `acked`."""
    return "emit", {"event": event, "args": args, "number": number, "deadline_s": deadline_s}


def on(event: str, answer: tuple[Any, ...] | None = None) -> Order:
    """A handler, heard as `handled`; it gives the server the ack that it asks for."""
    return "on", {"event": event, "answer": answer}


def whenever(heard: str, *then: Order) -> Order:
    """At every `connected`, `disconnected`..., while its handlers run."""
    return "whenever", {"heard": heard, "then": tuple(then)}


def freeze(for_s: float) -> Order:
    """The client's whole process stands still."""
    return "freeze", {"for_s": for_s}


def reset(away_s: float) -> Order:
    """Ours only, which has a wire of its own."""
    return "reset", {"away_s": away_s}


def hurt(how: str, **about: Any) -> Order:
    """Ours only: what its wire can be done to (loadtests.swarm.wire)."""
    return "hurt", {"how": how, "about": about}


def put_box(name: str, for_s: float, **about: Any) -> Order:
    """Ours only: one of loadtests.swarm.boxes on its way."""
    return "put_box", {"name": name, "for_s": for_s, "about": about}


@dataclass(slots=True)
class Player:
    """One client: it is told what to do, and tells what it heard."""

    name: str
    order: Tell
    told: "Queue[Line]" = field(default_factory=Queue)
    heard: list[Line] = field(default_factory=list)

    def do(self, *orders: Order) -> None:
        """In one go: nothing comes in between."""
        self.order({"client": self.name, "do": orders})

    def hear(self, what: str, **fields: Any) -> Line:
        """The next thing of that kind with those fields; what came before it is in `heard`."""
        deadline_s = time.monotonic() + WITHIN_S
        while True:
            try:
                said = self.told.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"{self.name}: no {what} {fields} among {self.heard[-20:]}") from None
            self.heard.append(said)
            if said["heard"] == what and fields.items() <= said.items():
                return said

    def ask(self, what: str, **about: Any) -> Line:
        """An order that is answered by its own name."""
        self.do((what, about))
        return self.hear(what)

    def hear_nothing(self, for_s: float) -> None:
        try:
            said = self.told.get(timeout=for_s)
        except Empty:
            return
        raise AssertionError(f"{self.name}: {said} after {self.heard[-20:]}")


@dataclass(slots=True)
class Players:
    """All clients of one kind."""

    made: dict[str, Player] = field(default_factory=dict)
    order: Tell = field(init=False)

    def make(self, name: str, **about: Any) -> Player:
        """A client with those settings; without any it can only be asked."""
        self.made[name] = player = Player(name, self.order)
        if about:
            player.do(("make", about))
        return player

    def client(self, url: str, token: str = "", origin: str | None = None, deadline_s: float = 1.0) -> Player:
        """Ours as a party has it, but quick to come back."""
        name, auth = f"client-{len(self.made)}", [{"token": token}]
        return self.make(name, url=url, auth=auth, origin=origin, first_s=0.05, longest_s=0.2, deadline_s=deadline_s)

    def told(self, line: Line) -> None:
        self.made[line.pop("client")].told.put(line)


@contextmanager
def playing(command: list[str]) -> Iterator[Players]:
    players = Players()
    with conversing(command, players.told) as players.order:
        yield players
