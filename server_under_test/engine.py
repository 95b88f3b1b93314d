"""python-socketio's server, made to tell what it writes and to say why it refuses."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

import engineio
import socketio
from engineio.async_drivers.asgi import WebSocket

from server_under_test.chat import Message
from server_under_test.journal import Journal
from server_under_test.origins import Origins

MAX_PACKET_BYTES = 128 * 1024  # 10,000 characters of text fit, even when each is escaped

_carried: ContextVar[Message | None] = ContextVar("carried", default=None)


@contextlib.contextmanager
def carrying(message: Message) -> Iterator[None]:
    """What is emitted within carries this message; the library's tasks for each recipient inherit it."""
    token = _carried.set(message)
    try:
        yield
    finally:
        _carried.reset(token)


class _Frame(str):
    """An encoded packet that knows the message it carries."""

    __slots__ = ("message",)
    message: Message


class _Body(bytes):
    """The body of a poll's answer, and the messages in it."""

    messages: tuple[Message, ...]


class _WebSocket(WebSocket):  # type: ignore[misc]
    def __init__(self, handler: Any, engine: "_Engine") -> None:
        super().__init__(handler, engine)
        self._eio_sid = handler.__self__.sid
        self._written = engine.written

    async def send(self, message: Any) -> None:
        await super().send(message)
        if isinstance(message, _Frame):
            self._written(self._eio_sid, message.message)


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    written: Callable[[str, Message], None]

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = super()._ok(packets, headers, jsonp_index)
        frames = [packet.encode_cache for packet in packets or ()]
        answer["response"] = _Body(answer["response"])
        answer["response"].messages = tuple(frame.message for frame in frames if isinstance(frame, _Frame))
        return answer


class ChatServer(socketio.AsyncServer):  # type: ignore[misc]
    """Answers every event, known or not, in the order in which its client sent them."""

    def __init__(self, journal: Journal, origins: Origins, ping_interval_s: float, ping_timeout_s: float) -> None:
        super().__init__(
            async_mode="asgi",
            ping_interval=ping_interval_s,
            ping_timeout=ping_timeout_s,
            max_http_buffer_size=MAX_PACKET_BYTES,
            http_compression=False,
            cors_allowed_origins=origins.allow,
        )
        self._journal = journal
        self._origins = origins
        self.eio.written = self._written
        self.eio._async = {**self.eio._async, "websocket": _WebSocket, "make_response": self._respond}
        self.on_event: Callable[[str, Any], Awaitable[dict[str, Any]]]

    def sids_in(self, room: str) -> list[str]:
        return [sid for sid, _ in self.manager.get_participants("/", room)]

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        # The library drops unknown events without a reply, and lets a client call the handlers of connect and
        # disconnect by sending events of those names; here every event goes one way and every ack is answered.
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if not self.manager.is_connected(sid, namespace or "/"):
            return
        answer = await self.on_event(sid, data)
        if id is not None:
            ack = self.packet_class(socketio.packet.ACK, namespace=namespace, id=id, data=[answer])
            await self._send_packet(eio_sid, ack)

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        message = _carried.get()
        if message is not None and eio_pkt.encode_cache is None:
            eio_pkt.encode_cache = _Frame(eio_pkt.encode())
            eio_pkt.encode_cache.message = message
        await super()._send_eio_packet(eio_sid, eio_pkt)

    def _written(self, eio_sid: str, message: Message) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        self._journal.write(
            "written", session=message.session_id, mid=message.client_id, seq=message.seq, id=message.id, sid=sid
        )

    async def _respond(self, status: str, headers: list[tuple[str, str]], body: bytes, environ: dict[str, Any]) -> None:
        """Answer a poll or a refused handshake; on a websocket too with status and reason, not with a bare 403."""
        origin = environ.get("HTTP_ORIGIN")
        if origin and not self._origins.allow(origin, environ):
            self._origins.refused(origin)
        send = environ["asgi.send"]
        kind = "http.response" if environ["asgi.scope"]["type"] == "http" else "websocket.http.response"
        named = [*headers, ("Content-Length", str(len(body)))]
        raw_headers = [(name.encode(), value.encode()) for name, value in named]
        await send({"type": f"{kind}.start", "status": int(status.split()[0]), "headers": raw_headers})
        await send({"type": f"{kind}.body", "body": body})
        if isinstance(body, _Body) and body.messages:
            eio_sid = parse_qs(environ["QUERY_STRING"])["sid"][0]
            for message in body.messages:
                self._written(eio_sid, message)
