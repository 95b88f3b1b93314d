"""What answers say in their several ways, and where in a session a message has its place."""

from typing import Any

import pytest

from loadtests.swarm.message import Reader
from loadtests.swarm.screen import NOTHING, Mark, Screen
from loadtests.swarm.talk import Reply, path
from loadtests.target import Message

WELL = "well"


@pytest.mark.parametrize(
    ("reply", "arguments", "why"),
    [
        (Reply("object", "", "", "error"), (), WELL),
        (Reply("object", "", "", "error"), ({"id": 1},), WELL),
        (Reply("object", "", "", "error"), ({"error": "no room"},), "no room"),
        (Reply("object", "ok", "", "error"), ({"ok": True},), WELL),
        (Reply("object", "ok", "", "error"), ({"ok": False, "error": "not yours"},), "not yours"),
        (Reply("object", "ok", "", "error"), ("ok",), "refused"),
        (Reply("object", ".", "ok", ""), ("ok",), WELL),
        (Reply("object", "status", "success", "message"), ({"status": "success", "message": {"id": 1}},), WELL),
        (Reply("object", "status", "success", "message"), ({"status": "error", "message": "full"},), "full"),
        (Reply("error-first", "", "", "error"), (None, {"id": 1}), WELL),
        (Reply("error-first", "", "", "error"), ("not yours",), "not yours"),
        (Reply("error-first", "", "", "error"), ({"message": "full"}, None), "full"),
        (Reply("error-first", "", "", "code"), ({"code": "full"},), "full"),
    ],
)
def test_how_an_answer_says_that_it_went_well(reply: Reply, arguments: tuple[Any, ...], why: str) -> None:
    assert (reply.read(arguments)[1] or WELL) == why


def test_the_payload_of_an_answer() -> None:
    assert Reply("object", "", "", "error").read(({"id": 1}, 2))[0] == {"id": 1}
    assert Reply("error-first", "", "", "error").read((None, {"id": 1}))[0] == {"id": 1}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (1795876872923, 1795876872923),
        (1795876872923.0, 1795876872923),
        ("1795876872923", 1795876872923),
        ("2026-11-28T13:28:48.767Z", 1795872528767000),
        ("2026-11-28T14:28:48.767+01:00", 1795872528767000),
        ("2026-11-28T13:28:48", 1795872528000000),
        ("yesterday", None),
        (None, None),
        (-1, None),
    ],
)
def test_a_time_is_a_place(said: Any, place: int | None) -> None:
    reader = Reader(Message(event="m", seq="at", seq_is="time"))
    assert reader.read({"at": said, "id": 1, "text": "x"}).seq == place


def test_a_page_asks_from_the_last_time_as_the_server_wrote_it() -> None:
    reader, screen = Reader(Message(event="m", seq="at", seq_is="time")), Screen(counts=False)
    assert screen.mark == NOTHING
    for number, at in enumerate(("2026-01-01T00:00:02Z", "2026-01-01T00:00:01Z")):
        screen.show(reader.read({"at": at, "id": number, "text": "x"}))
    screen.has_seq(2**62)  # the answer to a message of one's own says nothing of what came before it
    assert screen.mark == Mark(1767225602000000, "2026-01-01T00:00:02Z")


def test_what_is_put_into_a_path_is_escaped() -> None:
    assert path("/c/{session}?since={after}", "a/b", "1+1") == "/c/a%2Fb?since=1%2B1"
