"""A Socket.IO client that behaves as the browser's: it buffers while down, comes back by itself, and says why it ended.

python-socketio gives the packets; its client's reconnect is not used, nor Locust's SocketIOUser: both give up or
swallow failures (docs/decisions.md). What is told here is told in the event loop and must not block.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import gevent

from loadtests.swarm.backoff import Backoff
from loadtests.swarm.dial import LONGEST_REASON, ConnectFailed, Dial
from loadtests.swarm.engine import Engine
from loadtests.swarm.loop import Timer
from loadtests.swarm.packets import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, Decoder, encoded
from loadtests.swarm.wire import Wire

# A browser's client waits for the answer to CONNECT as long as the connection lasts, and Node's server lets it last so
# long. To give up sooner would be a second attempt at a server that is only slow.
ANSWERED_WITHIN_S = 45.0

Acked = Callable[[tuple[Any, ...], str | None], None]  # the ack's arguments; or none and why there are none


class Listener(Protocol):
    """What a client tells of itself, in the order in which it happens.

    An event's last argument is a function where the server wants an ack; its `size` is in characters of JSON.
    """

    def connecting(self, attempt: int) -> None: ...
    def connect_failed(self, reason: str, status: int | None) -> None: ...
    def connected(self, sid: str | None, transport: str, recovered: bool) -> None: ...
    def upgraded(self, transport: str) -> None: ...
    def disconnected(self, reason: str, last_frame_ns: int | None) -> None: ...
    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None: ...


@dataclass(slots=True)
class _Waiting:
    acked: Acked
    until_s: float  # time.monotonic()
    takes_s: float | None  # None where the server acks
    overdue: str | None = "timeout"  # what is then told


class Client:
    """One party's connection to one namespace of one server, for as long as it is wanted."""

    def __init__(
        self,
        wire: Wire,
        dial: Dial,
        auth: Callable[[], dict[str, Any]],
        listener: Listener,
        backoff: Backoff,
        connect_deadline_s: float,
        namespace: str = "/",
    ) -> None:
        self._wire = wire
        self._dial = dial
        self._auth = auth
        self._listener = listener
        self._backoff = backoff
        self._connect_deadline_s = connect_deadline_s
        self._namespace = namespace
        self._engine: Engine | None = None
        self._timer: Timer | None = None  # of the attempt under way, or until the next one
        self._waiting: dict[int, _Waiting] = {}
        self._expiry: Timer | None = None  # one for all that waits: one for each costs a tenth more a delivery
        self._expires_s = math.inf
        self._unsent: list[tuple[int | None, list[str | bytes]]] = []  # emitted while down, by the number of its ack
        self._early: list[tuple[tuple[Any, ...], int]] = []  # events that came before the answer to CONNECT
        self._decoder = Decoder()
        self._numbers = 0
        self._attempt, self._failures, self._delays = 0, 0, 0
        self._recovery: dict[str, str] = {}  # pid and offset of connection state recovery
        self.tap: Callable[[str, str | bytes], None] | None = None  # told of every packet, `in` or `out`
        self.wanted = False
        self.connected = False

    # -- what a party asks for

    def connect(self) -> None:
        """Begin; come back until disconnect(), CONNECT_ERROR or the server's DISCONNECT; then it may be repeated."""
        if not self.wanted:
            self.wanted = True
            self._attempt, self._failures = 0, 0
            gevent.spawn(self._try)

    def disconnect(self) -> None:
        """Leave for good."""
        if self.connected:
            self._write(encoded(DISCONNECT, self._namespace, None))
        self._stop("io client disconnect")

    @property
    def silence_s(self) -> float:
        """For how long this connection's server may send nothing; 0 without one."""
        return self._engine.silence_s if self._engine else 0.0

    def emit(
        self,
        event: str,
        *arguments: Any,
        acked: Acked | None = None,
        deadline_s: float | None = None,
        takes_s: float | None = None,
    ) -> None:
        """Emit now, or with the next connection. `acked` is called exactly once: at the ack, the deadline, or the end
        of the connection that it went with. With `takes_s` no ack is asked for, and so long after it was written on a
        connection that still lasts counts as one."""
        number = self._numbers if acked is not None else None
        parts = encoded(EVENT, self._namespace, [event, *arguments], number if takes_s is None else None)
        if acked is not None:
            until_s = math.inf if deadline_s is None else time.monotonic() + deadline_s
            self._waiting[self._numbers] = _Waiting(acked, until_s, takes_s)
            self._numbers += 1
            if until_s < self._expires_s:
                self._expire_at(until_s)
        if self.connected and self._engine is not None and not self._engine.is_expired():
            self._written(number, parts)
        else:
            self._unsent.append((number, parts))

    # -- connecting

    def _try(self) -> None:
        """One attempt. It waits for the connection, so it is a greenlet of its own; the rest happens in the loop."""
        if not self.wanted:
            return
        self._attempt += 1
        self._listener.connecting(self._attempt)
        engine = self._engine = Engine(self._wire, self._dial, self._message)
        self._set_timer(self._connect_deadline_s, self._failed, engine, "timeout", None)
        try:
            engine.open(self._connect_deadline_s, partial(self._closed, engine), self._listener.upgraded)
        except ConnectFailed as failed:
            self._failed(engine, failed.reason, failed.status)
        else:
            self._ask(engine)

    def _ask(self, engine: Engine) -> None:
        """CONNECT, on an engine that has just been opened."""
        if engine is not self._engine:
            engine.close()  # nobody wants it any more
            return
        self._failures = 0
        self._set_timer(ANSWERED_WITHIN_S, self._failed, engine, "timeout", None)
        self._write(encoded(CONNECT, self._namespace, {**self._recovery, **self._auth()}))

    def _failed(self, engine: Engine, reason: str, status: int | None) -> None:
        if engine is self._engine and not self.connected:
            self._let_go()
            self._listener.connect_failed(reason, status)
            self._again()

    def _again(self) -> None:
        if self.wanted:
            delay_s = self._backoff.delay_s(self._failures, self._delays)
            self._set_timer(delay_s, lambda: gevent.spawn(self._try))
            self._failures += 1
            self._delays += 1

    def _accepted(self, answer: dict[str, Any]) -> None:
        """The answer to CONNECT. First what came early, then what waited, then the news: as in the browser."""
        engine = self._engine
        assert engine is not None
        sid, pid = answer.get("sid"), answer.get("pid")
        if not isinstance(sid, str):
            self._failed(engine, "no sid in the answer to CONNECT; an older Socket.IO?", None)
            return
        recovered = pid is not None and pid == self._recovery.get("pid")
        self._recovery = {**self._recovery, "pid": pid} if pid else {}
        self._set_timer(None)
        self._attempt = 0
        self.connected = True
        early, self._early = self._early, []
        for arguments, size in early:
            self._event(arguments, size)
        unsent, self._unsent = self._unsent, []
        for number, parts in unsent:
            self._written(number, parts)
        self._listener.connected(sid, engine.transport, recovered)

    # -- the end of a connection

    def _closed(self, engine: Engine, reason: str) -> None:
        """The engine has ended by itself."""
        if not self.connected:
            self._failed(engine, reason, None)
        elif engine is self._engine:
            self._down(reason)
            self._again()

    def _stop(self, reason: str) -> None:
        """End it from here, and do not come back."""
        self.wanted = False
        if self.connected:
            self._down(reason)
        else:
            self._let_go()

    def _down(self, reason: str) -> None:
        assert self._engine is not None
        last_frame_ns = self._engine.last_frame_ns
        self.connected = False
        self._let_go()
        self._listener.disconnected(reason, last_frame_ns)
        unsent = {number for number, _ in self._unsent}
        for number in [number for number in self._waiting if number not in unsent]:
            self._answer(number, (), "disconnected")

    def _let_go(self) -> None:
        engine, self._engine = self._engine, None
        self._set_timer(None)
        self._early.clear()
        self._decoder = Decoder()
        if engine is not None:
            engine.close()

    def _set_timer(self, after_s: float | None, act: Callable[..., object] | None = None, *about: Any) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if after_s is not None and act is not None:
            self._timer = self._wire.loop.timer(after_s, act, *about)

    # -- what comes

    def _message(self, message: str | bytes) -> None:
        if self.tap is not None:
            self.tap("in", message)
        try:
            packet = self._decoder.decoded(message)
        except ValueError:
            self._parse_error()
            return
        if packet is None:
            return
        kind, namespace, number, data = packet
        if namespace != self._namespace:
            return
        if kind == EVENT:
            arguments = tuple(data) if number is None else (*data, partial(self._ack, number))
            if self.connected:
                self._event(arguments, len(message))
            else:
                self._early.append((arguments, len(message)))
        elif kind == ACK:
            self._answer(number, tuple(data), None)
        elif kind == CONNECT:
            self._accepted(data or {})
        elif kind == CONNECT_ERROR:
            self._refused(data)
        elif self.connected:
            self._stop("io server disconnect")
        else:
            self._refused("io server disconnect")

    def _event(self, arguments: tuple[Any, ...], size: int) -> None:
        self._listener.event(str(arguments[0]), arguments[1:], size)
        if self._recovery and isinstance(arguments[-1], str):
            self._recovery["offset"] = arguments[-1]

    def _refused(self, data: Any) -> None:
        """CONNECT_ERROR, or DISCONNECT for an answer: as in the browser final, until connect() is called again."""
        self._stop("io server disconnect")
        reason = data.get("message") if isinstance(data, dict) else data
        self._listener.connect_failed(str(reason or "refused")[:LONGEST_REASON], None)

    def _parse_error(self) -> None:
        engine = self._engine
        if engine is not None:
            engine.close()
            self._closed(engine, "parse error")

    def _answer(self, number: int | None, arguments: tuple[Any, ...], why: str | None) -> None:
        waiting = self._waiting.pop(number, None) if number is not None else None
        if waiting is None:
            return
        if why == "timeout" and any(number == unsent for unsent, _ in self._unsent):
            self._unsent = [unsent for unsent in self._unsent if unsent[0] != number]
            why = "never connected"
        waiting.acked(arguments, why)

    def _expire_at(self, until_s: float) -> None:
        if self._expiry is not None:
            self._expiry.stop()
        self._expires_s = until_s
        self._expiry = self._wire.loop.timer(until_s - time.monotonic(), self._expire)

    def _expire(self) -> None:
        self._expires_s, now_s = math.inf, time.monotonic()
        try:
            for number, waiting in list(self._waiting.items()):
                if waiting.until_s <= now_s:
                    self._answer(number, (), waiting.overdue)
        finally:
            next_s = min((waiting.until_s for waiting in self._waiting.values()), default=math.inf)
            if next_s < self._expires_s:
                self._expire_at(next_s)

    # -- what goes

    def _written(self, number: int | None, parts: list[str | bytes]) -> None:
        waiting = self._waiting.get(number) if number is not None else None
        if waiting is not None and waiting.takes_s is not None:
            waiting.overdue, waiting.until_s = None, time.monotonic() + waiting.takes_s
            self._expire_at(min(waiting.until_s, self._expires_s))
        self._write(parts)

    def _ack(self, number: int, *arguments: Any) -> None:
        if self.connected:
            self._write(encoded(ACK, self._namespace, list(arguments), number))

    def _write(self, parts: list[str | bytes]) -> None:
        if self._engine is not None:
            for part in parts:
                if self.tap is not None:
                    self.tap("out", part)
                self._engine.send(part)
