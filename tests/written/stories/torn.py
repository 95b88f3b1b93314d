"""Journals that lack lines: what they do not show of that time proves nothing. Each is a run of its own.

Its lines are numbered, and then some are taken out: a hole reaches from the line before to the line after it.
"""

from collections.abc import Callable
from typing import Any

from tests.written.history import Book, Story, ns

Line = dict[str, Any]


def lacks(book: Book, gone: Callable[[Line], bool], lives: bool = True) -> None:
    """Number the journal's lines, with a sign of life twice a second, and take those out."""
    for at in range(1, 120 * lives):
        book.server(at / 2, "loop_lag", lag_ms=1.0)
    lines = sorted(book.lines[book.journal], key=lambda line: int(line["t"]))
    numbered = [{**line, "n": n} for n, line in enumerate(lines, start=1)]
    book.lines[book.journal] = [line for line in numbered if not gone(line)]


def begun(book: Book) -> Story:
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    return s


def the_line_that_it_was_published(book: Book) -> None:
    """a.1 went to another room, and a.2 nowhere, while lines are missing; a.0 and a.3 nowhere at other times."""
    s = begun(book)
    s.agent_sends("a.0", 10, published=None)
    s.agent_sends("a.1", 20, room="chat-other")
    s.agent_sends("a.2", 20.2, published=None)
    s.agent_sends("a.3", 30, published=None)
    lacks(book, lambda line: line.get("mid") == s.mid("a.1"))
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "lost", "subscribed_nowhere", "never_back")
    s.expect("a.2", "lost", "subscribed_nowhere", "never_back")
    s.expect("a.3", "lost", ("not_published", "subscribed_nowhere"), "never_back")


def the_line_that_the_room_was_entered(book: Book) -> None:
    """It was in another one, or in another namespace, or in none: nobody knows."""
    s = begun(book)
    s.agent_sends("a.0", 10, room="chat-other")
    s.agent_sends("a.1", 20, namespace="/support")
    s.inside.pop("w")
    s.agent_sends("a.2", 30)
    lacks(book, lambda line: line["kind"] == "room_entered" and line["sid"] == s.sid("w"))
    for key in ("a.0", "a.1", "a.2"):
        s.expect(key, "lost", "subscribed_nowhere", "never_back")


def all_lines_that_a_room_was_entered(book: Book) -> None:
    """The join was acked, and the list does not hold it: it may have left, or have never been there."""
    s = begun(book)
    s.inside.pop("w")
    s.agent_sends("a.0", 10)
    s.drops("w", 40)
    book.lines[book.journal] = [line for line in book.lines[book.journal] if line["kind"] != "room_entered"]
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")


def the_line_that_it_was_written(book: Book) -> None:
    """What was written and never came is unexplained; where the line is missing it may as well not have been."""
    s = begun(book)
    s.agent_sends("a.0", 10, reaches=False)
    s.agent_sends("a.1", 20, reaches=False)
    lacks(book, lambda line: line.get("mid") == s.mid("a.1") and line["kind"] == "written")
    s.expect("a.0", "lost", ("unexplained", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "lost", "subscribed_nowhere", "never_back")


def the_line_that_it_waited_for_an_upgrade(book: Book) -> None:
    """It had been emitted to its connection, by the list, which had not been told of its join; then that ended."""
    s = book.story()
    s.opens(0)
    s.assumes(2)
    s.connects("w", 3, transport="polling")
    s.joins("w", 3.1, acked=None)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.4, "queue", sid=s.sid("w"), depth=3, upgrading=True)
    s.drops("w", 6, last_frame=5.2)
    s.widget_comes(7, offers=["a.0"])
    lacks(book, lambda line: line["kind"] == "queue")
    s.expect("a.0", "recovered", ("offline", "join_race"))


def silent(book: Book) -> Story:
    """The server stands still for 5 s, and gives the widget's connection up."""
    s = begun(book)
    s.journal(10, "loop_lag", lag_ms=5000.0)
    s.journal(10.2, "loop_lag", lag_ms=1.0)
    s.agent_sends("a.0", 10.5, writes=False)
    s.journal(10.51, "sid_disconnected", sid=s.sid("w"), reason="ping timeout")
    s.inside.pop("w")
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    return s


def the_line_that_the_server_stood_still(book: Book) -> None:
    s = silent(book)
    lacks(book, lambda line: line.get("lag_ms") == 5000.0, lives=False)
    s.expect("a.0", "recovered", "gone_silent")


def no_line_is_missing(book: Book) -> None:
    """Lines that are there twice are no hole."""
    s = silent(book)
    lacks(book, lambda _: False, lives=False)
    book.lines["journal-1"] *= 2
    s.expect("a.0", "recovered", ("server_stalled", "gone_silent"))


def half_open_by_a_journal_that_never_tells_of_its_loop(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 6, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    book.journal = "none"
    s.expect("a.0", "recovered", "gone_silent")


def a_journal_that_broke_off(book: Book) -> None:
    """At 15 s; the server went on."""
    s = begun(book)
    s.agent_sends("a.0", 10, published=None)
    s.agent_sends("a.1", 20)
    s.agent_sends("a.2", 30, published=None)
    lacks(book, lambda line: line["t"] > ns(15))
    book.journal = "none"
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")
    s.expect("a.2", "lost", "subscribed_nowhere", "never_back")


def a_boot_that_all_connections_outlived(book: Book) -> None:
    """A line server_started in the midst of the run: nobody was cut off by it, but one left just then."""
    s, other = begun(book), book.story()
    other.start_s = 0
    other.opens(0)
    other.widget_comes(0.5)
    other.assumes(2)
    s.drops("w", 9.5)
    s.agent_sends("a.0", 9.9)
    s.journal(10, "loop_lag", lag_ms=1.0)
    s.journal(10.1, "server_started", boot="again")
    s.agent_sends("a.1", 10.3)
    s.widget_comes(11, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", "offline")


TORN: tuple[Callable[[Book], None], ...] = (
    the_line_that_it_was_published,
    the_line_that_the_room_was_entered,
    all_lines_that_a_room_was_entered,
    the_line_that_it_was_written,
    the_line_that_it_waited_for_an_upgrade,
    the_line_that_the_server_stood_still,
    no_line_is_missing,
    half_open_by_a_journal_that_never_tells_of_its_loop,
    a_journal_that_broke_off,
    a_boot_that_all_connections_outlived,
)
