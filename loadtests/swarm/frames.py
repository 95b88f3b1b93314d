"""WebSocket frames (RFC 6455), a client's side: what is to be sent, and what messages have arrived.

A parser of our own, since with the library's a message cost 8 us more and a connection 3.6 kB (docs/decisions.md, 2).
"""

import struct
from collections.abc import Callable
from random import getrandbits

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which the library is not compiled
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KINDS = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
FIN, KIND = 0x80, 0x7F  # of the first byte; reserved bits count as part of a kind that nobody knows
MASKED = 0x80  # of the second
LONG, LONGER = 126, 127  # lengths that say that the length follows, in 2 bytes or in 8
LONGEST_CONTROL = 125  # bytes
PROTOCOL_ERROR, INVALID_DATA, TOO_LARGE = 1002, 1007, 1009
SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class WrongFrame(Exception):
    """The other end broke the protocol; `code` is what to close with."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def frame(kind: int, data: bytes) -> bytes:
    """To send: whole and masked."""
    size, mask = len(data), getrandbits(32).to_bytes(4)  # to guard proxies against pages; here are none
    if size < LONG:
        head = bytes((FIN | kind, MASKED | size))
    elif size < 2**16:
        head = struct.pack("!BBH", FIN | kind, MASKED | LONG, size)
    else:
        head = struct.pack("!BBQ", FIN | kind, MASKED | LONGER, size)
    return head + mask + apply_mask(data, mask)


class Reader:
    """Puts messages together, however they are cut; a close frame is the last that it reads."""

    __slots__ = ("_arrived", "_held", "_kind", "_longest", "_needed", "_parts")

    def __init__(self, longest: int, arrived: Callable[[int, str | bytes], None]) -> None:
        """`arrived` gets TEXT, BINARY, PING, PONG or CLOSE and its data. More than `longest` bytes are wrong."""
        self._arrived = arrived
        self._longest = longest
        self._held: bytes | bytearray = b""  # the beginning of a frame ...
        self._needed = 0  # ... which has so many bytes at least
        self._kind = CONTINUATION  # of the message whose fragments come; CLOSE: all is over
        self._parts: bytes | bytearray = b""

    def read(self, data: bytes) -> None:
        """Raises WrongFrame; what came before it has been told."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return
            data, self._held = bytes(self._held), b""
        at, size = 0, len(data)
        while (needed := 2) <= size - at and self._kind != CLOSE:
            first, length, start = data[at], data[at + 1], at + 2
            if length >= LONG:
                if length & MASKED:
                    raise WrongFrame(PROTOCOL_ERROR, "a server does not mask")
                start += 2 if length == LONG else 8
                if start > size:
                    needed = start - at
                    break
                length = int.from_bytes(data[at + 2 : start])
            is_plain = first == FIN | TEXT and not self._kind and length <= self._longest  # as nearly all are
            if not is_plain:
                self._check(first, length)
            needed = start - at + length
            if needed > size - at:
                break
            at += needed
            if is_plain:
                self._arrived(TEXT, _text(data[start:at]))
            else:
                self._take(first & FIN, first & KIND, data[start:at])
        if at < size:
            self._held, self._needed = bytearray(data[at:]), needed

    def _check(self, first: int, length: int) -> None:
        """Of a frame's head, before its data has come."""
        kind = first & KIND
        if kind not in KINDS:
            raise WrongFrame(PROTOCOL_ERROR, "a kind of frame that nobody knows")
        if kind >= CLOSE:
            if length > LONGEST_CONTROL or not first & FIN:
                raise WrongFrame(PROTOCOL_ERROR, "a control frame too long or in fragments")
            if kind == CLOSE and self._kind:
                raise WrongFrame(PROTOCOL_ERROR, "an end within a message")
        elif (kind == CONTINUATION) != bool(self._kind):
            raise WrongFrame(PROTOCOL_ERROR, "a fragment of nothing, or a message within another")
        elif len(self._parts) + length > self._longest:
            raise WrongFrame(TOO_LARGE, f"more than {self._longest} bytes")

    def _take(self, fin: int, kind: int, data: bytes) -> None:
        if kind >= CLOSE:
            if kind == CLOSE:
                _check_close(data)
                self._kind = CLOSE
            self._arrived(kind, data)
        elif fin and kind:
            self._arrived(kind, _text(data) if kind == TEXT else data)
        else:
            self._add(fin, kind, data)

    def _add(self, fin: int, kind: int, data: bytes) -> None:
        if kind:
            self._kind, self._parts = kind, bytearray()
        self._parts += data
        if fin:
            kind, whole = self._kind, bytes(self._parts)
            self._kind, self._parts = CONTINUATION, b""
            self._arrived(kind, _text(whole) if kind == TEXT else whole)


def _check_close(data: bytes) -> None:
    if data:
        if len(data) < 2 or int.from_bytes(data[:2]) not in SENDABLE:
            raise WrongFrame(PROTOCOL_ERROR, "a close code that must not be sent")
        _text(data[2:])


def _text(data: bytes) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise WrongFrame(INVALID_DATA, "not UTF-8") from None
