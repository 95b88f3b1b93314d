"""Servers that do not behave, at each point of a connection: it ends with its reason, and the next one is well."""

import struct
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from websockets.frames import Frame, Opcode

from tests.endured import Endured, Make, enduring
from tests.hostile_server import CONNECTED, HELLO, OPEN, Act, Peer, Request, hostile, text
from tests.played import WITHIN_S, until

WEBSOCKET, POLLING = ("websocket",), ("polling",)
GOOD_OPEN = OPEN % ("e", 60_000, 60_000)
LARGEST_KB = 400_000  # of the clients' process, whatever they are sent


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with enduring() as make:
        yield make


# -- what a server does instead


def says(data: bytes) -> Act:
    """And closes."""
    return lambda peer, _: peer.say(data)


def says_only(data: bytes) -> Act:
    """And then nothing, for as long as the client wants to wait."""

    def act(peer: Peer, _: Request | None) -> None:
        peer.say(data)
        peer.hold()

    return act


def drips(data: Callable[[Peer, Request], bytes]) -> Act:
    """Byte by byte, each in a segment of its own, and then all is as it should be."""

    def act(peer: Peer, request: Request | None) -> None:
        assert request is not None
        for byte in data(peer, request):
            peer.say(bytes([byte]))
        peer.hold()

    return act


