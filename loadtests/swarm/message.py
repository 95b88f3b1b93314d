"""What can be read off a message in a payload, whatever its shape."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from loadtests import target
from loadtests.payload import getters

TOKEN = re.compile(r"\[([0-9a-z]+:\d+\.[wa]\.\d+) (\d+)\]")


class Message(NamedTuple):
    """One message as a payload has it; None where the payload does not say. `whole`: a screen can show it.

    `place` is what `seq` was made of, as the server wrote it.
    """

    mid: str | None
    id: str | None
    seq: int | None
    session: str | None
    due_ns: int | None
    whole: bool
    place: Any = None

    @property
    def key(self) -> str | None:
        """By what a page knows it again."""
        return self.id or self.mid


def text_of(mid: str, due_ns: int, words: str = "Hello.") -> str:
    """Those words in a text that carries mid and due, so that any server which relays text can be measured."""
    return f"{words} [{mid} {due_ns}]"


def mid_within(payload: Any) -> str | None:
    """The mid of the text that stands anywhere in it: a message is known where none of its fields is in its place."""
    token = TOKEN.search(str(payload))
    return token[1] if token else None


class Reader:
    """Reads messages by a target's field names."""

    def __init__(self, names: target.Message) -> None:
        self._told = getters(names.id, names.seq, names.mid, names.session, names.text)
        self._answered = getters(names.id, names.seq)
        self._has_id, self.names_session = bool(names.id), bool(names.session)
        self._seq = _whole if names.seq_is == "count" else _place

    def read(self, raw: Any) -> Message:
        number, seq, mid, session, text = self._told(raw)
        token = TOKEN.search(text) if isinstance(text, str) else None
        mid = mid or (token[1] if token else None)
        whole = isinstance(text, str) and (number is not None or not self._has_id)
        return Message(
            mid if isinstance(mid, str) else None,
            str(number) if number is not None else None,
            self._seq(seq),
            str(session) if session is not None else None,
            int(token[2]) if token else None,
            whole and (session is not None or not self.names_session),
            seq,
        )

    def number_and_seq(self, raw: Any) -> tuple[str | None, int | None]:
        """What the answer to a message says of it."""
        number, seq = self._answered(raw)
        return str(number) if number is not None else None, self._seq(seq)


def _whole(seq: Any) -> int | None:
    return seq if isinstance(seq, int) and 0 <= seq < 2**63 else None


def _place(seq: Any) -> int | None:
    """A time or an id that grows, as a whole number: what a text says of itself, or its microseconds since 1970."""
    if isinstance(seq, float) and seq.is_integer():
        seq = int(seq)
    if not isinstance(seq, str):
        return _whole(seq)
    if seq.isdecimal():
        return _whole(int(seq))
    try:
        at = datetime.fromisoformat(seq)
    except ValueError:
        return None
    return round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1e6)
