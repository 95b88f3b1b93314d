"""What clients do on a socket: connect, join, leave, send."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from socketio.exceptions import ConnectionRefusedError as SocketRefused

from server_under_test.chat import Bearer, Draft, Refused, session_in
from server_under_test.conversations import Conversations, Unanswered
from server_under_test.defects import Defects
from server_under_test.engine import ChatServer
from server_under_test.journal import Journal
from server_under_test.publisher import AGENTS, Publisher
from server_under_test.shapes import Room, SocketMessage, read
from server_under_test.tokens import Tokens

Handler = Callable[[str, Bearer, Any], Awaitable[dict[str, Any]]]


@dataclass(eq=False)
class Sockets:
    _server: ChatServer
    _conversations: Conversations
    _publisher: Publisher
    _tokens: Tokens
    _journal: Journal
    _defects: Defects
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)
    _bearers: dict[str, Bearer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._handlers: dict[str, Handler] = {
            "join-chat" if self._defects.value("server.join-event") else "join": self.join,
            "leave": self.leave,
            "send-message": self.send,
        }

    async def handshake(self) -> None:
        """Before a connection is looked at."""
        if slow_ms := self._defects.value("server.slow-handshake"):
            async with self._door:
                self._defects.did("server.slow-handshake", "connection", None, for_ms=slow_ms)
                await asyncio.sleep(slow_ms / 1000)

    def connect(self, sid: str, _environ: Any, auth: Any) -> None:
        # Not a coroutine: were it to wait, a client that closes meanwhile would stay in its rooms as a ghost.
        try:
            bearer = self._tokens.bearer(auth.get("token") if isinstance(auth, dict) else None)
        except Refused as refusal:
            self._journal.write("auth_refused", sid=sid, reason=refusal.error)
            raise SocketRefused(refusal.error) from None
        self._bearers[sid] = bearer
        self._journal.write("sid_connected", sid=sid, session=_session_of(bearer))
        if bearer.role == "agent":
            self._enter(sid, AGENTS)

    def disconnect(self, sid: str, reason: str) -> None:
        bearer = self._bearers.pop(sid)
        self._server.write_queue(sid)
        for room in self._server.rooms(sid):
            if room != sid and self._defects.value("server.ghost"):
                self._defects.did("server.ghost", "connection", _session_of(bearer), for_ms=None)
                self._server.haunt(sid, room)
            elif room != sid:
                self._left(sid, room)
        about = {"session": _session_of(bearer), "reason": reason, "last_frame_ns": self._server.heard_ns(sid)}
        self._journal.write("sid_disconnected", sid=sid, **about)

    async def event(self, sid: str, data: Any) -> dict[str, Any] | None:
        """The ack of any event: {ok: true, ...} or {ok: false, error}. `data` is [name, payload], if it is right."""
        name, payload = (*data, None, None)[:2] if isinstance(data, list) else (None, None)
        bearer = self._bearers[sid]
        handler = self._handlers.get(name) if isinstance(name, str) else None
        if handler is None:
            return self._unknown(sid, bearer, name)
        try:
            return {"ok": True, **await handler(sid, bearer, payload)}
        except Refused as refusal:
            return {"ok": False, "error": refusal.error}
        except Unanswered:
            return None

    def _unknown(self, sid: str, bearer: Bearer, name: Any) -> dict[str, Any]:
        event = name.encode(errors="replace").decode()[:64] if isinstance(name, str) else None
        if self._defects.value("server.join-event") and event == "join":
            self._defects.did("server.join-event", "connection", _session_of(bearer))
        self._journal.write("unknown_event", sid=sid, session=_session_of(bearer), event=event)
        known = ", ".join(self._handlers)
        return {"ok": False, "error": f"There is no event {event!r} here; there are {known}."}

    async def join(self, sid: str, bearer: Bearer, payload: Any) -> dict[str, Any]:
        """Enter first and read what was missed then: what comes in between is seen twice rather than never."""
        wanted = _room(payload)
        if delay_ms := self._defects.value("server.join-delay"):
            self._defects.did("server.join-delay", "connection", wanted.session_id, for_ms=delay_ms)
            await asyncio.sleep(delay_ms / 1000)
        await self._conversations.check_member(wanted.session_id, bearer)
        if sid not in self._bearers:
            raise Refused(409, "The connection ended while it joined.")
        room = self._publisher.room(wanted.session_id)
        self._enter(sid, room)
        if forget_s := self._defects.value("server.forget-room"):
            asyncio.get_running_loop().call_later(forget_s, self._forget, sid, room)
        members = len(self._server.sids_in(room))
        missed = await self._conversations.missed(wanted.session_id, wanted.after)
        return {"room": room, "members": members, **missed.as_json()}

    async def leave(self, sid: str, _bearer: Bearer, payload: Any) -> dict[str, Any]:
        wanted = _room(payload)
        for room in [each for each in self._server.rooms(sid) if session_in(each) == wanted.session_id]:
            self._left(sid, room)
            await self._server.leave_room(sid, room)
        return {"room": wanted.room}

    async def send(self, _sid: str, bearer: Bearer, payload: Any) -> dict[str, Any]:
        sent = read(SocketMessage, payload)
        draft = Draft(sent.session_id, sent.client_id, sent.text, sent.metadata, bearer)
        return {"message": (await self._conversations.send(draft)).message.as_json()}

    def _enter(self, sid: str, room: str) -> None:
        self._journal.write("room_entered", sid=sid, room=room, session=session_in(room))
        self._server.manager.basic_enter_room(sid, "/", room)

    def _forget(self, sid: str, room: str) -> None:
        if room in self._server.rooms(sid):
            self._defects.did("server.forget-room", "session", session_in(room), for_ms=None)
            self._server.manager.basic_leave_room(sid, "/", room)

    def _left(self, sid: str, room: str) -> None:
        self._journal.write("room_left", sid=sid, room=room, session=session_in(room))


def _room(payload: Any) -> Room:
    return read(Room, {"room": payload} if isinstance(payload, str) else payload)


def _session_of(bearer: Bearer) -> str | None:
    return bearer.name if bearer.role == "widget" else None
