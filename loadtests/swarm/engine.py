"""Engine.IO 4 over one websocket: handshake, heartbeat, and why it ended, in the words of the JavaScript client."""

import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import gevent
import orjson
import websocket

from loadtests.swarm.wire import Wire

OPEN, CLOSE, PING, PONG, MESSAGE = "0", "1", "2", "3", "4"


class ConnectFailed(Exception):
    """No connection; `reason` in words, `status` the HTTP status if there was one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Closed(Exception):
    """The connection ended; `reason` is transport close, transport error, ping timeout or parse error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Engine:
    """One connection. `read` and `write` carry the text or bytes of Engine.IO messages."""

    def __init__(self, wire: Wire, url: str, path: str, origin: str | None) -> None:
        scheme = "wss" if urlsplit(url).scheme == "https" else "ws"
        query = urlencode({"EIO": 4, "transport": "websocket"})
        self._url = f"{scheme}://{urlsplit(url).netloc}{path}?{query}"
        self._wire = wire
        self._origin = origin
        self._ws = websocket.WebSocket(enable_multithread=True)
        self.last_frame_ns: int | None = None

    def open(self, deadline_s: float) -> None:
        """Connect and read the OPEN packet. Raises ConnectFailed, at the deadline too."""
        with gevent.Timeout(deadline_s, ConnectFailed("timeout")):
            try:
                self._handshake(deadline_s)
            except websocket.WebSocketBadStatusException as error:
                raise ConnectFailed(_body(error), error.status_code) from error
            except (OSError, websocket.WebSocketException, Closed) as error:
                self.close()
                raise ConnectFailed(_words(error)) from error
            except (ValueError, KeyError, TypeError) as error:
                self.close()
                raise ConnectFailed(f"no Engine.IO handshake: {error}") from error

    def read(self) -> str | bytes:
        """The next message. Answers pings meanwhile. Raises Closed."""
        while True:
            packet = self._frame()
            if isinstance(packet, bytes):
                return packet
            if packet[:1] == MESSAGE:
                return packet[1:]
            if packet[:1] == PING:
                self._send(PONG + packet[1:])
            elif packet[:1] == CLOSE:
                raise Closed("transport close")

    def write(self, message: str | bytes) -> None:
        """Raises Closed."""
        self._send(message if isinstance(message, bytes) else MESSAGE + message)

    def close(self) -> None:
        """End it from this side; a second call does nothing."""
        self._ws.shutdown()

    def _handshake(self, deadline_s: float) -> None:
        self._ws.connect(
            self._url,
            socket=self._wire.connect(deadline_s),
            timeout=deadline_s,
            origin=self._origin,
            suppress_origin=self._origin is None,
        )
        packet = self._frame()
        if not isinstance(packet, str) or packet[:1] != OPEN:
            raise ValueError("the first packet is not OPEN")
        opened: dict[str, Any] = orjson.loads(packet[1:])
        # Silence for longer than this is a dead link (engine.io-client's ping timeout).
        self._ws.settimeout((opened["pingInterval"] + opened["pingTimeout"]) / 1000)

    def _frame(self) -> str | bytes:
        try:
            opcode, data = self._ws.recv_data()
        except websocket.WebSocketTimeoutException as error:
            raise Closed("ping timeout") from error
        except websocket.WebSocketConnectionClosedException as error:
            raise Closed("transport close") from error
        except (OSError, websocket.WebSocketException) as error:
            raise Closed("transport error") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise Closed("transport close")  # no sign of life: what was written before it may still be missing
        self.last_frame_ns = time.monotonic_ns()
        if opcode == websocket.ABNF.OPCODE_BINARY:
            return bytes(data)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise Closed("parse error") from error

    def _send(self, packet: str | bytes) -> None:
        try:
            if isinstance(packet, bytes):
                self._ws.send_binary(packet)
            else:
                self._ws.send(packet)
        except (OSError, websocket.WebSocketException) as error:
            raise Closed("transport error") from error


def _body(error: websocket.WebSocketBadStatusException) -> str:
    text = error.resp_body.decode("utf-8", "replace") if error.resp_body else ""
    return text.strip()[:200] or f"HTTP {error.status_code}"


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
