"""A Socket.IO client that behaves as the browser's: it buffers while down, comes back by itself, and says why it ended.

python-socketio gives the packets; its client's reconnect is not used, nor Locust's SocketIOUser: both give up or
swallow failures (docs/decisions.md).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.greenlet import Greenlet
from socketio.packet import Packet

from loadtests.swarm.engine import Closed, ConnectFailed, Engine

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

Acked = Callable[[Any, str | None], None]  # the ack's payload; or None and why there is none


class Refused(ConnectFailed):
    """The server answered CONNECT with CONNECT_ERROR."""


class Listener(Protocol):
    """What a client tells, in the order in which it happens, on the greenlet that reads the connection."""

    def connecting(self, attempt: int) -> None: ...
    def connect_failed(self, reason: str, status: int | None) -> None: ...
    def connected(self, sid: str | None, transport: str) -> None: ...
    def disconnected(self, reason: str, last_frame_ns: int | None) -> None: ...
    def event(self, name: str, payload: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """socket.io-client's: first_s * 2^n, +/- 50 % by the dice, at most longest_s."""

    first_s: float
    longest_s: float
    dice: random.Random

    def delay_s(self, failures: int) -> float:
        spread = self.dice.uniform(0.5, 1.5)
        return float(min(self.first_s * 2 ** min(failures, 30) * spread, self.longest_s))


@dataclass(slots=True)
class _Waiting:
    acked: Acked
    timer: Greenlet


class Client:
    """One party's connection to one server, for as long as it is wanted."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        auth: Callable[[], dict[str, Any]],
        listener: Listener,
        backoff: Backoff,
        connect_deadline_s: float,
    ) -> None:
        self._make_engine = engine
        self._auth = auth
        self._listener = listener
        self._backoff = backoff
        self._connect_deadline_s = connect_deadline_s
        self._engine: Engine | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._unsent: dict[int, str | list[str | bytes]] = {}  # emitted while down, by ack id
        self._early: list[tuple[str, Any]] = []  # events that came before the answer to CONNECT
        self._ids = 0
        self._unwanted = Event()
        self._loop: Greenlet | None = None
        self.connected = False

    def start(self) -> None:
        self._loop = gevent.spawn(self._run)

    def close(self) -> None:
        """Leave for good; returns when the connection is down (bounded by the connect deadline)."""
        self._unwanted.set()
        engine = self._engine
        if engine is not None:
            try:
                engine.write(str(Packet(DISCONNECT).encode()))
            except Closed:
                pass  # it was down already, which is what is wanted
            engine.close()
        if self._loop is not None:
            self._loop.join(timeout=self._connect_deadline_s)

    def emit(self, event: str, payload: Any, acked: Acked, deadline_s: float) -> None:
        """Emit with an acknowledgement. `acked` is called exactly once: at the ack, the deadline, or a disconnect."""
        self._ids += 1
        number = self._ids
        packet = _encoded(Packet(EVENT, data=[event, payload], id=number))
        self._waiting[number] = _Waiting(acked, gevent.spawn_later(deadline_s, self._answer, number, None, "timeout"))
        if self.connected:
            self._write(packet)
        else:
            self._unsent[number] = packet

    def _run(self) -> None:
        failures, attempt = 0, 0
        while not self._unwanted.is_set():
            attempt += 1
            self._listener.connecting(attempt)
            try:
                sid = self._connect()
            except ConnectFailed as failed:
                self._listener.connect_failed(failed.reason, failed.status)
                if isinstance(failed, Refused):
                    return  # as in the browser: final until connect() is called again
            else:
                failures, attempt = 0, 0
                self._up(sid)
                if self._read_to_the_end() == "io server disconnect":
                    return
            self._unwanted.wait(self._backoff.delay_s(failures))
            failures += 1

    def _connect(self) -> str | None:
        engine = self._make_engine()
        try:
            with gevent.Timeout(self._connect_deadline_s, ConnectFailed("timeout")):
                engine.open(self._connect_deadline_s)
                engine.write(str(Packet(CONNECT, data=self._auth()).encode()))
                packet = _decoded(engine)
                while packet.packet_type != CONNECT:
                    if packet.packet_type == CONNECT_ERROR:
                        raise Refused(_message(packet.data))
                    if packet.packet_type == EVENT:
                        self._early.append(_event(packet))
                    packet = _decoded(engine)
        except (Closed, ConnectFailed) as error:
            engine.close()
            self._early.clear()
            raise error if isinstance(error, ConnectFailed) else ConnectFailed(error.reason) from error
        self._engine = engine
        return packet.data.get("sid") if isinstance(packet.data, dict) else None

    def _up(self, sid: str | None) -> None:
        self.connected = True
        early, self._early = self._early, []
        for name, payload in early:
            self._listener.event(name, payload)
        unsent, self._unsent = self._unsent, {}
        for packet in unsent.values():
            self._write(packet)
        self._listener.connected(sid, "websocket")

    def _read_to_the_end(self) -> str:
        assert self._engine is not None
        reason = "io server disconnect"
        try:
            while True:
                packet = _decoded(self._engine)
                if packet.packet_type == DISCONNECT:
                    break
                self._handle(packet)
        except Closed as closed:
            reason = "io client disconnect" if self._unwanted.is_set() else closed.reason
        self._down(reason)
        return reason

    def _down(self, reason: str) -> None:
        assert self._engine is not None
        self.connected = False
        self._engine.close()
        last_frame_ns, self._engine = self._engine.last_frame_ns, None
        self._listener.disconnected(reason, last_frame_ns)
        for number in [number for number in self._waiting if number not in self._unsent]:
            self._answer(number, None, "disconnected")

    def _handle(self, packet: Packet) -> None:
        if packet.packet_type == EVENT:
            self._listener.event(*_event(packet))
        elif packet.packet_type == ACK and packet.id in self._waiting:
            self._answer(packet.id, packet.data[0] if packet.data else None, None)

    def _answer(self, number: int, payload: Any, why: str | None) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return
        if why != "timeout":
            waiting.timer.kill(block=False)
        elif self._unsent.pop(number, None) is not None:
            why = "never connected"
        waiting.acked(payload, why)

    def _write(self, packet: str | list[str | bytes]) -> None:
        assert self._engine is not None
        for part in packet if isinstance(packet, list) else [packet]:
            try:
                self._engine.write(part)
            except Closed:
                return  # the reader sees the same end and answers everything that waits


def _encoded(packet: Packet) -> str | list[str | bytes]:
    encoded: str | list[str | bytes] = packet.encode()
    return encoded


def _decoded(engine: Engine) -> Packet:
    """The next Socket.IO packet, its binary attachments included. Raises Closed."""
    message = engine.read()
    try:
        packet = Packet(encoded_packet=message)
        while packet.attachment_count > len(packet.attachments):
            packet.add_attachment(engine.read())
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise Closed("parse error") from error
    if packet.packet_type in (BINARY_EVENT, BINARY_ACK):
        packet.packet_type -= BINARY_EVENT - EVENT
    if packet.packet_type == EVENT and not (isinstance(packet.data, list) and packet.data):
        raise Closed("parse error")
    return packet


def _event(packet: Packet) -> tuple[str, Any]:
    name, *arguments = packet.data
    return name, arguments[0] if arguments else None


def _message(data: Any) -> str:
    return str(data.get("message", data)) if isinstance(data, dict) else str(data)
