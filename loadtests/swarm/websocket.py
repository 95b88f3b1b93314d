"""Engine.IO packets over one websocket. The frames are the `websockets` library's, without its I/O."""

from typing import Any, Protocol, cast

import gevent
from gevent.event import AsyncResult
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import CONNECTING, OPEN
from websockets.uri import parse_uri

from loadtests.swarm.dial import LONGEST_REASON, ConnectFailed, Dial, refused
from loadtests.swarm.link import Link

TEXT, BINARY, CONTINUATION = Opcode.TEXT, Opcode.BINARY, Opcode.CONT
LONGEST_MESSAGE = 16 * 2**20  # bytes; a longer one is answered with close code 1009
CLOSING_S = 2.0  # after the close frames, for the server to end the connection; Chrome's


class Carrier(Protocol):
    """What a transport tells, in the event loop."""

    def arrived(self, packet: str | bytes) -> None: ...
    def ended(self, reason: str) -> None: ...


class WebSocket:
    """One websocket; made open. Fragments are put together, pings answered, wrong frames closed with their code."""

    name = "websocket"

    def __init__(self, link: Link, dial: Dial, query: dict[str, str], carrier: Carrier) -> None:
        """Shakes hands, which waits. Raises ConnectFailed; the caller has set the deadline."""
        self._link = link
        self._dial = dial
        self.carrier = carrier
        self._protocol = ClientProtocol(parse_uri(dial.websocket_url(query)), max_size=LONGEST_MESSAGE)
        self._parts = bytearray()  # of a message that comes in fragments
        self._is_text = True
        opening = self._opening = AsyncResult()
        self._closing: Any = None  # gevent's timer: between the close frames and the end of the connection
        request = self._protocol.connect()
        for name, value in dial.request_headers().items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._write()
        link.listen(self._arrived, self._ended)
        try:
            opening.get()
        except BaseException:
            self.close()
            raise

    def send(self, packets: list[str | bytes]) -> None:
        if self._protocol.state is not OPEN:
            return  # it is closing; its end is told when it comes
        for packet in packets:
            if isinstance(packet, str):
                self._protocol.send_text(packet.encode())
            else:
                self._protocol.send_binary(packet)
        self._write()

    def close(self) -> None:
        """With a close frame, if there is somebody to read it; a second call does nothing.

        The connection stays for the server to end it: closed with something unread it would be reset, and what was
        sent last be lost with it.
        """
        if self.carrier is NOBODY:
            return
        self.carrier = NOBODY
        if self._protocol.state is OPEN:
            self._protocol.send_close()
            self._write()
            self._wait_for_the_end()
        else:
            self._end("")

    def _write(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._link.send(data)

    def _arrived(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif self._opening is not None:
                self._answered(cast(Response, event))
        if protocol.writes:
            self._write()
        if protocol.state is not OPEN:
            self._is_closing()

    def _answered(self, response: Response) -> None:
        failed = self._protocol.handshake_exc
        self._dial.keep_cookies(response.headers.get_all("Set-Cookie"))
        if failed is None:
            self._tell_opened(None)
        elif isinstance(failed, InvalidStatus):
            location = response.headers.get_all("Location")
            self._tell_opened(refused(response.status_code, response.body, "".join(location[:1])))
        else:
            self._tell_opened(_no_handshake(failed))

    def _tell_opened(self, failed: ConnectFailed | None) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            if failed is None:
                opening.set()
            else:
                opening.set_exception(failed)

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is TEXT or opcode is BINARY:
            self._is_text = opcode is TEXT
            if frame.fin:
                self._message(frame.data)
            else:
                self._parts = bytearray(frame.data)
        elif opcode is CONTINUATION:
            self._parts += frame.data
            if frame.fin:
                whole, self._parts = self._parts, bytearray()
                self._message(whole)

    def _message(self, data: bytes | bytearray | memoryview) -> None:
        try:
            packet = str(data, "utf-8") if self._is_text else bytes(data)
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "not UTF-8")
            self._is_wrong()
        else:
            self.carrier.arrived(packet)

    def _is_closing(self) -> None:
        """A close frame came, a frame was wrong, or the handshake is not over or failed."""
        protocol = self._protocol
        if protocol.state is CONNECTING:
            if protocol.handshake_exc is not None:
                self._tell_opened(_no_handshake(protocol.handshake_exc))
        elif self._closing is None:
            if protocol.parser_exc is None:
                self._wait_for_the_end()
            else:
                self._is_wrong()

    def _is_wrong(self) -> None:
        """Nothing that comes counts any more; the connection stays until the server has read the close code."""
        carrier, self.carrier = self.carrier, NOBODY
        if self._closing is None:
            self._wait_for_the_end()
        carrier.ended("transport error")

    def _wait_for_the_end(self) -> None:
        self._closing = gevent.get_hub().loop.timer(CLOSING_S)
        self._closing.start(self._end, "transport close")

    def _ended(self, reason: str) -> None:
        self._protocol.receive_eof()
        if self._opening is not None:
            for event in self._protocol.events_received():  # a refusal as long as the connection
                self._answered(cast(Response, event))
            failed = self._protocol.handshake_exc
            self._tell_opened(_no_handshake(failed) if failed is not None else ConnectFailed(reason))
        else:
            self._end("transport close")  # a browser tells no FIN from an RST

    def _end(self, reason: str) -> None:
        if self._closing is not None:
            self._closing.stop()
            self._closing.close()
        self._link.close()
        self.carrier.ended(reason)


def _no_handshake(failed: Exception) -> ConnectFailed:
    return ConnectFailed(": ".join(str(why) for why in (failed, failed.__cause__) if why is not None)[:LONGEST_REASON])


class _Nobody:
    """Who is told of a websocket after close()."""

    def arrived(self, packet: str | bytes) -> None: ...
    def ended(self, reason: str) -> None: ...


NOBODY = _Nobody()
