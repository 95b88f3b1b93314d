"""python-socketio's server, made to tell what it writes and to say why it refuses."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

import engineio
import socketio
from engineio.async_drivers.asgi import WebSocket
from engineio.packet import Packet, packet_names
from engineio.payload import Payload
from socketio.packet import ACK, CONNECT, DISCONNECT, EVENT

from server_under_test.chat import Message
from server_under_test.journal import Journal
from server_under_test.origins import Origins

MAX_PACKET_BYTES = 128 * 1024  # 10,000 characters of text fit, even when each is escaped
MAX_PACKETS = 256  # in one POST; beyond it the library answers OK and drops them all, and its own limit is 16

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
        self._socket = handler.__self__
        self._written = engine.written

    async def wait(self) -> Any:
        frame = await super().wait()
        self._socket.heard_ns = time.monotonic_ns()
        try:
            packet_names[Packet(encoded_packet=frame).packet_type]
        except (ValueError, RecursionError, IndexError):
            # Raised outside of here it would end the library's task, and leave the client in its rooms as a ghost.
            raise OSError("not an Engine.IO packet") from None
        return frame

    async def send(self, message: Any) -> None:
        await super().send(message)
        if isinstance(message, _Frame):
            self._written(self._socket.sid, message.message)


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
        Payload.max_decode_packets = MAX_PACKETS
        self._journal = journal
        self._origins = origins
        self.eio.written = self._written
        self.eio._async = {**self.eio._async, "websocket": _WebSocket, "make_response": self._respond}
        self.on_handshake: Callable[[], Awaitable[None]]
        self.on_event: Callable[[str, Any], Awaitable[dict[str, Any] | None]]

    def sids_in(self, room: str | None, namespace: str | None = None) -> list[str]:
        """The connections in the room; None: all that there are."""
        return [sid for sid, _ in self.manager.get_participants(namespace or "/", room)]

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        # The library drops unknown events without a reply, lets a client call the handlers of connect and disconnect
        # by events of those names, and ends in a traceback where a packet cannot be read. Here every event goes one
        # way, and is done before the connection's next one is looked at.
        try:
            packet = self.packet_class(encoded_packet=data if isinstance(data, str) else "?")
        except (ValueError, RecursionError):
            packet = self.packet_class(EVENT)
        if packet.packet_type == CONNECT:
            await self.on_handshake()
            await self._handle_connect(eio_sid, packet.namespace, packet.data)
        elif packet.packet_type == DISCONNECT:
            await self._handle_disconnect(eio_sid, packet.namespace, self.reason.CLIENT_DISCONNECT)
        elif self.manager.is_connected(sid := self._sid(eio_sid), "/"):
            answer = await self.on_event(sid, packet.data if packet.packet_type == EVENT else None)
            if packet.id is not None and answer is not None:
                await self._send_packet(eio_sid, self.packet_class(ACK, id=packet.id, data=[answer]))

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        message = _carried.get()
        if message is not None and eio_pkt.encode_cache is None:
            eio_pkt.encode_cache = _Frame(eio_pkt.encode())
            eio_pkt.encode_cache.message = message
        if message is not None and (why := self._why_not_taken(eio_sid)):
            self._journal.tell("not_enqueued", message, sid=self._sid(eio_sid) or self._ghost(eio_sid), why=why)
        await super()._send_eio_packet(eio_sid, eio_pkt)

    def _why_not_taken(self, eio_sid: str) -> str | None:
        """Why the library will drop, without a word, what is sent to that connection."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is None:
            return "no-socket"
        if socket.closed:
            return "closed"
        overdue = socket.last_ping and time.time() - socket.last_ping > self.eio.ping_timeout
        return "overdue" if overdue else None

    def _sid(self, eio_sid: str) -> Any:
        return self.manager.sid_from_eio_sid(eio_sid, "/")

    def _ghost(self, eio_sid: str) -> str | None:
        """The sid of a connection that has ended and is still in a room."""
        rooms = self.manager.rooms.get("/", {}).values()
        return next((room.inv[eio_sid] for room in rooms if eio_sid in room.inv), None)

    def haunt(self, sid: str, room: str) -> None:
        """Put a connection that is just ending back into the room, once the library has taken it out."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        asyncio.get_running_loop().call_soon(self.manager.basic_enter_room, sid, "/", room, eio_sid)

    def heard_ns(self, sid: str) -> int | None:
        """When the connection's last frame came."""
        return getattr(self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/")), "heard_ns", None)

    def write_queues(self) -> None:
        """Write down which connections are behind, or on their way from polling to a websocket."""
        behind = [each for each, socket in self.eio.sockets.items() if socket.upgrading or not socket.queue.empty()]
        for sid in filter(None, map(self._sid, behind)):
            self.write_queue(sid)

    def write_queue(self, sid: str) -> None:
        socket = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        if socket is not None and (socket.upgrading or not socket.queue.empty()):
            self._journal.write("queue", sid=sid, depth=socket.queue.qsize(), upgrading=socket.upgrading or None)

    def _written(self, eio_sid: str, message: Message) -> None:
        self._journal.tell("written", message, sid=self._sid(eio_sid))

    async def _respond(self, status: str, headers: list[tuple[str, str]], body: bytes, environ: dict[str, Any]) -> None:
        """Answer a poll or a refused handshake; on a websocket too with status and reason, not with a bare 403."""
        asked = parse_qs(environ["QUERY_STRING"])
        if (socket := self.eio.sockets.get(asked.get("sid", [""])[0])) is not None:
            socket.heard_ns = time.monotonic_ns()
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
            for message in body.messages:
                self._written(asked["sid"][0], message)
