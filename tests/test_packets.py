"""Socket.IO packets: the swarm's short way gives what python-socketio gives, for any payload, namespace and number."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from socketio.packet import Packet as LibraryPacket

from loadtests.swarm.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    MOST_ATTACHMENTS,
    RESERVED,
    Decoder,
    Packet,
    encoded,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
keys = texts.filter(lambda key: key != "_placeholder")
plain = st.recursive(
    scalars | texts, lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(keys, deeper, max_size=4)
)
attached = st.recursive(
    scalars | texts | st.binary(max_size=20),
    lambda deeper: st.lists(deeper, max_size=2) | st.dictionaries(keys, deeper, max_size=2),
    max_leaves=MOST_ATTACHMENTS,
)
namespaces = st.just("/") | st.text(st.characters(exclude_characters=",?", exclude_categories=["Cs"]), max_size=9).map(
    "/{}".format
)
numbers = st.none() | st.integers(0, 2**53) | st.integers(0, 10**100 - 1)
names = (texts | st.integers(-5, 5)).filter(lambda name: name not in RESERVED)


def packets(payloads: st.SearchStrategy[Any]) -> st.SearchStrategy[Packet]:
    """Events and acks that carry such payloads."""
    events = st.tuples(names, st.lists(payloads, max_size=3)).map(lambda event: [event[0], *event[1]])
    return st.builds(Packet, st.just(EVENT), namespaces, numbers, events) | st.builds(
        Packet, st.just(ACK), namespaces, numbers, st.lists(payloads, max_size=3)
    )


others = st.builds(
    Packet, st.just(CONNECT), namespaces, st.none(), st.none() | st.dictionaries(keys, plain, max_size=3)
)
others |= st.builds(Packet, st.just(DISCONNECT), namespaces, st.none(), st.none())
others |= st.builds(
    Packet, st.just(CONNECT_ERROR), namespaces, st.none(), texts | st.dictionaries(keys, plain, max_size=3)
)
any_packet = packets(plain) | packets(attached) | others


def by_library(parts: list[str | bytes]) -> Packet:
    """As the library reads them."""
    packet = LibraryPacket(encoded_packet=parts[0])
    for attachment in parts[1:]:
        packet.add_attachment(attachment)
    kind = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}.get(packet.packet_type, packet.packet_type)
    return Packet(kind, packet.namespace or "/", packet.id, packet.data)


@given(packet=any_packet)
def test_what_is_sent_the_library_reads_as_it_was(packet: Packet) -> None:
    assert by_library(encoded(packet.kind, packet.namespace, packet.data, packet.number)) == packet


@given(packet=any_packet)
def test_what_the_library_sends_is_read_as_it_was(packet: Packet) -> None:
    sent = LibraryPacket(packet.kind, packet.data, packet.namespace, packet.number).encode()
    *first, last = sent if isinstance(sent, list) else [sent]
    decoder = Decoder()
    assert [decoder.decoded(part) for part in first] == [None] * len(first)
    assert decoder.decoded(last) == packet
    assert Decoder().decoded('2["next"]') == Packet(EVENT, "/", None, ["next"])


pieces_of_packets = st.sampled_from(
    ['["a"]', '["a",{}]', "[", "]", '"', "{", "}", "/", ",", "-", "?", "\\", "b", "7", "٣", "²", " ", "1"]
)


@given(
    message=st.tuples(st.sampled_from("0123456789"), st.lists(pieces_of_packets, max_size=6)).map(
        lambda parts: parts[0] + "".join(parts[1])
    )
)
@example('2["a",1e999]')
@example('2["half \\ud800"]')
@example('3007["a"]')
@example('2["a"]["b"]')
def test_what_is_read_the_library_reads_alike(message: str) -> None:
    try:
        packet = Decoder().decoded(message)
    except ValueError:
        return
    if packet is not None:
        assert packet == by_library([message])


# -- what is refused


@pytest.mark.parametrize(
    "message",
    [
        "", "x", "7", "9[]", "2", "2[]", "2{}", '2"a"', "2[null]", "2[true]", '2["connect"]', '2["disconnect"]',
        '2["a"', '2["a"]]', '2["a",NaN]', '2["a",Infinity]', "3", "3{}", '3"a"', "0[]",
        "0true", '1["a"]', "1{}", "4", "4[]", "41", '5["a"]', '50-["a"]',
        '511-["a"]', '59999999999-["a"]', '599999999999-["a"]', '5-1-["a"]', '51-["a"',
        "2" + "[" * 100_000, "2" + '["a",' + "[" * 100_000, b"", b"x",
    ],
    ids=lambda message: str(message[:20]),
)  # fmt: skip
def test_what_no_browser_would_take_is_refused(message: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"no Socket\.IO packet"):
        Decoder().decoded(message)


PLACEHOLDERS: list[Any] = [1, 0.5, "0", None, True, 2**70, [], {}]


@pytest.mark.parametrize("number", PLACEHOLDERS, ids=str)
def test_an_attachment_that_is_not_there_is_refused(number: Any) -> None:
    decoder = Decoder()
    assert decoder.decoded("51-" + json.dumps(["a", {"_placeholder": True, "num": number}])) is None
    with pytest.raises(ValueError, match=r"no Socket\.IO packet"):
        decoder.decoded(b"x")
