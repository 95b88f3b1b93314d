"""Engine.IO 4: handshake, heartbeat, upgrade, and why a connection ended, in the words of the JavaScript client."""

import math
import ssl
import time
from collections.abc import Callable
from typing import Any

import gevent
import orjson
from gevent.event import Event

from loadtests.swarm.dial import ConnectFailed, Dial
from loadtests.swarm.loop import Timer
from loadtests.swarm.polling import Polling
from loadtests.swarm.websocket import WebSocket
from loadtests.swarm.wire import Wire

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0", "1", "2", "3", "4", "5", "6"
SILENT = (OPEN, PONG, UPGRADE, NOOP)  # nothing follows from them
PROBE = "probe"
NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")  # OpenSSL's words, by its age


class Engine:
    """One connection; `send` and `message` carry the text or bytes of Engine.IO messages."""

    def __init__(self, wire: Wire, dial: Dial, message: Callable[[str | bytes], None]) -> None:
        self._wire = wire
        self._dial = dial
        self._message = message
        self._closed: Callable[[str], None] | None = None
        self._transport: WebSocket | Polling | None = None
        self._handshake: dict[str, Any] | None = None  # what the server said; empty once it was heeded
        self._opened = Event()
        self._ended = ""
        self._held: list[str | bytes] | None = None  # what is sent while polling gives way to the websocket
        self._silence: Timer | None = None  # the heartbeat's; set by the handshake
        self._dead_at_s = 0.0  # time.monotonic()
        self.last_frame_ns: int | None = None

    @property
    def transport(self) -> str:
        return self._transport.name if self._transport is not None else ""

    def open(self, deadline_s: float, closed: Callable[[str], None], upgraded: Callable[[str], None]) -> None:
        """Connect, which waits. From then on `closed` is told once why it ended, but not after close().

        Raises ConnectFailed, at the deadline too.
        """
        try:
            with gevent.Timeout(deadline_s, ConnectFailed("timeout")):
                if self._dial.transports[0] == "polling":
                    self._open_polling(deadline_s)
                else:
                    self._transport = WebSocket(self._wire.connect(deadline_s), self._dial, {}, self)
                    self._opened.wait()
                if self._handshake is None or self._ended:  # both may have come at once
                    raise ConnectFailed(self._ended or "no Engine.IO handshake")
        except ConnectFailed:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise ConnectFailed(_words(error)) from error
        self._closed = closed
        handshake, self._handshake = self._handshake, {}
        upgrades = handshake.get("upgrades")
        if "websocket" in self._dial.transports[1:] and isinstance(upgrades, list) and "websocket" in upgrades:
            gevent.spawn(self._upgrade, str(handshake.get("sid")), deadline_s, upgraded)

    def send(self, message: str | bytes, kind: str = MESSAGE) -> None:
        packet = message if isinstance(message, bytes) else kind + message
        if self._held is not None:
            self._held.append(packet)
        elif self._transport is not None:
            self._transport.send([packet])

    def is_expired(self) -> bool:
        """Whether it is dead, though the timer has had no time to say so: the tab was frozen."""
        return time.monotonic() > self._dead_at_s

    def close(self) -> None:
        """End it from this side; a second call does nothing."""
        self._closed = None
        if self._silence is not None:
            self._silence.stop()
        if self._transport is not None:
            self._transport.close()

    # -- what a transport tells

    def arrived(self, packet: str | bytes) -> None:
        self.last_frame_ns = time.monotonic_ns()
        if self._handshake is None:
            self._shake_hands(packet)
        elif isinstance(packet, bytes):
            self._message(packet)
        elif packet.startswith(MESSAGE):
            self._message(packet[1:])
        elif packet.startswith(PING):
            self.send(packet[1:], PONG)
            self._expect_ping()
        elif packet.startswith(CLOSE):
            self.ended("transport close")
        elif packet[:1] not in SILENT:
            self.ended("transport error")

    def ended(self, reason: str) -> None:
        """The transport is at its end."""
        self._ended = self._ended or reason
        self._opened.set()
        closed = self._closed
        if closed is not None:
            self.close()
            closed(reason)

    # -- the handshake and the heartbeat

    def _open_polling(self, deadline_s: float) -> None:
        polling = self._transport = Polling(self._wire, self._dial, deadline_s, self)
        for packet in polling.greeting:
            self.arrived(packet)
        if self._handshake is not None:
            longest = self._handshake.get("maxPayload")
            polling.start(str(self._handshake.get("sid")), longest if isinstance(longest, int) else 0)

    def _shake_hands(self, packet: str | bytes) -> None:
        try:
            if isinstance(packet, bytes) or not packet.startswith(OPEN):
                raise ValueError(f"the first packet is not OPEN but {packet[:40]!r}")
            handshake = orjson.loads(packet[1:])
            self.silence_s = (handshake["pingInterval"] + handshake["pingTimeout"]) / 1000
            if not 0 < self.silence_s < math.inf:
                raise ValueError("pingInterval and pingTimeout make no heartbeat")
            self._handshake = handshake
            self._expect_ping()
        except ValueError as error:
            self._ended = f"no Engine.IO handshake: {error}"
        except (KeyError, TypeError):
            self._ended = "no Engine.IO handshake: OPEN has no pingInterval and pingTimeout"
        self._opened.set()

    def _expect_ping(self) -> None:
        """Silence for longer than pingInterval + pingTimeout is a dead link (engine.io-client's ping timeout)."""
        self._dead_at_s = time.monotonic() + self.silence_s
        if self._silence is not None:
            self._silence.stop()
        self._silence = self._wire.loop.timer(self.silence_s, self.ended, "ping timeout")

    # -- the upgrade

    def _upgrade(self, sid: str, deadline_s: float, upgraded: Callable[[str], None]) -> None:
        """Probe a websocket beside the polling; on it goes when the probe is answered, else polling goes on."""
        polling, probe = self._transport, _Probe()
        assert isinstance(polling, Polling)
        websocket = None
        try:
            with gevent.Timeout(deadline_s, ConnectFailed("timeout")):
                websocket = WebSocket(self._wire.connect(deadline_s), self._dial, {"sid": sid}, probe)
                websocket.send([PING + PROBE])
                probe.answered.wait()
                if probe.packet != PONG + PROBE:
                    raise ConnectFailed("the probe was not answered")
                self._held = []
                polling.pause()
        except (ConnectFailed, OSError):
            held, self._held = self._held, None
            polling.send(held or [])
            polling.resume()
            if websocket is not None:
                websocket.close()
        else:
            self._switch(websocket, probe, upgraded)

    def _switch(self, websocket: WebSocket, probe: "_Probe", upgraded: Callable[[str], None]) -> None:
        held, self._held = self._held, None
        if self._closed is None:
            websocket.close()
        elif probe.is_over:
            self.ended("transport close")
        else:
            websocket.carrier = self
            self._transport = websocket
            websocket.send([UPGRADE, *(held or [])])
            upgraded(websocket.name)


class _Probe:
    """What a websocket tells before it is the transport."""

    def __init__(self) -> None:
        self.answered = Event()
        self.packet: str | bytes = ""
        self.is_over = False

    def arrived(self, packet: str | bytes) -> None:
        self.packet = packet
        self.answered.set()

    def ended(self, reason: str) -> None:
        self.is_over = True
        self.answered.set()


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        hint = "; is it plain HTTP?" if error.reason in NO_TLS else ""
        return f"the TLS handshake failed: {(error.reason or str(error)).replace('_', ' ').lower()}{hint}"
    return error.strerror or str(error) or type(error).__name__
