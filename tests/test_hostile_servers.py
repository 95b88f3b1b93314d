"""Servers that do not behave while a websocket is made: the attempt ends with its reason, and the next one is well."""

import struct
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
    resets,
    says,
    says_only,
    switches_with,
)
from tests.hostile_server import HELLO, OPEN, Act, hostile, text
from tests.played import WITHIN_S


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with enduring() as make:
        yield make


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
        client = clients(server.url, deadline_s=0.5 if reason in ("timeout", "") else WITHIN_S)
        failed = client.outcome()
        assert failed["heard"] == "connect_failed", failed
        assert reason in failed["reason"]
        assert failed["reason"].strip()
        assert failed["status"] == status
        ends_well(client)
    assert client.hear("gone")["largest_kb"] < LARGEST_KB
