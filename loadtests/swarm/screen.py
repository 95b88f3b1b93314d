"""What a page shows of one conversation: shape, session, dedupe, and up to where it has seen all. Pure."""

from collections.abc import Collection

from loadtests.swarm.message import Message


class Screen:
    """One page's list of messages."""

    def __init__(self, session: str, dedupe: bool = True) -> None:
        self._session = session
        self._dedupe = dedupe
        self._shown: dict[str, str | None] = {}  # mid by the server's id
        self._ahead: set[int] = set()
        self.after = 0  # the highest seq below which nothing is missing: what a join asks from

    def show(self, message: Message) -> str | None:
        """Show the message, or say why not: shape, session or duplicate."""
        if not message.whole:
            return "shape"
        if message.session != self._session:
            return "session"
        key = message.id or ""
        if key in self._shown and self._dedupe:
            return "duplicate"
        self._shown[key] = message.mid
        self.has_seq(message.seq)
        return None

    def has(self, number: str | None) -> bool:
        """Whether a message with that id of the server's stands there."""
        return number in self._shown

    def keep(self, ids: Collection[str | None]) -> list[str | None]:
        """Keep only those; returns the mids of the others, which vanish."""
        gone = {key: mid for key, mid in self._shown.items() if key not in ids}
        for key in gone:
            del self._shown[key]
        return list(gone.values())

    def has_seq(self, seq: int | None) -> None:
        """Count a seq as seen: by a display, or as the answer to one's own message."""
        if seq is None or seq <= self.after:
            return
        self._ahead.add(seq)
        while self.after + 1 in self._ahead:
            self.after += 1
            self._ahead.remove(self.after)
