"""Engine.IO packets over one websocket."""

from typing import Any, Protocol, cast

import gevent

from loadtests.swarm.dial import Dial
from loadtests.swarm.frames import BINARY, CLOSE, PING, PONG, TEXT, Reader, WrongFrame, frame
from loadtests.swarm.handshake import Handshake
from loadtests.swarm.link import Link

LONGEST_MESSAGE = 16 * 2**20  # bytes; a longer one is answered with close code 1009
CLOSING_S = 2.0  # after the close frames, for the server to end the connection; Chrome's


class Carrier(Protocol):
    """What a transport tells, in the event loop."""

    def arrived(self, packet: str | bytes) -> None: ...
    def ended(self, reason: str) -> None: ...


class WebSocket:
    """One websocket; made open. Fragments are put together, pings answered, wrong frames closed with their code."""

    __slots__ = ("_closing", "_handshake", "_link", "_reader", "carrier")

    name = "websocket"

    def __init__(self, link: Link, dial: Dial, query: dict[str, str], carrier: Carrier) -> None:
        """Shakes hands, which waits. Raises ConnectFailed; the caller has set the deadline."""
        self._link = link
        self.carrier = carrier
        self._closing: Any = None  # gevent's timer: from the first close frame to the end of the connection
        self._reader = Reader(LONGEST_MESSAGE, self._message)
        handshake = Handshake(dial, query)
        self._handshake: Handshake | None = handshake  # until the server has agreed
        link.send(handshake.request)
        link.listen(self._arrived, self._ended)
        try:
            handshake.wait()
        except BaseException:
            self.close()
            raise

    def send(self, packets: list[str | bytes]) -> None:
        if self._closing is None:  # once it is closing, frames are dropped: its end is told when it comes
            for packet in packets:
                self._link.send(frame(TEXT, packet.encode()) if isinstance(packet, str) else frame(BINARY, packet))

    def close(self) -> None:
        """With a close frame, if there is somebody to read it; a second call does nothing.

        The connection stays for the server to end it: closed with something unread it would be reset, and what was
        sent last be lost with it.
        """
        if self.carrier is NOBODY:
            return
        self.carrier = NOBODY
        if self._handshake is None and self._closing is None:
            self._say_goodbye(b"")
        else:
            self._end("")

    def _arrived(self, data: bytes) -> None:
        if self._handshake is not None:
            behind = self._handshake.arrived(data)
            if behind is None:
                return
            self._handshake, data = None, behind
        if self._closing is None:  # else nothing counts any more
            try:
                self._reader.read(data)
            except WrongFrame as wrong:
                self._is_wrong(wrong)

    def _message(self, kind: int, data: str | bytes) -> None:
        if kind in (TEXT, BINARY):
            self.carrier.arrived(data)
        elif kind == PING:
            self._link.send(frame(PONG, cast(bytes, data)))
        elif kind == CLOSE:
            self._say_goodbye(cast(bytes, data))

    def _is_wrong(self, wrong: WrongFrame) -> None:
        """The connection stays until the server has read the close code."""
        carrier, self.carrier = self.carrier, NOBODY
        self._say_goodbye(wrong.code.to_bytes(2) + str(wrong).encode())
        carrier.ended("transport error")

    def _say_goodbye(self, body: bytes) -> None:
        if self._closing is None:
            self._link.send(frame(CLOSE, body))
            self._closing = gevent.get_hub().loop.timer(CLOSING_S)
            self._closing.start(self._end, "transport close")

    def _ended(self, reason: str) -> None:
        if self._handshake is not None:
            self._handshake.ended(reason)
        else:
            self._end("transport close")  # a browser tells no FIN from an RST

    def _end(self, reason: str) -> None:
        if self._closing is not None:
            self._closing.stop()
            self._closing.close()
        self._link.close()
        self.carrier.ended(reason)


class _Nobody:
    """Who is told of a websocket after close()."""

    def arrived(self, packet: str | bytes) -> None: ...
    def ended(self, reason: str) -> None: ...


NOBODY = _Nobody()
