"""What a page shows of one conversation: each message once, and up to where it has seen all. Pure."""

from collections.abc import Collection
from typing import Any, NamedTuple

from loadtests.swarm.message import Message


class Mark(NamedTuple):
    """Up to where all was seen: as a number, and as the server writes it; `place` None: nothing was seen yet."""

    seq: int
    place: Any


NOTHING = Mark(0, None)


class Screen:
    """One page's list of messages."""

    def __init__(self, dedupe: bool = True, counts: bool = True) -> None:
        """`counts`: the server numbers messages 1, 2, 3...; else their places only grow."""
        self._dedupe = dedupe
        self._counts = counts
        self._shown: dict[str, str | None] = {}  # mid by the server's id
        self._ahead: frozenset[int] = frozenset()  # seen, while something below is missing
        self.after = 0  # the highest seq below which nothing is missing, or else the highest that was shown
        self._place: Any = None  # the same as the server wrote it, where it does not count

    def show(self, message: Message) -> str | None:
        """Show the message, which is whole and of this conversation, or say why not: duplicate."""
        key = message.key
        if key in self._shown and self._dedupe:
            return "duplicate"
        if key is not None:
            self._shown[key] = message.mid
        if self._counts:
            self.has_seq(message.seq)
        elif message.seq is not None and message.seq > self.after:
            self.after, self._place = message.seq, message.place
        return None

    @property
    def beginning(self) -> Mark:
        """What a page asks from that has seen nothing."""
        return Mark(0, 0 if self._counts else None)

    @property
    def mark(self) -> Mark:
        """What a page asks from."""
        return Mark(self.after, self.after if self._counts else self._place)

    def has(self, key: str | None) -> bool:
        """Whether a message with that key stands there."""
        return key in self._shown

    def keep(self, keys: Collection[str | None]) -> list[str | None]:
        """Keep only those; returns the mids of the others, which vanish."""
        gone = {key: mid for key, mid in self._shown.items() if key not in keys}
        for key in gone:
            del self._shown[key]
        return list(gone.values())

    def has_seq(self, seq: int | None) -> None:
        """Count a seq as seen: by a display, or as the answer to one's own message."""
        if seq is None or seq <= self.after or not self._counts:
            return
        if seq == self.after + 1 and not self._ahead:
            self.after = seq
            return
        ahead = self._ahead | {seq}
        while self.after + 1 in ahead:
            self.after += 1
        self._ahead = frozenset(each for each in ahead if each > self.after)