def floods(first: bytes, again: bytes) -> Act:
    """For as long as anybody takes it."""

    def act(peer: Peer, _: Request | None) -> None:
        peer.say(first)
        while True:
            peer.say(again * (65536 // len(again) + 1))

    return act


def http(status: str, body: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


holds: Act = says_only(b"")
closes: Act = says(b"")
SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def resets(peer: Peer, _: Request | None) -> None:
    peer.reset()


def switches_with(*headers: str) -> Act:
    """As it should, but for these headers."""

    def act(peer: Peer, request: Request | None) -> None:
        assert request is not None
        peer.say(peer.switch(request)[:-2] + "\r\n".join([*headers, "", ""]).encode())
        peer.hold()

    return act


def ends_well(client: Endured) -> None:
    """It has come back and is in order; when it leaves, nothing of it is left once the server has gone."""
    client.hear("event", event="hello")
    leaves(client)


def leaves(client: Endured) -> None:
    client.do("disconnect")
    client.hear("disconnected", reason="io client disconnect")


# -- attempts that fail

FAILED: dict[str, tuple[str, Act, str, int | None]] = {
    "accepts and says nothing": ("accept", holds, "timeout", None),
    "closes at once": ("accept", closes, "did not receive a valid HTTP response", None),
    "resets at once": ("accept", resets, "", None),
    "speaks before it is asked": ("accept", says(b"220 mail.example ESMTP\r\n"), "220 mail.example", None),
    "speaks TLS": ("accept", says(b"\x15\x03\x01\x00\x02\x02\x28"), "did not receive a valid HTTP response", None),
    "never answers": ("switch", holds, "timeout", None),
    "closes when asked": ("switch", closes, "connection closed", None),
    "resets when asked": ("switch", resets, "", None),
    "sends a page": ("switch", says(http("200 OK", "<html>It works!</html>")), "It works!", 200),
    "sends a page in pieces": (
        "switch",
        says(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno \r\n5\r\nchat!\r\n0\r\n\r\n"),
        "no chat!",
        404,
    ),
    "sends a page that ends with the connection": (
        "switch",
        says(b"HTTP/1.1 200 OK\r\n\r\nIt works!"),
        "It works!",
        200,
    ),
    "sends a page that never ends": ("switch", floods(b"HTTP/1.1 200 OK\r\n\r\n", b"<br>"), "", None),
    "sends pieces that never end": (
        "switch",
        floods(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\n<br>\r\n"),
        "",
        None,
    ),
    "sends one header that never ends": ("switch", floods(b"HTTP/1.1 101 OK\r\nUpgrade: ", b"x"), "", None),
    "sends headers that never end": ("switch", floods(b"HTTP/1.1 101 OK\r\n", b"Upgrade: websocket\r\n"), "", None),
    "speaks an older HTTP": ("switch", says(b"HTTP/1.0 404 Not here\r\n\r\n"), "HTTP/1.0 404 Not here", None),
    "sends elsewhere": (
        "switch",
        says(http("302 Found", "<a>", "Location: https://elsewhere.example/")),
        "redirected to https://elsewhere.example/",
        302,
    ),
    "refuses without a word": ("switch", says(http("403 Forbidden")), "HTTP 403", 403),
    "does not know the version": (
        "switch",
        says(http("400 Bad Request", '{"code":5,"message":"Unsupported protocol version"}')),
        "Unsupported protocol version",
        400,
    ),
    "takes the key for granted": ("switch", says_only((SWITCHING + "\r\n").encode()), "Sec-WebSocket-Accept", None),
    "has another key": ("switch", says_only((SWITCHING + "Sec-WebSocket-Accept: x\r\n\r\n").encode()), "Accept", None),
    "switches to something else": (
        "switch",
        says_only(b"HTTP/1.1 101 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
        "Upgrade",
        None,
    ),
    "compresses unasked": (
        "switch",
        switches_with("Sec-WebSocket-Extensions: permessage-deflate"),
        "no extensions supported",
        None,
    ),
    "speaks a protocol of its own": ("switch", switches_with("Sec-WebSocket-Protocol: soap"), "no subprotocols", None),
    "opens nothing": ("open", holds, "timeout", None),
    "closes before it opens": ("open", closes, "transport close", None),
    "closes with a frame before it opens": (
        "open",
        says(Frame(Opcode.CLOSE, struct.pack("!H", 1013)).serialize(mask=False)),
        "transport close",
        None,
    ),
    "sends half a frame": ("open", says(text(GOOD_OPEN)[:20]), "transport close", None),
    "opens with a wrong frame": ("open", says_only(b"\xff\xff"), "transport error", None),
    "opens with an event": ("open", says_only(text(HELLO)), "no Engine.IO handshake", None),
    "opens with an attachment": (
        "open",
        says_only(Frame(Opcode.BINARY, b"0{}").serialize(mask=False)),
        "no Engine.IO handshake",
        None,
    ),
    "opens with words": ("open", says_only(text("0hello")), "no Engine.IO handshake", None),
    "opens with a list": ("open", says_only(text("0[]")), "no Engine.IO handshake", None),
    "opens without times": ("open", says_only(text('0{"sid":"e"}')), "no Engine.IO handshake", None),
    "opens with times in words": ("open", says_only(text(OPEN.replace("%d", '"%d"') % ("e", 1, 1))), "no Engine", None),
    "opens with times in lists": ("open", says_only(text(OPEN.replace("%d", "[%d]") % ("e", 1, 1))), "no Engine", None),
    "opens with times before now": (
        "open",
        says_only(text(OPEN % ("e", -1000, -1000))),
        "no Engine.IO handshake",
        None,
    ),
    "opens for ever": ("open", says_only(text(OPEN.replace("%d", "%de308") % ("e", 1, 1))), "no Engine", None),
    "opens and closes": ("open", says_only(text(GOOD_OPEN, "1")), "transport close", None),
    "opens and hangs up": ("open", says(text(GOOD_OPEN)), "transport close", None),
    "opens and talks rubbish": ("open", says_only(text(GOOD_OPEN, "4rubbish")), "parse error", None),
    "speaks an older Socket.IO": ("open", says_only(text(GOOD_OPEN, "40")), "an older Socket.IO?", None),
    "hangs up for an answer": ("connect", closes, "transport close", None),
    "resets for an answer": ("connect", resets, "transport close", None),
    "answers with rubbish": ("connect", says_only(text("4rubbish")), "parse error", None),
    "answers without a sid": ("connect", says_only(text("40{}")), "no sid", None),
    "answers with a strange sid": ("connect", says_only(text('40{"sid":["s"]}')), "no sid", None),
    "answers with a list": ("connect", says_only(text("40[]")), "parse error", None),
    "answers with a packet that nobody knows": ("connect", says_only(text("7")), "transport error", None),
    "answers with an empty packet": ("connect", says_only(text("")), "transport error", None),
    "answers with an attachment": (
        "connect",
        says_only(Frame(Opcode.BINARY, b"x").serialize(mask=False)),
        "parse error",
        None,
    ),
    "answers with half of an attachment": (
        "connect",
        says(text('451-["x",{"_placeholder":true,"num":0}]')),
        "transport close",
        None,
    ),
}


@pytest.mark.parametrize(("at", "act", "reason", "status"), FAILED.values(), ids=FAILED)
def test_an_attempt_that_fails_says_why_and_is_not_the_last(
    clients: Make, at: str, act: Act, reason: str, status: int | None
) -> None:
    with hostile(at, act) as server:
        client = clients(server.url, deadline_s=0.5)
        failed = client.outcome()
        assert failed["heard"] == "connect_failed", failed
        assert reason in failed["reason"]
        assert failed["reason"].strip()
        assert failed["status"] == status
        ends_well(client)
    assert client.hear("gone")["largest_kb"] < LARGEST_KB


FINAL = {
    "refuses": ("connect", '44{"message":"no token"}', "no token"),
    "refuses without a word": ("connect", "44{}", "refused"),
    "refuses in many words": ("connect", '44"%s"' % ("no" * 10**6), "no" * 100),
    "refuses later": ("hello", '44{"message":"no token any more"}', "no token any more"),
    "sends away": ("connect", "41", "io server disconnect"),
}


@pytest.mark.parametrize(("at", "answer", "reason"), FINAL.values(), ids=FINAL)
def test_who_is_refused_does_not_come_again_by_itself(clients: Make, at: str, answer: str, reason: str) -> None:
    with hostile(at, says_only(text(answer))) as server:
        client = clients(server.url)
        assert client.hear("connect_failed")["reason"] == reason
        client.do("connect")
        client.hear("connecting", attempt=1)
        ends_well(client)
    client.hear("gone")
    assert [said["heard"] for said in client.heard].count("connecting") == 2


# -- connections that end

ENDED: dict[str, tuple[Act, str]] = {
    "hangs up": (closes, "transport close"),
    "resets": (resets, "transport close"),
    "cuts a frame off": (says(text(HELLO)[:5]), "transport close"),
    "cuts a message off": (says(Frame(Opcode.TEXT, b"42", fin=False).serialize(mask=False)), "transport close"),
    "says close": (says_only(text("1")), "transport close"),
    "sends a packet that nobody knows": (says_only(text("7")), "transport error"),
    "sends an empty packet": (says_only(text("")), "transport error"),
    "sends an attachment without its event": (
        says_only(Frame(Opcode.BINARY, b"x").serialize(mask=False)),
        "parse error",
    ),
    "sends an event among attachments": (says_only(text('451-["x",{}]', HELLO)), "parse error"),
    "sends broken JSON": (says_only(text('42["hello"')), "parse error"),
    "sends JSON that is none": (says_only(text('42["hello",NaN]')), "parse error"),
    "sends an event without a name": (says_only(text("42[]")), "parse error"),
    "sends an event of a reserved name": (says_only(text('42["disconnect"]')), "parse error"),
    "sends an ack that is no list": (says_only(text("430{}")), "parse error"),
    "sends a packet of no type": (says_only(text('49["hello"]')), "parse error"),
    "announces many attachments": (says_only(text('459999999999-["x"]')), "parse error"),
    "announces more digits of attachments": (says_only(text('45%s-["x"]' % ("9" * 100))), "parse error"),
    "nests for ever": (says_only(text('42["hello",' + "[" * 10**6)), "parse error"),
    "sends a message without end": (
        floods(
            Frame(Opcode.TEXT, b"42", fin=False).serialize(mask=False),
            Frame(Opcode.CONT, bytes(65535), fin=False).serialize(mask=False),
        ),
        "transport error",
    ),
    "announces a frame of 100 MB and sends it": (
        floods(b"\x81\x7f" + struct.pack("!Q", 100 * 10**6), bytes(65536)),
        "transport error",
    ),
}


@pytest.mark.parametrize(("act", "reason"), ENDED.values(), ids=ENDED)
def test_a_connection_that_goes_wrong_says_why_and_is_made_again(clients: Make, act: Act, reason: str) -> None:
    with hostile("hello", act) as server:
        client = clients(server.url)
        ended = client.outcome()
        assert (ended["heard"], ended["reason"]) == ("disconnected", reason)
        ends_well(client)
    assert client.hear("gone")["largest_kb"] < LARGEST_KB


ODD = [
    '4399["nobody asked"]', '43["nobody asked"]', '43%s["nobody asked"]' % ("9" * 300), "42/elsewhere," + HELLO[2:],
    "41/elsewhere,", '42["hello",{"_placeholder":true,"num":0}]', "0", OPEN % ("e", 1, 1), "3", "5", "6", "6rubbish", "3probe",
    '42["deep",' + "[" * 500 + "]" * 500 + "]", '42["\\ud800",1e999]', '42[7,"a number for a name"]', "42" + '["x",' + "9" * 4000 + "]",
]  # fmt: skip


def test_what_is_only_odd_is_endured(clients: Make) -> None:
    with hostile("hello", says_only(text(*ODD, HELLO))) as server:
        client = clients(server.url)
        ends_well(client)
    client.hear("gone")
    kinds = [said["heard"] for said in client.heard if said["heard"] != "event"]
    assert kinds == ["connecting", "connected", "disconnected", "gone"]


def test_an_ack_counts_once(clients: Make) -> None:
    def answers(peer: Peer, _: Request | None) -> None:
        for packet in peer.frames():
            number = packet.removeprefix("42").partition("[")[0]
            peer.say(text(f'43{number}["first"]', f'43{number}["second"]', '43123456["stray"]'))

    with hostile("hello", answers) as server:
        client = clients(server.url)
        client.hear("connected")
        client.do("ask", event="one")
        assert client.hear("acked")["answers"] == ["first"]
        client.do("ask", event="two")
        assert client.hear("acked")["answers"] == ["first"]
        leaves(client)
    client.hear("gone")
    assert [said["heard"] for said in client.heard].count("acked") == 2


def test_a_server_that_is_slow_is_only_slow(clients: Make) -> None:
    def all_of_it(peer: Peer, request: Request) -> bytes:
        return peer.switch(request) + text(OPEN % ("e", 60_000, 60_000), CONNECTED, HELLO)

    with hostile("switch", drips(all_of_it)) as server:
        client = clients(server.url, deadline_s=10)
        ends_well(client)
    client.hear("gone")


# -- servers that take nothing


def test_a_server_that_reads_nothing_holds_up_nobody_and_costs_no_more_than_its_share(clients: Make) -> None:
    over = Event()

    def reads_nothing(_: Peer, __: Request | None) -> None:
        over.wait(WITHIN_S)

    with hostile("hello", reads_nothing) as server:
        client = clients(server.url)
        client.hear("connected")
        client.do("emit", event="say", size=100_000, times=1000)
        assert client.hear("emitted")["took_s"] < 5
        assert client.hear("disconnected")["reason"] == "transport close"
        ends_well(client)
        over.set()
    assert client.hear("gone")["largest_kb"] < LARGEST_KB


# -- long-polling

POLLS_FAIL: dict[str, tuple[str, Act, str, int | None]] = {
    "accepts and says nothing": ("accept", holds, "timeout", None),
    "closes at once": ("accept", closes, "the connection ended before an answer", None),
    "never answers": ("GET 0", holds, "timeout", None),
    "closes when asked": ("GET 0", closes, "the connection ended before an answer", None),
    "speaks no HTTP": ("GET 0", says(b"SSH-2.0-OpenSSH_9.2\r\n"), "in the middle of an answer", None),
    "sends a page": ("GET 0", says_only(http("200 OK", "<html>It works!</html>")), "no Engine.IO handshake", None),
    "sends a page that never ends": ("GET 0", floods(b"HTTP/1.1 200 OK\r\n\r\n", b"<br>"), "bytes", None),
    "sends a header that never ends": ("GET 0", floods(b"HTTP/1.1 200 OK\r\nServer: ", b"x"), "no HTTP", None),
    "promises more than it sends": ("GET 0", says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n0{"), "in the middle of an answer", None),
    "sends elsewhere": ("GET 0", says_only(http("301 Moved", "", "Location: /chat/")), "redirected to /chat/", 301),
    "has nothing": ("GET 0", says_only(b"HTTP/1.1 204 No Content\r\n\r\n"), "HTTP 204", 204),
    "sends an empty payload": ("GET 0", says_only(http("200 OK")), "no Engine.IO handshake", None),
    "switches unasked": ("GET 0", says_only((SWITCHING + "\r\n").encode()), "no HTTP", None),
    "does not know the version": ("GET 0", says_only(http("400 Bad Request", '{"code":5}')), '{"code":5}', 400),
    "speaks an older Engine.IO": ("GET 0", says_only(http("200 OK", "97:" + GOOD_OPEN)), "no Engine.IO handshake", None),
    "sends what is no text": ("GET 0", says_only(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff"), "no Engine.IO", None),
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
    "answers with what is no text": ("GET 1", says_only(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff"), "transport error", None),
    "answers with an attachment": ("GET 1", says_only(http("200 OK", "bAAAA")), "parse error", None),
    "answers with a close": ("GET 1", says_only(http("200 OK", "6\x1e1")), "transport close", None),
    "answers without end": ("GET 1", floods(b"HTTP/1.1 200 OK\r\n\r\n", b"6\x1e"), "transport error", None),
}  # fmt: skip


@pytest.mark.parametrize(("at", "act", "reason", "status"), POLLS_FAIL.values(), ids=POLLS_FAIL)
def test_polling_that_fails_says_why_and_is_tried_again(
    clients: Make, at: str, act: Act, reason: str, status: int | None
) -> None:
    with hostile(at, act) as server:
        client = clients(server.url, *POLLING, deadline_s=0.5)
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
