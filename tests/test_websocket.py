"""The swarm's websockets, byte by byte: whole however they are cut, and what is wrong ends with its close code."""

import struct
from collections.abc import Iterator
from socket import SHUT_WR

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.websocket_by_hand import Server, serving

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = Opcode
SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 2**20)  # each way to say a length, and what lies beside

many = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
pieces = st.lists(st.integers(1, 1000), max_size=20)  # bytes each, and then as they come


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """As a server sends it."""
    return Frame(opcode, data, fin).serialize(mask=False)


# -- messages


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_goes_both_ways(server: Server, size: int) -> None:
    text, binary = "é" * (size // 2) + "x" * (size % 2), bytes(range(256)) * (size // 256) + bytes(size % 256)
    with server.opened() as connection:
        connection.say(frame(TEXT, text.encode()) + frame(BINARY, binary))
        assert connection.packets(2) == [text, binary]
        for packet, opcode in ((text, TEXT), (binary, BINARY)):
            connection.send(packet)
            assert connection.hear() == Frame(opcode, packet.encode() if isinstance(packet, str) else packet)


@st.composite
def talks(draw: st.DrawFn) -> list[Frame]:
    """Messages, some in fragments, with pings and pongs anywhere."""
    frames = []
    for _ in range(draw(st.integers(1, 3))):
        message = draw(st.text(max_size=40) | st.binary(max_size=300) | st.sampled_from(SIZES[:-1]).map(bytes))
        opcode, data = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True)):
            controls = st.builds(Frame, st.sampled_from([PING, PONG]), st.binary(max_size=125))
            frames += draw(st.lists(controls, max_size=2))
            frames.append(Frame(CONTINUATION if number else opcode, data[start:end], number == len(cuts)))
    return frames


def messages(frames: list[Frame]) -> list[str | bytes]:
    """That those frames carry."""
    whole: list[str | bytes] = []
    for each in frames:
        if each.opcode in (TEXT, BINARY):
            opcode, data = each.opcode, b""
        if each.opcode in (TEXT, BINARY, CONTINUATION):
            data += each.data
            if each.fin:
                whole.append(data.decode() if opcode is TEXT else data)
    return whole


@many
@given(frames=talks(), sizes=pieces)
def test_fragments_are_put_together_and_pings_between_them_answered(
    server: Server, frames: list[Frame], sizes: list[int]
) -> None:
    with server.opened(sizes) as connection:
        connection.say(b"".join(each.serialize(mask=False) for each in frames))
        assert connection.packets(len(messages(frames))) == messages(frames)
        for ping in (each for each in frames if each.opcode is PING):
            assert connection.hear() == Frame(PONG, ping.data)


A_TALK = [
    Frame(TEXT, "né".encode()[:2], fin=False),  # in the middle of a character
    Frame(PING, b"are you there?"),
    Frame(CONTINUATION, b"", fin=False),
    Frame(CONTINUATION, "né".encode()[2:]),
    Frame(BINARY, bytes(126)),
    Frame(TEXT, b""),
]
SAID = b"".join(each.serialize(mask=False) for each in A_TALK)


def test_frames_may_be_cut_at_any_byte(server: Server) -> None:
    for sizes in (*([first] for first in range(1, len(SAID))), [1] * len(SAID)):
        with server.opened(sizes) as connection:
            connection.say(SAID)
            assert connection.packets(3) == ["né", bytes(126), ""]
            assert connection.hear() == Frame(PONG, b"are you there?")


def test_the_handshake_may_be_cut_at_any_byte(server: Server) -> None:
    at_once = frame(TEXT, b"at once")
    with server.dialled() as connection:
        length = len(connection.answer())
    for sizes in (*([first] for first in range(1, length + len(at_once))), [1] * length):
        with server.dialled(sizes) as connection:
            connection.say(connection.answer() + at_once)
            told = [connection.tell_me("opened", "text") for _ in range(2)]
            assert {line["told"] for line in told} == {"opened", "text"}


# -- what is wrong


def head(first: int, second: int, rest: bytes = b"") -> bytes:
    """The bytes of a frame that no library would send."""
    return bytes([first, second]) + rest


