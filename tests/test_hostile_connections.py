"""Servers that go wrong on a websocket: the connection ends with its reason, or goes on; the next one is well."""

import struct
from collections.abc import Iterator
from threading import Event

import pytest
from websockets.frames import Frame, Opcode

from tests.endured import Make, enduring
from tests.hostile_acts import (
    LARGEST_KB,
    closes,
    drips,
    ends_well,
    floods,
    leaves,
    resets,
    says,
    says_only,
)
from tests.hostile_server import CONNECTED, HELLO, OPEN, Act, Peer, Request, hostile, text
from tests.played import WITHIN_S


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with enduring() as make:
        yield make


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
    '4399["nobody asked"]',
    '43["nobody asked"]',
    '43%s["nobody asked"]' % ("9" * 300),
    "42/elsewhere," + HELLO[2:],
    "41/elsewhere,",
    '42["hello",{"_placeholder":true,"num":0}]',
    '42["deep",' + "[" * 500 + "]" * 500 + "]",
    '42["half a character and too much","\\ud800",1e999]',
    '42["large",' + "9" * 4000 + "]",
    '42[7,"a number for a name"]',
    *("0", OPEN % ("e", 1, 1), "3", "3probe", "5", "6", "6rubbish"),
]


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
