"""Emits what was stored, to whom it concerns. Most defects of the live way stand here."""

import asyncio
from typing import Any

from server_under_test.chat import Message, Session, room_of
from server_under_test.defects import Defects
from server_under_test.delays import Held
from server_under_test.engine import ChatServer, carrying
from server_under_test.journal import Journal

AGENTS = "agents"  # the room of all agents
HELD_AT_MOST_S = 1.5  # by server.reorder, where no other message comes


class Publisher:
    def __init__(self, server: ChatServer, journal: Journal, defects: Defects) -> None:
        self._server = server
        self._journal = journal
        self._defects = defects
        self.held = Held(self._emit_late)
        self._moved: set[str] = set()  # sessions that have another room than at first
        self._overtaken: dict[str, Message] = {}  # by session: to be emitted after its next one
        self._releases: set[asyncio.Task[None]] = set()

    async def announce(self, session: Session) -> None:
        """Tell the agents of a session that waits."""
        if self._defects.value("server.new-session-on-escalate") and session.id not in self._moved:
            self._moved.add(session.id)
            self._defects.did("server.new-session-on-escalate", "session", session.id, for_ms=None)
        await self._server.emit("session-waiting", {"session": session.as_json()}, room=AGENTS)

    def room(self, session_id: str) -> str:
        """The session's room as it is now."""
        return room_of(session_id, moved=session_id in self._moved)

    async def publish(self, message: Message) -> None:
        """Emit the message to its session's room, the sender included. Never waits for a client."""
        if self._defects.strikes("server.drop-emit", message):
            return
        delay_ms = self._defects.delay_ms(message)
        if delay_ms is None:
            await self._let_out(message)
        else:
            self.held.hold(message, delay_ms)

    async def _emit_late(self, message: Message, since_ns: int) -> None:
        self._defects.did("server.delay", "mid", message.session_id, message.client_id, since_ns)
        await self._let_out(message)

    async def _let_out(self, message: Message) -> None:
        held = self._overtaken.get(message.session_id)
        if held is None and self._defects.draws("server.reorder", message):
            self._wait_for_next(message)
            return
        if message.sender == "agent" and self._defects.draws("server.kick", message):
            await self._kick(message.session_id)
        await self._emit(message)
        if held is not None and self._overtaken.pop(message.session_id, None) is held:
            self._defects.did("server.reorder", "mid", held.session_id, held.client_id)
            await self._emit(held)

    def _wait_for_next(self, message: Message) -> None:
        self._overtaken[message.session_id] = message
        release = asyncio.create_task(self._release(message))
        self._releases.add(release)
        release.add_done_callback(self._releases.discard)

    async def _release(self, message: Message) -> None:
        await asyncio.sleep(HELD_AT_MOST_S)
        if self._overtaken.get(message.session_id) is message:
            del self._overtaken[message.session_id]
            await self._emit(message)

    async def _kick(self, session_id: str) -> None:
        for sid in set(self._server.sids_in(self.room(session_id))) - set(self._server.sids_in(AGENTS)):
            self._defects.did("server.kick", "connection", session_id, for_ms=None)
            await self._server.disconnect(sid)

    async def _emit(self, message: Message) -> None:
        strikes = self._defects.strikes
        room: str | None = self.room(message.session_id)
        if strikes("server.room-format", message):
            room = message.session_id
        if strikes("server.leak", message):
            room = None  # io.emit(...) instead of io.to(room).emit(...)
        namespace = "/support" if strikes("server.namespace", message) else None
        payload: dict[str, Any] = {"message": message.as_json(), "from": message.sender}
        if strikes("server.payload-shape", message):
            payload = {"id": message.id, "text": message.text, "sender": message.sender}
        for _ in range(2 if strikes("server.duplicate-emit", message) else 1):
            sids = self._server.sids_in(room, namespace)
            self._journal.tell("published", message, room=room, namespace=namespace, members=len(sids), sids=sids)
            with carrying(message):
                await self._server.emit("new-message", payload, to=room, namespace=namespace)
