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


def text_of(mid: str, due_ns: int, words: str = "Hello.") -> str:
    """Those words in a text that carries mid and due, so that any server which relays text can be measured."""
    return f"{words} [{mid} {due_ns}]"


class Reader:
    """Reads messages by a target's field names."""

    def __init__(self, get: Getters) -> None:
        self._getters = tuple(get[name] for name in ("id", "seq", "mid", "session", "text"))

    def read(self, raw: Any) -> Message:
        number, seq, mid, session, text = [get(raw) for get in self._getters]
        token = TOKEN.search(text) if isinstance(text, str) else None
        mid = mid or (token[1] if token else None)
        return Message(
            mid if isinstance(mid, str) else None,
            str(number) if number is not None else None,
            _whole(seq),
            str(session) if session is not None else None,
            int(token[2]) if token else None,
            isinstance(text, str) and number is not None and session is not None,
        )

    def number_and_seq(self, raw: Any) -> tuple[str | None, int | None]:
        """What the answer to a message says of it."""
        number, seq = [get(raw) for get in self._getters[:2]]
        return str(number) if number is not None else None, _whole(seq)


def _whole(seq: Any) -> int | None:
    return seq if isinstance(seq, int) and 0 <= seq < 2**63 else None
