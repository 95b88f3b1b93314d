"""Every cause, with the server's journal and without: a story in words and what the ledger must say of it."""

import pytest

from reports.ledger import build_ledger
from reports.violations import KNOWN
from tests.written.history import Book
from tests.written.reading import READINGS, differences, read, row, told
from tests.written.stories import ALONE, STORIES


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return told(STORIES, tmp_path_factory.mktemp("causes") / "run")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", [tell.__name__ for tell in STORIES])
def test_cause(both, name, reading):
    stories, ledgers = both
    assert not differences(stories[name], ledgers[reading])


@pytest.mark.parametrize("tell", ALONE, ids=[tell.__name__ for tell in ALONE])
def test_cause_in_a_run_of_its_own(tell, tmp_path):
    book = Book()
    tell(book)
    for ledger in read(book, tmp_path / "run").values():
        assert not [difference for story in book.stories for difference in differences(story, ledger)]


# Story -> KEY of a row that was offline, and what that gap goes back to, with the journal and without it.
ROOTS = {
    "offline": ("a.1", None, None),
    "kicked_and_back": ("a.1", "kicked", "kicked"),
    "half_open": ("a.3", "half_open", "gone_silent"),
    "a_gap_that_began_half_open_upwards": ("a.1", "half_open", None),
    "frozen": ("a.2", "frozen", "frozen"),
    "server_stalled": ("a.3", "server_stalled", "gone_silent"),
    "slow_consumer": ("a.3", "slow_consumer", "slow_consumer"),
    "a_ping_time_out_without_a_silence": ("a.0", None, None),
    "a_ping_time_out_of_a_slow_reader": ("a.3", "slow_consumer", "slow_consumer"),
    "its_own_message_sent_again": ("a.0", None, None),
    "frozen_before_there_was_the_connection": ("a.1", None, None),
    "another_tab_joins_while_the_frozen_one_looks_up": ("a.1", "frozen", "frozen"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_a_gap_rolls_up_to_what_began_it(both, name):
    stories, ledgers = both
    key, *roots = ROOTS[name]
    found = [row(ledgers[reading], f"{stories[name].index}.{key}") for reading in READINGS]
    assert [each["missed_because"] for each in found] == ["offline", "offline"]
    assert [each["gap_root"] for each in found] == roots


# What a journal leaves out: fields of all its lines, and kinds.
POORER = {
    "who was there": (("sids", "members"), ()),
    "the rooms' names": (("room",), ()),
    "which connection": (("sid",), ()),
    "ends": ((), ("sid_disconnected", "room_left")),
    "entries": ((), ("room_entered",)),
    "writes": ((), ("written",)),
}
AS_WELL = {  # what may then be taken for something else
    "upgrade_stuck_with_a_long_queue": "slow_consumer",
    "ghost_member_in_a_journal_that_shows_no_emission": "not_published",
    "written_before_its_join_was_acked_and_never_seen": "offline",
    "written_while_it_upgraded": "upgrade_stuck",
    "another_room_in_another_namespace": "namespace_mismatch",
}


@pytest.mark.parametrize("lacks", POORER)
def test_a_journal_that_says_less_makes_no_other_cause(lacks, tmp_path):
    """It is what it is with the whole journal, or without any."""
    fields, kinds = POORER[lacks]
    book = Book()
    names = {}
    for tell in STORIES:
        story = book.story()
        tell(story)
        names |= {each.key: tell.__name__ for each in story.expected}
    for source in [source for source in book.lines if source.startswith("journal")]:
        kept = [line for line in book.lines[source] if line["kind"] not in kinds]
        book.lines[source] = [{name: line[name] for name in line if name not in fields} for line in kept]
    found = build_ledger(book.write(tmp_path / "run")).deliveries.set_index("key")["missed_because"]
    for each in (each for story in book.stories for each in story.expected if each.missed_because):
        missed = each.missed_because if isinstance(each.missed_because, tuple) else (each.missed_because,)
        allowed = {*missed, *KNOWN[missed[0]].without_journal, AS_WELL.get(names[each.key])}
        assert found[each.key] in allowed, names[each.key]
