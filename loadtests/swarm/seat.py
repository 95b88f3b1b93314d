"""A party's place in one conversation."""

from dataclasses import dataclass, field

from gevent.event import Event

from loadtests.swarm.screen import Screen


@dataclass(slots=True)
class Seat:
    """Its screen, and what it still waits for."""

    session: str
    index: int
    screen: Screen
    awaited: set[str]  # mids of the plan that the other side is to send
    unanswered: int  # messages of one's own without an answer yet
    joins: int = 0
    joined: bool = False
    done: Event = field(default_factory=Event)  # all that was planned was displayed and answered, or it is too late

    def give_up(self, _: Event) -> None:
        """The quiet phase is over."""
        self.done.set()

    def check(self) -> None:
        if not self.awaited and not self.unanswered:
            self.done.set()
