"""What a party shows of one conversation: shape, session, dedupe, and up to where it has seen all. Pure."""

from loadtests.swarm.message import Message


class Screen:
    """One page's list of messages."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._shown: set[str] = set()
        self._ahead: set[int] = set()
        self.after = 0  # the highest seq below which nothing is missing: what a join asks from

    def show(self, message: Message) -> str | None:
        """Show the message, or say why not: shape, session or duplicate."""
        if not message.whole:
            return "shape"
        if message.session != self._session:
            return "session"
        key = message.id or ""
        if key in self._shown:
            return "duplicate"
        self._shown.add(key)
        self.has_seq(message.seq)
        return None

    def has_seq(self, seq: int | None) -> None:
        """Count a seq as seen: by a display, or as the answer to one's own message."""
        if seq is None or seq <= self.after:
            return
        self._ahead.add(seq)
        while self.after + 1 in self._ahead:
            self.after += 1
            self._ahead.remove(self.after)
