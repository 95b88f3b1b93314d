"""Emits what was stored, to whom it concerns. Most defects of the live way stand here."""

from typing import Any

from server_under_test.chat import Message, Session, room_of
from server_under_test.defects import Defects
from server_under_test.delays import Held
from server_under_test.engine import ChatServer, carrying
from server_under_test.journal import Journal

AGENTS = "agents"  # the room of all agents


class Publisher:
    def __init__(self, server: ChatServer, journal: Journal, defects: Defects) -> None:
        self._server = server
        self._journal = journal
        self._defects = defects
        self.held = Held(self._emit_late)

    async def announce(self, session: Session) -> None:
        """Tell the agents of a session that waits."""
        await self._server.emit("session-waiting", {"session": session.as_json()}, room=AGENTS)

    async def publish(self, message: Message) -> None:
        """Emit the message to its session's room, the sender included. Never waits for a client."""
        if self._defects.drops(message.client_id):
            self._did("server.drop-emit", message)
        elif (delay_ms := self._defects.delay_ms(message.client_id)) is not None:
            self.held.hold(message, delay_ms)
        else:
            await self._emit(message)

    async def _emit_late(self, message: Message, since_ns: int) -> None:
        self._did("server.delay", message, since_ns)
        await self._emit(message)

    async def _emit(self, message: Message) -> None:
        room = self._room(message)
        sids = self._server.sids_in(room)
        self._journal.tell("published", message, room=room, members=len(sids), sids=sids)
        with carrying(message):
            await self._server.emit("new-message", self._payload(message), room=room)

    def _room(self, message: Message) -> str:
        if self._defects.room_format:
            self._did("server.room-format", message)
            return message.session_id
        return room_of(message.session_id)

    def _payload(self, message: Message) -> dict[str, Any]:
        if self._defects.payload_shape:
            self._did("server.payload-shape", message)
            return {"id": message.id, "text": message.text, "sender": message.sender}
        return {"message": message.as_json(), "from": message.sender}

    def _did(self, name: str, message: Message, since_ns: int = 0) -> None:
        self._defects.did(name, "mid", message.session_id, message.client_id, since_ns)
