"""Socket.IO packets, by python-socketio, with a short way for what a chat is made of: text, no attachments.

The short way costs a third of the library's CPU and gives the same packets (tests). What no JavaScript client would
take is refused as it refuses it.
"""

import json
from typing import Any, NamedTuple

import orjson
from socketio.packet import Packet as _Library

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)
SHORT = {"2": EVENT, "3": ACK}
MOST_ATTACHMENTS = 10  # that socket.io-parser takes
RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting"})  # socket.io-parser's


class Packet(NamedTuple):
    """One packet, put together. `kind` is never a BINARY_ one; `number` is an ack's."""

    kind: int
    namespace: str
    number: int | None
    data: Any


class _Json:
    """orjson where it can, the standard library where JSON.parse takes what orjson does not."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return json.loads(text, parse_constant=_no_json)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


class _LibraryPacket(_Library):  # type: ignore[misc]
    json = _Json  # for this class only; the library's own option is for the whole process


def encoded(kind: int, namespace: str, data: Any, number: int | None = None) -> list[str | bytes]:
    """The Engine.IO messages of one packet: one, and one for each binary attachment. Raises TypeError."""
    head = f"{kind}{'' if namespace == '/' else namespace + ','}{'' if number is None else number}"
    if data is None:
        return [head]
    try:
        return [head + orjson.dumps(data).decode()]
    except TypeError:  # bytes in it
        parts: str | list[str | bytes] = _LibraryPacket(kind, data=data, namespace=namespace, id=number).encode()
        return parts if isinstance(parts, list) else [parts]


class Decoder:
    """Puts one connection's packets together from its messages."""

    def __init__(self) -> None:
        self._partial: Any = None  # a library packet that waits for its attachments

    def decoded(self, message: str | bytes) -> Packet | None:
        """The packet that is complete with this message. Raises ValueError for what is none."""
        try:
            packet = self._short(message) or self._by_library(message)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"no Socket.IO packet: {error}") from error
        if packet is not None and not _is_valid(packet):
            raise ValueError("no Socket.IO packet: invalid payload")
        return packet

    def _short(self, message: str | bytes) -> Packet | None:
        """Events and acks without attachments in the root namespace; None for everything else."""
        if self._partial is not None or isinstance(message, bytes):
            return None
        start = message.find("[")
        kind, number = SHORT.get(message[:1]), message[1:start]
        if start < 1 or kind is None or (number and not (number.isascii() and number.isdigit())):
            return None
        try:
            return Packet(kind, "/", int(number) if number else None, orjson.loads(message[start:]))
        except orjson.JSONDecodeError:
            return None  # the long way takes some that orjson does not

    def _by_library(self, message: str | bytes) -> Packet | None:
        if self._partial is None:
            if isinstance(message, bytes):
                raise ValueError("an attachment without its packet")
            packet = _LibraryPacket(encoded_packet=message)
            if packet.packet_type in (BINARY_EVENT, BINARY_ACK):
                if not 1 <= packet.attachment_count <= MOST_ATTACHMENTS:
                    raise ValueError(f"{packet.attachment_count} attachments")
                self._partial = packet
                return None
        else:
            if isinstance(message, str):
                raise ValueError("text among attachments")
            packet = self._partial
            if not packet.add_attachment(message):
                return None
            self._partial = None
        whole = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}
        return Packet(
            whole.get(packet.packet_type, int(packet.packet_type)), packet.namespace or "/", packet.id, packet.data
        )


def _is_valid(packet: Packet) -> bool:
    """socket.io-parser's isPayloadValid."""
    data = packet.data
    if packet.kind == EVENT:
        if not isinstance(data, list) or not data:
            return False
        name = data[0]
        return name not in RESERVED if isinstance(name, str) else type(name) in (int, float)
    if packet.kind == ACK:
        return isinstance(data, list)
    if packet.kind == CONNECT:
        return data is None or isinstance(data, dict)
    if packet.kind == DISCONNECT:
        return data is None
    return packet.kind == CONNECT_ERROR and isinstance(data, str | dict)
