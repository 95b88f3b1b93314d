"""What a party shows: the right shape, each message once; and from where it asks for missed ones."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.swarm.message import Message, Reader, mid_within, text_of
from loadtests.swarm.screen import Screen
from loadtests.target_file import load

ROOT = Path(__file__).resolve().parent.parent
MID = "9fd02a11:17.a.3"
READER = Reader(load("bundled").widget.message)


def message(seq: int | None) -> Message:
    return Message(mid=f"r:0.a.{seq}", id=f"id-{seq}", seq=seq, session="s1", due_ns=None, whole=True)


def payload(**changes: Any) -> dict[str, Any]:
    """As the bundled server sends one; None takes a field out."""
    whole = {"id": "x1", "clientId": MID, "seq": 4, "sessionId": "s1", "text": text_of(MID, 99), "sender": "agent"}
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def test_reading_and_showing_need_no_gevent() -> None:
    modules = "loadtests.swarm.message, loadtests.swarm.screen, sys"
    said = subprocess.run(
        [sys.executable, "-c", f"import {modules}; assert 'gevent' not in sys.modules"], cwd=ROOT, check=False
    )
    assert said.returncode == 0


def test_a_message_is_read() -> None:
    assert READER.read(payload()) == Message(mid=MID, id="x1", seq=4, session="s1", due_ns=99, whole=True, place=4)


def test_the_mid_is_found_in_the_text_too() -> None:
    assert READER.read(payload(clientId=None)).mid == MID
    assert READER.read(payload(clientId=None, text=f"so: {text_of(MID, 1)} and more")).mid == MID
    assert READER.read(payload(clientId=None, text="no token")).mid is None


def test_ids_may_be_numbers() -> None:
    read = READER.read(payload(id=7, sessionId=12))
    assert (read.id, read.session, read.whole) == ("7", "12", True)


@pytest.mark.parametrize("lacking", ["id", "text", "sessionId"])
def test_what_a_screen_needs(lacking: str) -> None:
    assert not READER.read(payload(**{lacking: None})).whole
    assert READER.read(payload(seq=None, clientId=None)).whole


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*payload()]) | st.text(), inner),
)


@given(ANYTHING)
def test_any_payload_is_read_as_something(raw: Any) -> None:
    read = READER.read(raw)
    for value in (read.mid, read.id, read.session):
        assert value is None or isinstance(value, str)
    assert read.seq is None or 0 <= read.seq < 2**63
    Screen().show(read)


def test_a_message_is_known_by_its_text_wherever_that_stands() -> None:
    text = text_of("r:0.a.0", 5)
    assert READER.read({"v": 2, "entry": {"html": [text]}}).mid is None
    assert mid_within({"v": 2, "entry": {"html": [f"<p>{text}</p>"]}}) == "r:0.a.0"
    assert mid_within({"v": 2}) is None


def test_each_message_once() -> None:
    screen = Screen()
    assert screen.show(message(1)) is None
    assert screen.show(message(1)) == "duplicate"
    assert screen.show(message(2)) is None


def test_what_came_before_its_time_is_asked_for_again_until_the_gap_is_filled() -> None:
    screen = Screen()
    screen.show(message(1))
    screen.show(message(4))
    assert screen.after == 1
    screen.has_seq(2)  # the answer to a message of one's own
    assert screen.after == 2
    screen.show(message(3))
    assert screen.after == 4


def test_messages_without_a_number_are_shown_and_count_for_nothing() -> None:
    screen = Screen()
    assert screen.show(message(None)) is None
    assert screen.after == 0


@given(st.permutations(range(1, 12)), st.integers(0, 11))
def test_after_is_the_highest_number_below_which_nothing_lacks(order: list[int], seen: int) -> None:
    screen = Screen()
    for seq in order[:seen]:
        screen.show(message(seq))
        screen.show(message(seq))
    expected = next(number for number in range(12) if number + 1 not in order[:seen])
    assert screen.after == expected


@pytest.mark.parametrize("counts", [True, False])
def test_a_page_may_ask_for_all_again(counts: bool) -> None:
    """In the words of a page that has seen nothing: a seq of null would ask for none."""
    screen = Screen(counts=counts)
    fresh = screen.mark
    screen.show(message(1))
    assert screen.beginning == fresh != screen.mark
