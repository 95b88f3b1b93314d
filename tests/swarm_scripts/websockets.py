"""Websockets of the swarm's, driven from outside: orders come as JSON lines on stdin, what is told goes to stdout.

It is run in a process of its own, by `python -m gevent.monkey --module`, which patches it as Locust does.
"""

import json
import sys
from base64 import b64decode, b64encode
from typing import Any

import gevent
from gevent.fileobject import FileObjectThread

from loadtests.swarm.dial import ConnectFailed, Dial
from loadtests.swarm.link import Arrived, Ended, Link
from loadtests.swarm.websocket import WebSocket
from loadtests.swarm.wire import Wire

DEADLINE_S = 30.0


def tell(told: str, **fields: Any) -> None:
    print(json.dumps({"told": told, **fields}), flush=True)


class Pieces:
    """A link that hands on what arrives in pieces of these sizes, one after another, and then as it comes."""

    def __init__(self, link: Link, sizes: list[int]) -> None:
        self.sizes = sizes
        self._link = link
        self._is_open = True
        self.send = link.send

    def listen(self, arrived: Arrived, ended: Ended) -> None:
        self._arrived = arrived
        self._link.listen(self._cut, ended)

    def close(self) -> None:
        self._is_open = False
        self._link.close()

    def _cut(self, data: bytes) -> None:
        while data and self._is_open:
            piece = data[: self.sizes[0]] if self.sizes else data
            data = data[len(piece) :]
            if self.sizes:
                self.sizes[0] -= len(piece)
                if not self.sizes[0]:
                    self.sizes.pop(0)
            self._arrived(piece)


class Teller:
    """Tells everything that a websocket tells it (loadtests.swarm.websocket.Carrier), and what goes wrong beside it."""

    def __init__(self) -> None:
        self._websocket: WebSocket | None = None

    def arrived(self, packet: str | bytes) -> None:
        if isinstance(packet, str):
            tell("text", data=packet)
        else:
            tell("binary", data=b64encode(packet).decode())

    def ended(self, reason: str) -> None:
        tell("ended", reason=reason)
        if self._websocket is not None:
            self._websocket.close()  # as the engine does

    def write(self, traceback: str) -> None:
        tell("traceback", lines=traceback)

    # -- orders

    def open(self, url: str, opening: list[int], then: list[int]) -> None:
        """Cut the answer to the handshake into pieces of those sizes, and what comes once it is open into these."""
        link = Pieces(Wire(Dial(url)).connect(DEADLINE_S), opening)
        try:
            with gevent.Timeout(DEADLINE_S):
                self._websocket = WebSocket(link, Dial(url), {}, self)  # type: ignore[arg-type]
        except ConnectFailed as failed:
            tell("failed", reason=failed.reason, status=failed.status)
        else:
            link.sizes = then
            tell("opened")

    def send(self, text: str | None = None, binary: str | None = None) -> None:
        assert self._websocket is not None
        self._websocket.send([text if text is not None else b64decode(binary or "")])

    def close(self) -> None:
        assert self._websocket is not None
        self._websocket.close()


def main() -> None:
    teller = Teller()
    for line in FileObjectThread(sys.stdin):
        order = json.loads(line)
        if order["do"] == "open":
            teller = Teller()
            gevent.get_hub().exception_stream = teller
        gevent.spawn(getattr(teller, order.pop("do")), **order)


if __name__ == "__main__":
    main()
