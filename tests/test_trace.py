"""The timeline of one message, on run folders with real event lines."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports.lanes import print_trace
from reports.ledger import Ledger
from reports.steps import JOINED, WIDGET
from reports.trace import Trace, TraceError, trace
from tests.written.history import Book
from tests.written.reading import read, told
from tests.written.stories import displays


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
    assert found.verdict.startswith("lost: not shown in time, though its sender was told it went well; stored: yes")
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


def test_a_join_that_handed_over_nothing_says_so(ledgers: dict[str, Ledger]) -> None:
    """What cannot be handed over is another matter."""
    said = [step.what for step in trace(ledgers["journal"], "0.a.0").steps]
    assert "joined chat:s0, 2 there, nothing handed over" in said
    assert "joined chat:s0, 2 there, 1 message handed over" in [
        step.what for step in trace(ledgers["journal"], "0.a.3").steps
    ]


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
    s.inside["other"] = other.sid("w")
    s.names["other"] = other.names["w"]
    s.agent_sends("a.0", 5, reaches=False)
    s.shows("w", "a.0", 5.05)
    other.saw("w", 5.1, "received", via="live", mid=s.mid("a.0"), conn=1)
    found = trace(read(book, tmp_path / "written")["journal"], "abc:0.a.0")
    assert "emitted to chat:s0; there: agent-0, widget-0 and 1 other" in [step.what for step in found.steps]
    received = [step.what for step in found.steps if "received" in step.what]
    assert received == ["received", "widget-1: received"]


def test_a_restored_connection_is_joined_and_its_party_back(tmp_path: Path) -> None:
    """Its page does not join again: it is where it was."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.is_restored("w", 6)
    s.agent_sends("a.0", 8)
    ledger = read(book, tmp_path / "written")["journal"]
    assert ledger.summary.parties.never_back == 0
    shown = next(step for step in trace(ledger, "0.a.0").steps if step.what == "displayed")
    assert shown.states["widget"] == "joined"


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
    said = "widget-0 was joined when it was on its way, and did not join again, and nothing else asked for it."
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


@pytest.mark.parametrize("room", ["chat:42acc7d9ec154210", "chat:42acc7d9ec154210-human"])
def test_the_id_in_a_room_s_name_stays_whole_in_a_narrow_lane(tmp_path: Path, room: str) -> None:
    book = Book()
    s = book.story()
    s.room = room
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.agent_sends("a.0", 5)
    said = printed(trace(read(book, tmp_path / "written")["journal"], "0.a.0"))
    assert [line for line in said.splitlines() if "emitted to chat:" in line]
    assert said.count("42acc7d9ec154210") == 3  # entered, joined, emitted to


def test_what_is_said_above_the_lanes_fits_eighty_columns(ledgers: dict[str, Ledger]) -> None:
    lines = printed(trace(ledgers["journal"], "0.a.0")).splitlines()
    assert lines[:3] == [
        "abc:0.a.0  agent-0 to widget-0",
        "session s0, due 12:00:02.000 UTC",
        "lost: not shown in time, though its sender was told it went well; stored: yes",
    ]


@pytest.mark.parametrize(
    ("tell", "last", "verdict"),
    [
        (displays.malformed, "not shown: the page does not know its form", "lost: not shown in time"),
        (displays.late_listener, "not shown: nothing on the page listened to it", ""),
        (displays.wiped, "taken off the page", "lost: taken off the page, though"),
        (displays.wiped_of_what_a_join_had_brought, "told that it went well", "lost: taken off the page, though"),
    ],
)
def test_the_missing_stage_stands_where_the_message_stopped(tmp_path: Path, tell: Any, last: str, verdict: str) -> None:
    """Neither the audit nor what a join brought later is on its way."""
    _, ledgers = told((tell,), tmp_path / "written")
    for ledger in ledgers.values():
        found = trace(ledger, "0.a.0")
        said = [step.what for step in found.steps]
        (place,) = (n for n, step in enumerate(found.steps) if step.tone == "missing")
        assert said[place - 1] == last
        assert said.index("in the audit") > place
        assert found.verdict.startswith(verdict)


