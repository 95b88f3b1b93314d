"""The timeline of one message, on run folders with real event lines."""

from pathlib import Path

import pytest
from rich.console import Console

from reports.lanes import print_trace
from reports.ledger import Ledger
from reports.trace import Trace, TraceError, trace
from tests.written.history import Book
from tests.written.reading import read


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ledger]:
    """A widget that joins at 5 s: a.0 is early and lost, a.1 live, a.2 never stored, a.3 comes with a rejoin."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(5)
    s.agent_sends("a.1", 6)
    s.agent_sends("a.2", 7, stored=False, published=None, answer="refused")
    s.drops("w", 8)
    s.agent_sends("a.3", 9)
    s.connects("w", 10)
    s.joins("w", 10.1, offers=["a.3"])
    s.saw("a", 11, "unsent", mid=s.mid("a.4"), due_ns=11_000_000_000 + 10**12, reason="stopped")
    return read(book, tmp_path_factory.mktemp("runs") / "written")


def printed(found: Trace, width: int = 80) -> str:
    console = Console(width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        print_trace(found, console)
    return capture.get()


def kinds(found: Trace) -> list[str]:
    return [step.what.split(" (")[0].partition(": ")[0] for step in found.steps]


def test_an_early_message_shows_the_missing_stage_and_the_cause(ledgers: dict[str, Ledger]) -> None:
    found = trace(ledgers["journal"], "abc:0.a.0")
    assert found.missing == "received"
    assert found.verdict.startswith(
        "lost: not shown in time, though its sender was told that it went well; stored: yes"
    )
    of_message = kinds(found)[kinds(found).index("due") :]
    assert of_message[:7] == [
        "due",
        "sent by rest",
        "stored as number 1",
        "emitted to chat:s0; there",
        "written to agent-0",
        "told that it went well",
        "✗ MISSING",
    ]
    assert {"connecting", "connected by websocket", "join sent, after 0"} <= set(of_message[7:])
    assert any(
        text.startswith("Why was it missed? early_message\nIt was emitted 3,144 ms before")
        for text in found.explanations
    )
    assert any(text.startswith("Why not recovered? window") for text in found.explanations)
    assert "had never connected" in found.explanations[0]


def test_times_are_utc_and_ms_from_the_due(ledgers: dict[str, Ledger]) -> None:
    steps = {step.what.split(" (")[0]: step for step in trace(ledgers["journal"], "0.a.1").steps}
    assert (steps["sent by rest"].utc, steps["sent by rest"].offset_ms) == ("12:00:06.000", 0.0)
    assert (steps["stored as number 2"].utc, steps["stored as number 2"].offset_ms) == ("12:00:06.005", 5.0)
    assert "emitted to chat:s0; there: agent-0 and widget-0" in steps
    assert steps["displayed"].offset_ms == pytest.approx(20.1)


def test_a_live_message_misses_nothing(ledgers: dict[str, Ledger]) -> None:
    found = trace(ledgers["journal"], "0.a.1")
    assert (found.missing, found.explanations) == (None, ())
    assert found.verdict == "live: shown as it was emitted, 20.1 ms after its due"


def test_a_recovered_message_still_shows_where_it_went_missing_first(ledgers: dict[str, Ledger]) -> None:
    found = trace(ledgers["journal"], "0.a.3")
    assert found.missing == "received"
    assert found.verdict.startswith("recovered: missed as it was emitted, shown by join")
    said = kinds(found)
    assert said.index("✗ MISSING") < said.index("received by join") < said.index("displayed by join")
    assert "was disconnected" in found.explanations[0]


def test_without_a_journal_the_server_s_stages_are_not_called_missing(ledgers: dict[str, Ledger]) -> None:
    found = trace(ledgers["swarm"], "0.a.0")
    assert found.missing == "received"
    assert not [what for what in kinds(found) if what.startswith(("stored", "emitted"))]


def test_what_was_never_emitted_is_not_said_to_have_been(tmp_path: Path) -> None:
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2, published=None)
    s.agent_sends("a.1", 3)
    found = trace(read(book, tmp_path / "written")["journal"], "0.a.0")
    assert found.missing == "published"
    assert found.explanations[0].startswith("When it was to be emitted, widget-0 was joined")
    assert "never emitted it" in found.explanations[1]


def test_messages_that_never_got_so_far(ledgers: dict[str, Ledger]) -> None:
    refused, unsent = trace(ledgers["journal"], "0.a.2"), trace(ledgers["journal"], "0.a.4")
    assert refused.missing == "accepted"
    assert refused.verdict == "refused, not owed. The server refused it."
    assert unsent.missing == "sent"
    assert unsent.verdict == "unsent, not owed. It was never sent. (stopped)"


def test_an_unknown_message_is_one_line_that_names_near_ones(ledgers: dict[str, Ledger]) -> None:
    with pytest.raises(TraceError) as raised:
        trace(ledgers["journal"], "abc:0.a.9")
    assert "no message 'abc:0.a.9' in " in str(raised.value)
    assert "near it are 0.a." in str(raised.value)
    assert "\n" not in str(raised.value)
    with pytest.raises(TraceError, match="`entrega report` names some"):
        trace(ledgers["journal"], "[bold]'; DROP")


def test_it_fits_a_narrow_terminal_and_marks_what_is_missing_without_colour(ledgers: dict[str, Ledger]) -> None:
    text = printed(trace(ledgers["journal"], "0.a.0"))
    assert max(map(len, text.splitlines())) <= 80
    assert "MISSING: received" in text
    assert "Cure: Hand over what was missed" in text


def test_who_else_received_it_is_called_by_name(tmp_path: Path) -> None:
    """Nobody takes what leaked to another widget for the recipient's."""
    book = Book()
    s, other = book.story(), book.story()
    for each in (s, other):
        each.opens(0)
        each.widget_comes(0.5)
        each.assumes(1)
    s.agent_sends("a.0", 5)
    other.saw("w", 5.1, "received", via="live", mid=s.mid("a.0"), conn=1)
    found = trace(read(book, tmp_path / "written")["journal"], "abc:0.a.0")
    received = [step.what for step in found.steps if "received" in step.what]
    assert received == ["received", "widget-1: received"]