WRONG: dict[str, tuple[bytes, int]] = {
    "a reserved bit": (head(0xC1, 1, b"x"), 1002),
    "another reserved bit": (head(0xA1, 1, b"x"), 1002),
    "the last reserved bit": (head(0x91, 1, b"x"), 1002),
    "an unknown opcode": (head(0x83, 1, b"x"), 1002),
    "an unknown control opcode": (head(0x8B, 1, b"x"), 1002),
    "a mask, which is the client's": (head(0x81, 0x81, b"mask" + b"x"), 1002),
    "a ping in fragments": (head(0x09, 1, b"x"), 1002),
    "a close in fragments": (head(0x08, 2, b"\x03\xe8"), 1002),
    "a ping that is too long": (head(0x89, 126, struct.pack("!H", 126) + bytes(126)), 1002),
    "a continuation of nothing": (head(0x80, 1, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"half", fin=False) + frame(TEXT, b"another"), 1002),
    "an end within a message": (frame(TEXT, b"half", fin=False) + frame(CLOSE, b"\x03\xe8"), 1002),
    "half a close code": (head(0x88, 1, b"\x03"), 1002),
    "a close code that must not be sent": (frame(CLOSE, struct.pack("!H", 1006)), 1002),
    "a close code that nobody knows": (frame(CLOSE, struct.pack("!H", 999)), 1002),
    "a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text that is not UTF-8": (frame(TEXT, b"\xc3\x28"), 1007),
    "text that ends in half a character": (frame(TEXT, "é".encode()[:1]), 1007),
    "text with half a surrogate pair": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "fragments that are not UTF-8": (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"\x28"), 1007),
    "100 MB announced": (head(0x82, 127, struct.pack("!Q", 100 * 10**6)), 1009),
    "more than there can be": (head(0x82, 127, struct.pack("!Q", 2**64 - 1)), 1009),
    "100 MB in fragments": (
        frame(BINARY, b"x", fin=False) + head(0x80, 127, struct.pack("!Q", 100 * 10**6)),
        1009,
    ),
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_ends_with_its_close_code_however_it_is_cut(server: Server, wrong: bytes, code: int) -> None:
    """What came before it has arrived; what comes after it counts for nothing."""
    before, after = frame(TEXT, b"before"), frame(TEXT, b"after")
    for cut in (*range(len(wrong)), None):
        sizes = [1] * len(wrong) if cut is None else [len(before) + cut]
        with server.opened(sizes) as connection:
            connection.say(before + wrong + after)
            assert connection.packets(1) == ["before"]
            assert connection.tell_me("ended")["reason"] == "transport error"
            assert connection.close_code() == code


def test_a_client_that_has_had_enough_lets_the_server_finish_and_is_no_larger_for_it(server: Server) -> None:
    with server.opened() as connection:
        connection.say(head(0x82, 127, struct.pack("!Q", 100 * 10**6)))
        for _ in range(100):
            connection.say(bytes(10**6))
        assert connection.tell_me("ended")["reason"] == "transport error"
        assert connection.close_code() == 1009


# -- ends


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 1013, 3000, 4999])
def test_a_close_frame_is_answered_with_its_code(server: Server, code: int | None) -> None:
    with server.opened() as connection:
        connection.say(frame(CLOSE, b"" if code is None else struct.pack("!H", code) + "müde".encode()))
        assert connection.close_code() == (code or 1005)
        connection.sock.close()
        assert connection.tell_me("ended")["reason"] == "transport close"


def test_who_leaves_says_so_and_waits_for_the_server(server: Server) -> None:
    with server.opened() as connection:
        connection.order({"do": "send", "text": "x" * 10**7})
        connection.order({"do": "close"})
        assert len(connection.hear().data) == 10**7
        assert connection.close_code() == 1005
        connection.say(frame(TEXT, b"too late") + frame(CLOSE, b""))
        connection.sock.shutdown(SHUT_WR)
        assert connection.sock.recv(1) == b""
        connection.is_over = True  # nobody listens to the rest


def test_a_handshake_that_ends_at_any_byte_has_failed(server: Server) -> None:
    with server.dialled() as connection:
        length = len(connection.answer())
    for said in range(length):
        with server.dialled() as connection:
            connection.say(connection.answer()[:said])
            connection.sock.shutdown(SHUT_WR)
            failed = connection.tell_me("failed")
            assert failed["reason"].startswith("did not receive a valid HTTP response: connection closed while reading")


def rubbish() -> st.SearchStrategy[bytes]:
    """Heads of frames of any kind, and what may follow them."""
    small = st.builds(lambda first, data: head(first, len(data), data), st.integers(0, 255), st.binary(max_size=125))
    other = st.builds(head, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=20))
    return st.lists(small | other | st.binary(max_size=50), max_size=8).map(b"".join)


@many
@given(said=rubbish(), sizes=pieces)
def test_whatever_a_server_says_the_end_is_told(server: Server, said: bytes, sizes: list[int]) -> None:
    with server.opened(sizes) as connection:
        connection.say(said)
        connection.sock.shutdown(SHUT_WR)
        while not connection.is_over:
            connection.tell_me("text", "binary", "ended")


@many
@given(said=st.binary(max_size=200), sizes=pieces)
def test_whatever_a_server_says_for_a_handshake_the_end_is_told(server: Server, said: bytes, sizes: list[int]) -> None:
    with server.dialled(sizes) as connection:
        answer = connection.answer()
        connection.say(answer[: len(said)] + said if said[:1] < b"\x80" else said)
        connection.sock.shutdown(SHUT_WR)
        assert connection.tell_me("failed")["reason"]