def test_the_lanes_go_on_through_the_missing_stage(ledgers: dict[str, Ledger]) -> None:
    for key in ("0.a.0", "0.a.2", "0.a.3", "0.a.4"):
        found = trace(ledgers["journal"], key)
        (place,) = (n for n, step in enumerate(found.steps) if step.tone == "missing")
        assert found.steps[place].states == found.steps[max(place - 1, 0)].states


def test_of_two_pages_the_lane_shows_the_best_and_every_step_says_which(tmp_path: Path) -> None:
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    second = {"view": 2, "conn": 2}
    s.saw("w", 3, "connecting", attempt=1, **second)
    s.saw("w", 3.1, "connected", sid="second", transport="websocket", **second)
    s.saw("w", 3.2, "joined", room=s.room, members=3, after=0, count=0, **second)
    s.saw("w", 4, "disconnected", reason="transport close", **second)
    s.journal(4.1, "sid_disconnected", sid="second", reason="transport close")
    s.agent_sends("a.0", 5)
    s.drops("a", 5.5)
    s.widget_sends("w.0", 6)
    ledger = read(book, tmp_path / "written")["journal"]
    found = trace(ledger, "0.a.0")
    assert {step.states[WIDGET] for step in found.steps if step.offset_ms and step.offset_ms > -2_000} == {JOINED}
    said = [step.what for step in found.steps]
    assert {"page 2: connection ended: transport close", "lost page 2 of widget-0: transport close"} <= set(said)
    assert {"page 1: displayed", "written to page 1 of widget-0"} <= set(said)
    assert ", and widget-0 was joined; " in trace(ledger, "0.w.0").explanations[0]


def test_an_agent_s_other_sessions_are_left_out(tmp_path: Path) -> None:
    """What its connection does otherwise stays, and so does the room of another session that a widget is in."""
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5, room="chat:before")
    s.assumes(1)
    s.journal(2, "room_entered", sid=s.sid("a"), room="chat:other", session="other")
    s.journal(3, "room_entered", sid=s.sid("a"), room="agents")
    s.journal(3.1, "room_entered", sid=s.sid("w"), room="chat:before", session="before")
    s.widget_sends("w.0", 5)
    s.agent_sends("a.0", 6)
    ledger = read(book, tmp_path / "written")["journal"]
    rooms = {
        key: [step.what for step in trace(ledger, key).steps if "entered" in step.what] for key in ("0.w.0", "0.a.0")
    }
    assert rooms["0.w.0"] == ["agent-0 entered chat:s0", "agent-0 entered agents"]
    assert "widget-0 entered chat:before" in rooms["0.a.0"]


def test_that_the_server_was_gone_is_said_however_often_was_tried_since(tmp_path: Path) -> None:
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    book.server_is_killed(4)
    s.drops("a", 4.1)
    for attempt in range(4):
        s.cannot_connect("a", 4.5 + attempt, "Connection refused")
    s.saw("w", 9, "sent", mid=s.mid("w.0"), due_ns=9_000_000_000 + 10**12, via="socket")
    book.server_is_back(15)
    said = [step.what for step in trace(read(book, tmp_path / "written")["journal"], "0.w.0").steps]
    assert said.index("the server was gone (status -9)") < said.index("due")


def test_what_brought_it_at_last_is_shown_and_nothing_after_it(tmp_path: Path) -> None:
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.drops("w", 4)
    s.agent_sends("a.0", 5)
    for attempt in range(9):
        s.cannot_connect("w", 5.1 + attempt, "Connection refused")
    s.widget_comes(15, offers=["a.0"])
    s.drops("w", 20)
    around = [
        step for step in trace(read(book, tmp_path / "written")["journal"], "0.a.0").steps if step.tone == "around"
    ]
    assert around[-1].what.startswith("joined chat:s0")
    assert sum(step.what == "could not connect: Connection refused" for step in around) == 6


def test_a_run_without_a_clock_has_no_utc(tmp_path: Path) -> None:
    book = Book(clocks=[])
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 5)
    found = trace(read(book, tmp_path / "written")["journal"], "0.a.0")
    assert found.due_utc is None
    assert "+6.0" in printed(found)