def test_who_joins_for_the_first_time_does_not_join_again(tmp_path: Path) -> None:
    """Its first join was never acked, since the connection ended; later it was there before."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, acked=None)
    s.agent_sends("a.0", 3.2, reaches=False)
    s.drops("w", 3.25, last_frame=3.2)
    s.widget_comes(4, offers=["a.0"])
    s.drops("w", 8)
    s.agent_sends("a.1", 9)
    ledger = read(book, tmp_path / "written")["journal"]
    assert "; widget-0 had joined 944 ms later." in trace(ledger, "0.a.0").explanations[1]
    assert "; widget-0 never joined again." in trace(ledger, "0.a.1").explanations[1]


def test_who_was_there_all_the_time_is_not_told_to_come_back(tmp_path: Path) -> None:
    """Nor is what a fetch of its own asked for said to be asked for by nothing."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2, published=None)
    s.reads_history("w", 5, [])
    s.agent_sends("a.1", 8, published=None)
    s.drops("w", 9, last_frame=8.9)
    s.agent_sends("a.2", 10)
    ledger = read(book, tmp_path / "written")["journal"]
    assert trace(ledger, "0.a.0").explanations[2].startswith("Why not recovered? not_offered")
    said = "widget-0 was joined when it was accepted, and did not join again, and nothing else asked for it."
    assert said in trace(ledger, "0.a.1").explanations[2]
    assert "No join of widget-0 succeeded after it" in trace(ledger, "0.a.2").explanations[2]


def test_a_freeze_is_told_with_its_whole_length(tmp_path: Path) -> None:
    """Not as if it had stood still for so long by then."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.freezes("w", 4.8, 13.6)
    s.agent_sends("a.0", 8, reaches=False)
    s.drops("w", 18.4, last_frame=4.7, reason="ping timeout")
    s.widget_comes(19, offers=["a.0"])
    said = trace(read(book, tmp_path / "written")["journal"], "0.a.0").explanations[1]
    assert "widget-0's page was standing still when it was emitted, for 13.6 s in all" in said


def test_the_id_in_a_room_s_name_stays_whole_in_a_narrow_lane(tmp_path: Path) -> None:
    book = Book()
    s = book.story()
    s.room = "chat:42acc7d9ec154210"
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.agent_sends("a.0", 5)
    said = printed(trace(read(book, tmp_path / "written")["journal"], "0.a.0"))
    assert [line for line in said.splitlines() if "emitted to chat:" in line]
    assert said.count("42acc7d9ec154210") == 3  # entered, joined, emitted to


def test_a_run_without_a_clock_has_no_utc(tmp_path: Path) -> None:
    book = Book(clocks=[])
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 5)
    found = trace(read(book, tmp_path / "written")["journal"], "0.a.0")
    assert found.due_utc is None
    assert "+6.0" in printed(found)
