"""The server's end of the swarm's websockets (tests/swarm_scripts/websockets.py), where every byte is said by hand."""

import socket
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.json_lines import Line, Tell, conversing
from tests.played import WITHIN_S

CHUNK_BYTES = 65536


@dataclass(slots=True)
class Connection:
    """One websocket. What the client sends is read by the library's server side, which insists on masks."""

    sock: socket.socket
    order: Tell
    told: "Queue[Line]"
    protocol: ServerProtocol = field(default_factory=lambda: ServerProtocol(max_size=None))
    request: Request = field(init=False)
    is_over: bool = False  # the client's side has told so
    _heard: list[Any] = field(default_factory=list)

    def hear(self) -> Any:
        """The next frame of the client's, or its request."""
        while not self._heard:
            data = self.sock.recv(CHUNK_BYTES)
            assert data, "the client has closed"
            self.protocol.receive_data(data)
            self._heard += self.protocol.events_received()
            assert self.protocol.parser_exc is None, self.protocol.parser_exc
        return self._heard.pop(0)

    def answer(self) -> bytes:
        """What a server that agrees says to the client's handshake; it is not said yet."""
        self.request = self.hear()
        self.protocol.send_response(self.protocol.accept(self.request))
        return b"".join(self.protocol.data_to_send())

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def tell_me(self, *kinds: str) -> Line:
        """What the client's side tells next, which is of one of these kinds."""
        line = self.told.get(timeout=WITHIN_S)
        self.is_over = line["told"] in ("ended", "failed")
        assert line["told"] in kinds, line
        return line

    def packets(self, count: int) -> list[str | bytes]:
        """The next packets that the client's side has put together."""
        lines = [self.tell_me("text", "binary") for _ in range(count)]
        return [line["data"] if line["told"] == "text" else b64decode(line["data"]) for line in lines]

    def send(self, packet: str | bytes) -> None:
        """Let the client send it."""
        if isinstance(packet, str):
            self.order({"do": "send", "text": packet})
        else:
            self.order({"do": "send", "binary": b64encode(packet).decode()})

    def close_code(self) -> int:
        """Of the close frame that the client sends next, whatever comes before it."""
        while not (isinstance(frame := self.hear(), Frame) and frame.opcode is frame.opcode.CLOSE):
            pass
        assert self.protocol.close_rcvd is not None
        return int(self.protocol.close_rcvd.code)

    def is_at_its_end(self) -> None:
        """The client's side has told that it is over, or tells it now."""
        if not self.is_over:
            self.tell_me("ended", "failed")


@dataclass(slots=True)
class Server:
    """Accepts one websocket after another from one process of the swarm's."""

    listener: socket.socket
    order: Tell
    told: "Queue[Line]"

    @contextmanager
    def dialled(self, opening: list[int] | None = None, then: list[int] | None = None) -> Iterator[Connection]:
        """A connection whose handshake is not answered yet.

        Its answer is cut into pieces of the sizes `opening`, what comes once it is open into `then`.
        """
        assert self.told.empty(), self.told.get()
        url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.order({"do": "open", "url": url, "opening": opening or [], "then": then or []})
        sock, _ = self.listener.accept()
        sock.settimeout(WITHIN_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, self.order, self.told)
        try:
            yield connection
        finally:
            sock.close()
        connection.is_at_its_end()

    @contextmanager
    def opened(self, then: list[int] | None = None) -> Iterator[Connection]:
        """An open connection."""
        with self.dialled(then=then) as connection:
            connection.say(connection.answer())
            connection.tell_me("opened")
            yield connection


@contextmanager
def serving() -> Iterator[Server]:
    told: Queue[Line] = Queue()
    command = [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.websockets"]
    with socket.create_server(("127.0.0.1", 0)) as listener, conversing(command, told.put) as order:
        listener.settimeout(WITHIN_S)
        yield Server(listener, order, told)
