"""A party's place in one conversation, and how each of its pages shows it."""

from dataclasses import dataclass, field

from gevent.event import Event

from loadtests.swarm.screen import NOTHING, Mark, Screen


@dataclass(slots=True)
class Pane:
    """One page's view of a conversation: what stands there, and what this page still waits for."""

    seat: "Seat"
    screen: Screen
    awaited: set[str] | None  # None: what the seat waits for, whose only page this is
    joins: int = 0
    joined: bool = False
    mark: Mark = NOTHING  # up to where it had seen all when it last joined
    fetched_ns: int = 0  # when it last asked for the history


@dataclass(slots=True)
class Seat:
    """What the party still waits for, on whatever page."""

    session: str
    index: int
    since_ns: int  # when the session was opened, or taken: the plan counts from there
    awaited: set[str]  # mids of the plan that the other side is to send
    unanswered: int  # messages of one's own without an answer yet
    panes: list[Pane] = field(default_factory=list)  # of the pages that are open
    done: Event = field(default_factory=Event)  # all that was planned was displayed and answered, or it is too late

    def give_up(self, _: Event) -> None:
        """The quiet phase is over."""
        self.done.set()

    @property
    def joined(self) -> bool:
        return any(pane.joined for pane in self.panes)

    def watched_by(self, screen: Screen) -> Pane:
        """One more page's view of it. From the second on each waits for itself."""
        for pane in self.panes:
            pane.awaited = set(self.awaited) if pane.awaited is None else pane.awaited
        pane = Pane(self, screen, set(self.awaited) if self.panes else None)
        self.panes.append(pane)
        return pane

    def check(self) -> None:
        if not self.awaited and not self.unanswered and not any(pane.awaited for pane in self.panes):
            self.done.set()
