"""The nouns of a support chat, and who may do what with them. Pure: no network, no database."""

import dataclasses
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Role = Literal["widget", "agent"]
Status = Literal["open", "waiting", "assumed", "closed"]
Verb = Literal["escalate", "assume", "transfer", "close"]


class Refused(Exception):
    """What the server will not do: an HTTP status and one clear sentence. REST and sockets answer with it."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a token. `name` is the session's id for a widget, the agent's name for an agent."""

    role: Role
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """One customer's conversation; `seq` is the number of its latest message, 0 when it has none."""

    id: str
    name: str
    email: str | None
    metadata: dict[str, Any]
    status: Status
    agent: str | None
    created_at: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "metadata": self.metadata,
            "status": self.status,
            "agent": self.agent,
            "createdAt": self.created_at,
        }

    def check_access(self, bearer: Bearer) -> None:
        """Only the two parties act in a session: its widget and the agent who assumed it. Raises Refused."""
        if bearer.name != (self.id if bearer.role == "widget" else self.agent):
            raise Refused(403, f"This {bearer.role}'s token does not open the session {self.id}.")

    def check_open(self) -> None:
        if self.status == "closed":
            raise Refused(409, f"The session {self.id} is closed.")

    def after(self, verb: Verb, bearer: Bearer, to: str | None = None) -> "Session":
        """The session as the verb leaves it; asking twice changes nothing, so that a retry is safe. Raises Refused.

        A transfer is `to` another agent, for whom alone it waits from then on.
        """
        if verb == "assume":
            return self._assumed_by(bearer)
        if verb == "transfer" and to == self.agent and bearer.role == "agent":
            return self
        self.check_access(bearer)
        if verb == "close":
            return dataclasses.replace(self, status="closed")
        self.check_open()
        if verb == "transfer":
            if bearer.role != "agent":
                raise Refused(403, "Only an agent's token can transfer a session.")
            return dataclasses.replace(self, status="waiting", agent=to)
        return dataclasses.replace(self, status="waiting") if self.status == "open" else self

    def _assumed_by(self, bearer: Bearer) -> "Session":
        if bearer.role != "agent":
            raise Refused(403, "Only an agent's token can assume a session.")
        self.check_open()
        if self.status == "open":
            raise Refused(409, f"The session {self.id} has not asked for a human yet.")
        if self.agent not in (None, bearer.name):
            raise Refused(409, f"The session {self.id} was taken by another agent.")
        return dataclasses.replace(self, status="assumed", agent=bearer.name)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as its sender gave it; `client_id` is the sender's own name for it, unique within the session."""

    session_id: str
    client_id: str
    text: str
    metadata: dict[str, Any]
    bearer: Bearer

    def numbered(self, seq: int) -> "Message":
        """The message that it becomes."""
        return Message(
            id=secrets.token_hex(8),
            client_id=self.client_id,
            seq=seq,
            session_id=self.session_id,
            text=self.text,
            sender=self.bearer.role,
            metadata=self.metadata,
            created_at=utc(time.time()),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a session's status that somebody asks for."""

    session_id: str
    verb: Verb
    bearer: Bearer
    to: str | None = None  # of a transfer: the agent's name


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `seq` counts from 1 within the session, in the order of commits; 0: it is not stored."""

    id: str
    client_id: str
    seq: int
    session_id: str
    text: str
    sender: Role
    metadata: dict[str, Any]
    created_at: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "clientId": self.client_id,
            "seq": self.seq or None,
            "sessionId": self.session_id,
            "text": self.text,
            "sender": self.sender,
            "metadata": self.metadata,
            "createdAt": self.created_at,
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a draft; not `new`: its client_id was known, and this is the message that was stored then."""

    message: Message
    new: bool


MOVED = "-human"


def room_of(session_id: str, moved: bool = False) -> str:
    """The one place that builds a room's name; `moved`: the other one, which a session may get by a defect."""
    return f"chat:{session_id}{MOVED if moved else ''}"


def session_in(room: str) -> str | None:
    """The session whose room this is."""
    kind, _, session_id = room.partition(":")
    return session_id.removesuffix(MOVED) if kind == "chat" and session_id else None


def utc(time_s: float) -> str:
    """ISO 8601 with milliseconds, as JavaScript's toISOString writes it: in the order of time, also as text."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
