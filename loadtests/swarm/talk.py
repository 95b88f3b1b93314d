"""What one kind of party says to a server and makes of its answers: a target's keys, compiled once for all parties."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from loadtests.payload import body, getter, spread
from loadtests.swarm.dial import LONGEST_REASON
from loadtests.swarm.message import Reader
from loadtests.swarm.screen import NOTHING, Mark
from loadtests.target import Side

ERROR_FIRST = "error-first"


class Talk:
    """One side of a target."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.reader = Reader(side.message)
        self.live = getter(side.message.body)
        join, send = side.join, side.send
        self._join = body(join.extra, join.into, join.session, join.token, join.after)
        self.say = body(send.extra, send.text, send.mid)  # of text and mid: the body of a REST request
        self._emit = body(send.extra, send.text, send.mid, send.session, send.room)
        self._of_join, self._of_emit = spread(join.arguments), spread(send.arguments)
        # Of an ack's arguments: its payload, and why it was refused.
        self.joined = Reply(join.answer, join.ok, join.ok_is, join.error).read
        self.said = Reply(send.answer, send.ok, send.ok_is, send.error).read
        self.missed, self.told_room, self.told_members = map(getter, (join.missed, join.told_room, join.told_members))
        self.stored, self.why_refused = getter(send.message), getter(send.error)
        self.listed = getter(side.history.list)

    def room(self, session: Any) -> str:
        return self.side.join.room.format(session=session)

    def asks_from(self, mark: Mark) -> Mark | None:
        """From where a join of a page that has seen so much asks for what was missed; None: it does not."""
        join = self.side.join
        return None if not join.missed else mark if join.after else NOTHING

    def join(self, session: Any, room: str, mark: Mark | None, token: str | None) -> Sequence[Any]:
        """The arguments of the event that asks for it."""
        return self._of_join(self._join(room, session, token, mark and mark.place))

    def emit(self, text: str, mid: str, session: Any) -> Sequence[Any]:
        """The arguments of an event."""
        return self._of_emit(self._emit(text, mid, session, self.room(session) if self.side.send.room else None))

    def reads_from(self, mark: Mark) -> Mark:
        """From where the history is read by a page that has seen so much."""
        return mark if not self.side.history.path or "{after}" in self.side.history.path else NOTHING

    def history_path(self, session: str, mark: Mark) -> str:
        history = self.side.history
        return path(history.path, session, history.from_start if mark.place is None else mark.place)


class Reply:
    """How an answer says that it went well."""

    def __init__(self, answer: str, ok: str, ok_is: str, error: str) -> None:
        self._is_error_first = answer == ERROR_FIRST
        self._ok, self._ok_is, self._error = getter(ok) if ok else None, ok_is, getter(error)

    def read(self, arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
        """The payload, and why not; null where it went well."""
        first = arguments[0] if arguments else None
        if self._is_error_first:
            if first:
                why = self._error(first) or first.get("message", first) if isinstance(first, dict) else first
                return first, _words(why)
            first = arguments[1] if len(arguments) > 1 else None
        if self._ok is not None:
            said = self._ok(first)
            went_well = str(said) == self._ok_is if self._ok_is else bool(said)
        else:
            went_well = not self._error(first)
        return first, None if went_well else _words(self._error(first) or "refused")


def path(pattern: str, session: str, after: Any = "") -> str:
    return pattern.format(session=quote(session, safe=""), after=quote(str(after), safe=""))


def _words(said: Any) -> str:
    return str(said)[:LONGEST_REASON]
