"""What is counted over a whole run: each counter on a history of its own, and 0 on a healthy one."""

import pytest

from reports.ledger import build_ledger
from tests.written.history import Book, Story
from tests.written.reading import read


def talk(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.widget_sends("w.0", 6)
    s.agent_sends("a.1", 7)


def healthy(book: Book) -> None:
    talk(book.story())


def duplicates(book: Book) -> None:
    """Twice more on one page; once on each of two pages is none; shown again after a removal is none."""
    s = book.story()
    talk(s)
    s.shows("w", "a.0", 8)
    s.shows("w", "a.0", 9, via="history")
    s.shows("w", "a.1", 9, view=2)
    s.saw("a", 9, "removed", mid=s.mid("w.0"))
    s.shows("a", "w.0", 10)


def reorders(book: Book) -> None:
    """a.0 (seq 1) comes after a.1 on one connection; a later copy is a duplicate, the join's ack no live frame."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, shown=3)
    s.agent_sends("a.1", 6)
    s.shows("w", "a.0", 9, why="duplicate")
    s.drops("w", 10)
    s.agent_sends("a.2", 11)
    s.widget_comes(12)
    s.agent_sends("a.3", 13)
    s.shows("w", "a.2", 14, via="join")


def frames_that_name_no_session(book: Book) -> None:
    """An agent's frames of two sessions, known by the server's id alone: each session has an order of its own."""
    for number in range(2):
        s = book.story()
        s.start_s, s.names["a"] = number * 0.1, "agent-0"
        s.opens(0)
        s.widget_comes(0.5)
        s.assumes(2)
        for n in range(2):
            at = 5 + (3 * n if number else n)
            s.widget_sends(f"w.{n}", at, reaches=False)
            s.saw("a", at + 0.02, "received", via="live", id=s.id(f"w.{n}"), conn=1, session=None)


def leaks(book: Book) -> None:
    """Frames of a session at another widget (once without a mid), and at an agent who does not hold it."""
    s, other = book.story(), book.story()
    other.start_s = 0
    talk(s)
    talk(other)
    other.saw("w", 20, "received", via="live", mid=s.mid("a.0"), conn=1)
    other.saw("w", 21, "received", via="live", id=s.id("a.1"), conn=1, session=s.session)
    other.saw("w", 21, "not_displayed", why="session", id=s.id("a.1"), conn=1)
    other.saw("a", 22, "received", via="live", mid=s.mid("w.0"), conn=1)
    other.saw("w", 23, "received", via="audit", mid=s.mid("w.0"))


def leaks_to_agents_by_design(book: Book) -> None:
    """What other agents hear is none where the target says that all do; what other widgets hear still is."""
    book.info["target"]["promises"]["private"] = False
    leaks(book)


def phantoms(book: Book) -> None:
    """Accepted and never stored; displayed and never stored; refused and never stored is none."""
    s = book.story()
    talk(s)
    s.agent_sends("a.2", 8, stored=False, published=None)
    s.agent_sends("a.3", 9, stored=False, answer="unanswered")
    s.agent_sends("a.4", 10, stored=False, published=None, answer="refused")


def unexpected(book: Book) -> None:
    """A mid of this run that nobody sent, twice; a mid of another run is none."""
    s = book.story()
    talk(s)
    s.shows("w", "a.77", 8)
    s.shows("w", "a.77", 9, via="history")
    s.saw("w", 10, "received", via="live", mid="other:0.a.0")


def foreign(book: Book) -> None:
    """A bot's greeting, seen live and in the history, and one without any id."""
    s = book.story()
    talk(s)
    s.saw("w", 1, "received", via="live", id="greeting")
    s.saw("w", 2, "received", via="history", id="greeting")
    s.saw("w", 3, "received", via="live")
    s.saw("w", 4, "received", via="audit", id="greeting")


def view_misses(book: Book) -> None:
    s = book.story()
    talk(s)
    s.saw("w", 6, "connected", view=2, conn=2)
    s.saw("w", 9.5, "disconnected", view=2, conn=2)


def view_misses_of_a_page_that_goes_quiet(book: Book) -> None:
    """Never closed, and nothing more of it; one had been closed, and one came too late to miss the first message."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    for view, at in ((2, 1), (3, 1.5), (4, 6)):
        s.saw("w", at, "connected", view=view, conn=view, sid=str(view))
    s.saw("w", 2, "disconnected", reason="io client disconnect", view=3, conn=3)
    s.assumes(3)
    s.agent_sends("a.0", 5)
    s.agent_sends("a.1", 7)
    s.shows("w", "a.1", 7.02, view=4, conn=4)


def false_connected_s(book: Book) -> None:
    """Missing for 3 s and for 2 s beyond 2 s, 1 s of it at once, and during 1 s of it the connection was down."""
    s = book.story()
    talk(s)
    s.agent_sends("a.2", 9.97, reaches=False)
    s.agent_sends("a.3", 11.97, reaches=False)
    s.shows("w", "a.2", 14.9999, via="history")
    s.shows("w", "a.3", 15.9999, via="history")
    s.drops("w", 12.5, last_frame=12.4)
    s.connects("w", 13.45)
    s.widget_sends("w.1", 20, reaches=False)


COUNTED = {
    healthy: {},
    duplicates: {"duplicates": 2},
    reorders: {"reorders": 1},
    frames_that_name_no_session: {},
    leaks: {"leaks": 3},
    leaks_to_agents_by_design: {"leaks": 2},
    phantoms: {"phantoms": 2},
    unexpected: {"unexpected": 1, "duplicates": 1},
    foreign: {"foreign": 2},
    view_misses: {"view_misses": 1},
    view_misses_of_a_page_that_goes_quiet: {"view_misses": 2},
    false_connected_s: {"false_connected_s": 3.0},
}
BESIDE = {  # what such a history has as well
    "duplicates": ("view_misses",),
    "reorders": ("false_connected_s",),
    "phantoms": ("false_connected_s",),
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    found = {}
    for tell in COUNTED:
        book = Book()
        tell(book)
        found[tell.__name__] = build_ledger(book.write(tmp_path_factory.mktemp(tell.__name__) / "run", ends=200))
    return found


@pytest.mark.parametrize("tell", COUNTED)
def test_counter(counted, tell):
    counters = counted[tell.__name__].counters
    nothing = dict.fromkeys(counters, 0)
    beside = {name: counters[name] for name in BESIDE.get(tell.__name__, ())}
    assert counters == pytest.approx({**nothing, **beside, **COUNTED[tell]})


def test_copies(counted):
    rows = counted["duplicates"].deliveries.set_index("key")
    assert rows.loc["0.a.0", "copies"] == 3
    assert rows.loc["0.a.1", "copies"] == 1
    assert rows.loc["0.w.0", "copies"] == 1
    assert set(rows["outcome"]) == {"live"}


def test_what_cannot_be_observed_is_null(tmp_path):
    book = Book()
    talk(book.story(audited=False))
    for name in [name for name in book.lines if name.startswith("journal")]:
        del book.lines[name]
    book.lines["swarm-1"] = [
        line for line in book.lines["swarm-1"] if line["kind"] not in ("connecting", "connected", "disconnected")
    ]
    counters = read(book, tmp_path / "run", ends=200)["swarm"].counters
    assert counters["phantoms"] is None
    assert counters["false_connected_s"] is None
    assert counters["duplicates"] == 0


def test_a_journal_that_contradicts_the_swarm_is_counted(tmp_path):
    book = Book()
    s = book.story()
    talk(s)
    s.agent_sends("a.2", 8, published=None)
    s.shows("w", "a.2", 8.02)
    ledgers = read(book, tmp_path / "run", ends=200)
    assert ledgers["journal"].contradictions == 1
    assert ledgers["swarm"].contradictions is None
