"""What can be read off a message in a payload, whatever its shape."""

import re
from typing import Any, NamedTuple

from loadtests.target import Getters

TOKEN = re.compile(r"\[([0-9a-z]+:\d+\.[wa]\.\d+) (\d+)\]")


class Message(NamedTuple):
    """One message as a payload has it; None where the payload does not say. `whole`: a screen can show it."""

    mid: str | None
    id: str | None
    seq: int | None
    session: str | None
    due_ns: int | None
    whole: bool


def text_of(mid: str, due_ns: int) -> str:
    """A text that carries mid and due, so that any server which relays text can be measured."""
    return f"How can I help you today? [{mid} {due_ns}]"


class Reader:
    """Reads messages by a target's field names."""

    def __init__(self, get: Getters) -> None:
        self._id, self._mid, self._seq, self._session, self._text = (
            get[name] for name in ("id", "mid", "seq", "session", "text")
        )

    def read(self, raw: Any) -> Message:
        text, number, seq, session = self._text(raw), self._id(raw), self._seq(raw), self._session(raw)
        token = TOKEN.search(text) if isinstance(text, str) else None
        mid = self._mid(raw) or (token[1] if token else None)
        return Message(
            mid=mid if isinstance(mid, str) else None,
            id=str(number) if number is not None else None,
            seq=seq if isinstance(seq, int) and 0 <= seq < 2**63 else None,
            session=str(session) if session is not None else None,
            due_ns=int(token[2]) if token else None,
            whole=isinstance(text, str) and number is not None and session is not None,
        )
