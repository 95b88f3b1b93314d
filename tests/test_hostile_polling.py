"""Servers that go wrong in long-polling and in the upgrade from it: it ends with its reason, and the next is well."""

from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from tests.endured import Make, enduring
from tests.hostile_acts import (
    GOOD_OPEN,
    LARGEST_KB,
    SWITCHING,
    closes,
    ends_well,
    floods,
    holds,
    http,
    leaves,
    resets,
    says,
    says_only,
)
from tests.hostile_server import Act, hostile, text
from tests.played import WITHIN_S, until

POLLING = ("polling",)
NO_TEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff"
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n0{"


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with enduring() as make:
        yield make


POLLS_FAIL: dict[str, tuple[str, Act, str, int | None]] = {
    "accepts and says nothing": ("accept", holds, "timeout", None),
    "closes at once": ("accept", closes, "the connection ended before an answer", None),
    "never answers": ("GET 0", holds, "timeout", None),
    "closes when asked": ("GET 0", closes, "the connection ended before an answer", None),
    "speaks no HTTP": ("GET 0", says(b"SSH-2.0-OpenSSH_9.2\r\n"), "in the middle of an answer", None),
    "sends a page": ("GET 0", says_only(http("200 OK", "<html>It works!</html>")), "no Engine.IO handshake", None),
    "sends a page that never ends": ("GET 0", floods(b"HTTP/1.1 200 OK\r\n\r\n", b"<br>"), "bytes", None),
    "sends a header that never ends": ("GET 0", floods(b"HTTP/1.1 200 OK\r\nServer: ", b"x"), "no HTTP", None),
    "promises more than it sends": ("GET 0", says(CUT_OFF), "in the middle of an answer", None),
    "sends elsewhere": ("GET 0", says_only(http("301 Moved", "", "Location: /chat/")), "redirected to /chat/", 301),
    "has nothing": ("GET 0", says_only(b"HTTP/1.1 204 No Content\r\n\r\n"), "HTTP 204", 204),
    "sends an empty payload": ("GET 0", says_only(http("200 OK")), "no Engine.IO handshake", None),
    "switches unasked": ("GET 0", says_only((SWITCHING + "\r\n").encode()), "no HTTP", None),
    "does not know the version": ("GET 0", says_only(http("400 Bad Request", '{"code":5}')), '{"code":5}', 400),
    "speaks an older Engine.IO": ("GET 0", says_only(http("200 OK", "97:" + GOOD_OPEN)), "not OPEN but '97:0{", None),
    "sends what is no text": ("GET 0", says_only(NO_TEXT), "no Engine.IO", None),
    "opens and closes": ("GET 0", says_only(http("200 OK", GOOD_OPEN + "\x1e1")), "transport close", None),
    "asks for payloads of no size": (
        "GET 0",
        says_only(http("200 OK", '0{"sid":"nobody","pingInterval":100,"pingTimeout":100,"maxPayload":"all"}')),
        "ping timeout",
        None,
    ),
    "refuses CONNECT": ("POST 0", says_only(http("400 Bad Request", "no")), "transport error", None),
    "finds CONNECT too large": ("POST 0", says_only(http("413 Content Too Large")), "transport error", None),
    "sends CONNECT elsewhere": ("POST 0", says_only(http("307 Elsewhere", "", "Location: /")), "transport error", None),
    "refuses the first poll": ("GET 1", says_only(http("404 Not Found", "who?")), "transport error", None),
    "answers with rubbish": ("GET 1", says_only(http("200 OK", "rubbish")), "transport error", None),
    "answers with nothing": ("GET 1", says_only(http("200 OK")), "transport error", None),
    "answers with what is no base64": ("GET 1", says_only(http("200 OK", "b!!!!")), "transport error", None),
    "answers with what is no text": ("GET 1", says_only(NO_TEXT), "transport error", None),
    "answers with an attachment": ("GET 1", says_only(http("200 OK", "bAAAA")), "parse error", None),
    "answers with a close": ("GET 1", says_only(http("200 OK", "6\x1e1")), "transport close", None),
    "answers without end": ("GET 1", floods(b"HTTP/1.1 200 OK\r\n\r\n", b"6\x1e"), "transport error", None),
}


@pytest.mark.parametrize(("at", "act", "reason", "status"), POLLS_FAIL.values(), ids=POLLS_FAIL)
def test_polling_that_fails_says_why_and_is_tried_again(
    clients: Make, at: str, act: Act, reason: str, status: int | None
) -> None:
    with hostile(at, act) as server:
        client = clients(server.url, *POLLING, deadline_s=0.5 if reason == "timeout" else WITHIN_S)
        failed = client.outcome()
        assert failed["heard"] == "connect_failed", failed
        assert reason in failed["reason"]
        assert failed["reason"].strip()
        assert failed["status"] == status
        ends_well(client)
    assert client.hear("gone")["largest_kb"] < LARGEST_KB


POLLS_END: dict[str, tuple[str, Act, str]] = {
    "hangs up in the middle of an answer": (
        "GET 2",
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n42["),
        "transport error",
    ),
    "has nothing": ("GET 2", says_only(b"HTTP/1.1 204 No Content\r\n\r\n"), "transport error"),
    "knows nobody": ("GET 2", says_only(http("400 Bad Request", '{"code":1}')), "transport error"),
    "sends broken JSON": ("GET 2", says_only(http("200 OK", '42["hello"')), "parse error"),
    "never answers, and does not ping either": ("GET 2", holds, "ping timeout"),
    "refuses what is sent": ("POST 1", says_only(http("400 Bad Request")), "transport error"),
    "finds what is sent too large": ("POST 1", says_only(http("413 Content Too Large")), "transport error"),
    "closes in the middle of the answer to what is sent": ("POST 1", says(b"HTTP/1.1 200 OK\r\n"), "transport error"),
}


@pytest.mark.parametrize(("at", "act", "reason"), POLLS_END.values(), ids=POLLS_END)
def test_polling_that_goes_wrong_says_why_and_is_begun_again(clients: Make, at: str, act: Act, reason: str) -> None:
    with hostile(at, act, ping_ms=300 if reason == "ping timeout" else 60_000) as server:
        client = clients(server.url, *POLLING)
        client.hear("connected")
        client.do("emit", event="say", size=1, times=1)
        ended = client.outcome()
        assert (ended["heard"], ended["reason"]) == ("disconnected", reason)
        ends_well(client)
    client.hear("gone")


@pytest.mark.parametrize("act", [closes, resets], ids=["closed", "reset"])
@pytest.mark.parametrize(("at", "again"), [("GET 2", "GET 3"), ("POST 1", "POST 2")])
def test_a_kept_connection_that_the_server_has_closed_is_no_error(clients: Make, at: str, again: str, act: Act) -> None:
    """What was asked on it is asked on another, as browsers do."""
    with hostile(at, act) as server:
        client = clients(server.url, *POLLING)
        client.hear("event", event="hello")
        client.do("emit", event="say", size=1, times=1)
        until(lambda: again in server.came, f"{again} among {server.came}")
        leaves(client)
    client.hear("gone")
    assert [said["heard"] for said in client.heard].count("connected") == 1


def test_polling_that_cannot_send_gives_up(clients: Make) -> None:
    with hostile("POST 1", holds) as server:
        client = clients(server.url, *POLLING)
        client.hear("connected")
        client.do("emit", event="say", size=100_000, times=1000)
        assert client.hear("emitted")["took_s"] < 5
        assert client.hear("disconnected")["reason"] == "transport error"
        ends_well(client)
    assert client.hear("gone")["largest_kb"] < LARGEST_KB


# -- the upgrade from polling to a websocket


UPGRADES: dict[str, tuple[str, Act]] = {
    "refuses a websocket": ("switch", says(http("400 Bad Request", '{"code":3}'))),
    "never answers for one": ("switch", holds),
    "closes for one": ("switch", closes),
    "closes for a probe": ("probe", closes),
    "closes with a frame for a probe": ("probe", says(Frame(Opcode.CLOSE, b"").serialize(mask=False))),
    "never answers a probe": ("probe", holds),
    "answers a probe with something else": ("probe", says_only(text("3"))),
    "answers a probe with an attachment": ("probe", says_only(Frame(Opcode.BINARY, b"3probe").serialize(mask=False))),
    "answers a probe with a wrong frame": ("probe", says_only(b"\xff\xff")),
    "answers a probe and does not let go of the poll": ("probe", says_only(text("3probe"))),
}


@pytest.mark.parametrize(("at", "act"), UPGRADES.values(), ids=UPGRADES)
def test_an_upgrade_that_fails_leaves_polling_as_it_was(clients: Make, at: str, act: Act) -> None:
    with hostile(at, act) as server:
        client = clients(server.url, "polling", "websocket", deadline_s=0.3)
        client.hear("event", event="hello")
        until(lambda: at in server.came, f"{at} among {server.came}")
        (websocket,) = [peer for peer in server.peers if peer.is_asked_to_switch]
        assert websocket.is_over.wait(WITHIN_S)
        for packet in ('42["still"]', '42["there"]'):
            server.answer_poll(packet)
            client.hear("event", event=packet[4:9])
        client.do("emit", event="say", size=1, times=1)
        until(lambda: "POST 1" in server.came, f"POST 1 among {server.came}")
        leaves(client)
    client.hear("gone")
    kinds = [said["heard"] for said in client.heard if said["heard"] not in ("event", "emitted")]
    assert kinds == ["connecting", "connected", "disconnected", "gone"]


def test_an_upgrade_that_succeeds_goes_on_by_websocket(clients: Make) -> None:
    with hostile("never", holds) as server:
        client = clients(server.url, "polling", "websocket")
        client.hear("upgraded", transport="websocket")
        ends_well(client)
    client.hear("gone")
