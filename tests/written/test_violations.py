"""Who made the violations: a history of each attribution and of what is nearly the same, with and without journal."""

import pytest

from loadtests.events import KINDS
from reports.ledger import Ledger
from reports.violations import ATTRIBUTIONS
from tests.written.history import Book, Story
from tests.written.reading import READINGS, read, row
from tests.written.stories.torn import begun


def stored_twice(book: Book) -> None:
    """The sender heard nothing and sent it again; the server stored it under another number, and emitted both."""
    s = begun(book)
    s.agent_sends("a.0", 5, answer="unanswered")
    s.saw("a", 7, "sent", mid=s.mid("a.0"), via="rest")
    again = {"mid": s.mid("a.0"), "id": "another", "seq": 2, "conn": 1}
    s.saw("w", 7.02, "received", via="live", **again)
    s.saw("w", 7.02, "displayed", via="live", **again)
    s.saw("a", 7.03, "accepted", status=201, mid=s.mid("a.0"), id="another", seq=2)


def emitted_twice(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.shows("w", "a.0", 5.03)
    s.shows("w", "a.0", 5.04)


def emitted_twice_to_a_page_that_looks(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.shows("w", "a.0", 5.03, why="duplicate")


def duplicate_handler(book: Book) -> None:
    """One frame, two handlers since the reconnect."""
    s = begun(book)
    s.drops("w", 3)
    s.widget_comes(4)
    s.agent_sends("a.0", 5)
    s.saw("w", 5.021, "displayed", via="live", mid=s.mid("a.0"), seq=1, conn=2)


def not_deduped(book: Book) -> None:
    """Live, and by a history that was read a moment later."""
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.reads_history("w", 6, ["a.0"])


def shown_again_after_it_was_taken_away(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.saw("w", 6, "removed", mid=s.mid("a.0"), conn=1)
    s.reads_history("w", 6, ["a.0"])


def two_tabs(book: Book) -> None:
    s = begun(book)
    s.saw("w", 3, "connecting", view=2, conn=2)
    s.agent_sends("a.0", 5)
    s.shows("w", "a.0", 5.02, view=2)


def emitted_out_of_order(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5, published=0.9, shown=1, answered=0.95)
    s.agent_sends("a.1", 5.5)


def emitted_and_shown_out_of_order(book: Book) -> None:
    """What came late and stands too low is one violation, not two."""
    emitted_out_of_order(book)
    s = book.stories[0]
    for line in book.lines["swarm-1"]:
        if line["kind"] == "displayed":
            line["ordered"] = line["mid"] != s.mid("a.0")


def sorted_wrongly(book: Book) -> None:
    """They came in order; the page put one on top."""
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.agent_sends("a.1", 6, reaches=False)
    about = {"mid": s.mid("a.1"), "seq": 2, "conn": 1}
    s.saw("w", 6.02, "received", via="live", **about)
    s.saw("w", 6.02, "displayed", via="live", ordered=False, **about)


def sorted_rightly(book: Book) -> None:
    """What the join hands over goes where it belongs, though it comes later."""
    s = begun(book)
    s.agent_sends("a.0", 5, published=None)
    s.agent_sends("a.1", 6)
    s.drops("w", 7)
    s.widget_comes(8)
    about = {"mid": s.mid("a.0"), "seq": 1, "conn": 2}
    s.saw("w", 8.2, "received", via="join", **about)
    s.saw("w", 8.2, "displayed", via="join", ordered=True, **about)


def emitted_to_others(book: Book) -> None:
    s, other = begun(book), begun(book)
    s.agent_sends("a.0", 5)
    other.saw("w", 5.02, "received", via="live", mid=s.mid("a.0"), conn=1)


def joined_elsewhere(book: Book) -> None:
    """The other widget had asked for that room itself, by what it remembered of an older conversation."""
    s, other = begun(book), begun(book)
    other.saw("w", 3, "join_sent", session=s.session, room=s.room, conn=1)
    s.agent_sends("a.0", 5)
    other.saw("w", 5.02, "received", via="live", mid=s.mid("a.0"), conn=1)


def joined_elsewhere_only_later(book: Book) -> None:
    s, other = begun(book), begun(book)
    s.agent_sends("a.0", 5)
    other.saw("w", 5.02, "received", via="live", mid=s.mid("a.0"), conn=1)
    other.saw("w", 6, "join_sent", session=s.session, room=s.room, conn=1)


def emitted_unstored(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5, stored=False)


def accepted_unstored(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5, stored=False, published=None)


def left_out(book: Book) -> None:
    """Stored and shown, and the history does not hold it."""
    s = begun(book)
    s.agent_sends("a.0", 5)
    s.stored.remove("a.0")


def refused_unstored(book: Book) -> None:
    s = begun(book)
    s.agent_sends("a.0", 5, stored=False, published=None, answer="refused")


# History -> violation -> its attribution and how often; nothing else may be counted.
MADE = {
    stored_twice: {"duplicates": {"stored_twice": 1}},
    emitted_twice: {"duplicates": {"emitted_twice": 2}},
    emitted_twice_to_a_page_that_looks: {},
    duplicate_handler: {"duplicates": {"duplicate_handler": 1}},
    not_deduped: {"duplicates": {"not_deduped": 1}},
    shown_again_after_it_was_taken_away: {},
    two_tabs: {},
    emitted_out_of_order: {"reorders": {"emitted_out_of_order": 1}},
    emitted_and_shown_out_of_order: {"reorders": {"emitted_out_of_order": 1}},
    sorted_wrongly: {"reorders": {"sorted_wrongly": 1}},
    sorted_rightly: {},
    emitted_to_others: {"leaks": {"emitted_to_others": 1}},
    joined_elsewhere: {"leaks": {"joined_elsewhere": 1}},
    joined_elsewhere_only_later: {"leaks": {"emitted_to_others": 1}},
    emitted_unstored: {"phantoms": {"emitted_unstored": 1}},
    accepted_unstored: {"phantoms": {"accepted_unstored": 1}},
    left_out: {"phantoms": {"not_in_history": 1}},
    refused_unstored: {},
}
# What only the journal can tell.
WITHOUT_JOURNAL = {left_out: {"phantoms": {"emitted_unstored": 1}}}


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Ledger]]:
    found = {}
    for tell in MADE:
        book = Book()
        tell(book)
        for story in book.stories:
            story.start_s = 0
        found[tell.__name__] = read(book, tmp_path_factory.mktemp(tell.__name__) / "run")
    return found


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("tell", MADE)
def test_violations_are_attributed(ledgers, tell, reading):
    ledger = ledgers[tell.__name__][reading]
    made = MADE[tell] if READINGS[reading] else WITHOUT_JOURNAL.get(tell, MADE[tell])
    assert ledger.attributed == made
    counted = {name: sum(found.values()) for name, found in made.items()}
    assert {name: ledger.counters[name] for name in ATTRIBUTIONS} == {**dict.fromkeys(ATTRIBUTIONS, 0), **counted}


def test_the_summary_says_it_too(ledgers):
    ledger = ledgers[two_tabs.__name__]["journal"]
    made = ledgers[emitted_out_of_order.__name__]["journal"]
    assert (ledger.summary.attributed, made.summary.attributed) == ({}, {"reorders": {"emitted_out_of_order": 1}})


def test_every_attribution_has_a_history():
    shown = {(violation, name) for made in MADE.values() for violation, names in made.items() for name in names}
    assert shown == {(violation, each.name) for violation, those in ATTRIBUTIONS.items() for each in those}


# -- reasons of rows that were not accepted


def sends(s: Story, n: int, transport: str, via: str) -> None:
    """The agent connects so, and sends that many messages at once; nobody hears of them again."""
    s.opens(0)
    s.widget_comes(0.5)
    s.connects("a", 1, transport=transport)
    s.saw("a", 2, "assumed", index=s.index)
    for number in range(n):
        s.agent_sends(f"a.{number}", 5 + number / 100, stored=False, published=None, answer="unanswered", via=via)


def batch_overflow(s: Story) -> None:
    sends(s, 17, "polling", "socket")


def a_batch_that_fits(s: Story) -> None:
    sends(s, 16, "polling", "socket")


def a_burst_over_websocket(s: Story) -> None:
    sends(s, 17, "websocket", "socket")


def a_burst_by_rest(s: Story) -> None:
    sends(s, 17, "polling", "rest")


def a_burst_after_the_upgrade(s: Story) -> None:
    s.connects("a", -1, transport="polling")
    s.saw("a", -0.5, "upgraded", transport="websocket", conn=1)
    sends(s, 17, "websocket", "socket")


def oversize(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 5, stored=False, published=None, answer="refused", status=413)


def refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 5, stored=False, published=None, answer="refused", status=403)


def ack_lost(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, answer="unanswered")


REASONS = {
    batch_overflow: "batch_overflow",
    a_batch_that_fits: "uplink_lost",
    a_burst_over_websocket: "uplink_lost",
    a_burst_by_rest: "uplink_lost",
    a_burst_after_the_upgrade: "uplink_lost",
    oversize: "oversize",
    refused: "refused",
    ack_lost: "ack_lost",
}


@pytest.fixture(scope="module")
def unaccepted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ledger]:
    book = Book()
    for tell in REASONS:
        tell(book.story())
    return read(book, tmp_path_factory.mktemp("reasons") / "run")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("tell", REASONS)
def test_why_a_message_was_not_accepted(unaccepted, tell, reading):
    index = list(REASONS).index(tell)
    assert row(unaccepted[reading], f"{index}.a.0")["reason"] == REASONS[tell]


def test_what_causes_and_attributions_stand_on_is_in_the_table_of_events():
    """New observations, each of which a page or a server makes of itself."""
    fields = {kind: {field.name for field in KINDS[kind].fields} for kind in KINDS}
    assert fields["frozen"] == {"since_ns"}
    assert {"ordered"} <= fields["displayed"]
    assert {"namespace"} <= fields["published"] & fields["room_entered"]
    assert {"sid", "why"} <= fields["not_enqueued"]
    assert {"sid", "depth", "upgrading"} <= fields["queue"]
    assert {"last_frame_ns"} <= fields["sid_disconnected"]
