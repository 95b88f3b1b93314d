"""Engine.IO packets over HTTP long-polling: one connection waits for what comes, another carries what goes."""

import base64
import binascii
import time

import gevent
from gevent.event import Event

from loadtests.swarm.dial import ConnectFailed, Dial, refused
from loadtests.swarm.http1 import Http1, Response
from loadtests.swarm.link import MOST_UNSENT
from loadtests.swarm.websocket import Carrier
from loadtests.swarm.wire import Wire

SEPARATOR = "\x1e"
CLOSE = "1"


class Polling:
    """Polls from `start()` until it is paused, closed or fails."""

    name = "polling"

    def __init__(self, wire: Wire, dial: Dial, deadline_s: float, carrier: Carrier) -> None:
        """Shakes hands, which waits; `greeting` is OPEN and what came with it. Raises ConnectFailed and OSError."""
        self._dial = dial
        self._carrier = carrier
        self._deadline_s = deadline_s
        self._polls, self._posts = Http1(wire, dial, deadline_s), Http1(wire, dial, deadline_s)
        self._sid: dict[str, str] = {}
        self._unsent: list[str | bytes] = []
        self._unsent_size = 0
        self._pausing = False
        self._closed = False
        self._polled, self._drained = Event(), Event()
        self._drained.set()
        self._longest_payload = 0  # bytes; 0: the server has not said
        try:
            self.greeting = _greeting(_good(self._get()).body)
        except BaseException:
            self._drop()
            raise

    def start(self, sid: str, longest_payload: int) -> None:
        self._sid = {"sid": sid}
        self._longest_payload = longest_payload
        gevent.spawn(self._poll)

    def send(self, packets: list[str | bytes]) -> None:
        """What is sent while a request is under way goes with the next one."""
        if self._closed:
            return
        self._unsent += packets
        self._unsent_size += sum(map(len, packets))
        if self._drained.is_set():
            self._drained.clear()
            gevent.spawn(self._post)
        elif self._unsent_size > MOST_UNSENT:
            gevent.get_hub().loop.run_callback(self._end, "transport error")

    def pause(self) -> None:
        """Wait until what was polled for has come and what was sent has gone; then neither goes on."""
        self._pausing = True
        self._polled.wait()
        self._drained.wait()
        self._closed = True
        self._drop()

    def resume(self) -> None:
        """Go on after a pause() that has not come to its end."""
        self._pausing = False
        if self._polled.is_set() and not self._closed:
            self._polled.clear()
            gevent.spawn(self._poll)

    def close(self) -> None:
        """Send a close packet with what is not sent yet, and be done. A poll that ended before would be an error."""
        if not self._closed:
            self.send([CLOSE])
            self._closed = True
            gevent.spawn_later(self._deadline_s, self._drop)

    def _get(self) -> Response:
        response = self._polls.request("GET", self._target(), self._dial.request_headers())
        self._dial.badge.keep(value for name, value in response.headers if name == "set-cookie")
        return response

    def _target(self) -> str:
        """With a word that no cache has seen."""
        return self._dial.resource("polling", {"t": f"{time.monotonic_ns():x}", **self._sid})

    def _poll(self) -> None:
        try:
            while not (self._pausing or self._closed):
                packets = self._next()
                if packets is None:
                    return self._end("transport error")
                for packet in packets:
                    if packet == CLOSE:
                        return self._end("transport close")
                    if not self._closed:
                        self._carrier.arrived(packet)
        finally:
            self._polled.set()

    def _next(self) -> list[str | bytes] | None:
        """What the next poll brings; None: no answer that counts."""
        try:
            return _decoded(_good(self._get()).body)
        except (OSError, ConnectFailed, ValueError):
            return None

    def _post(self) -> None:
        headers = {**self._dial.request_headers(), "Content-Type": "text/plain;charset=UTF-8"}
        try:
            while self._unsent:
                _good(self._posts.request("POST", self._target(), headers, self._payload()))
        except (OSError, ConnectFailed):
            self._end("transport error")
        finally:
            self._drained.set()
            if self._closed:
                self._drop()

    def _payload(self) -> bytes:
        """As many packets as the server takes at once, at least one."""
        parts: list[bytes] = []
        size = 0
        for packet in self._unsent:
            part = _encoded(packet)
            size += len(part) + 1
            if parts and self._longest_payload and size > self._longest_payload:
                break
            parts.append(part)
            self._unsent_size -= len(packet)
        del self._unsent[: len(parts)]
        return SEPARATOR.encode().join(parts)

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._drop()
            self._carrier.ended(reason)

    def _drop(self) -> None:
        self._polls.close()
        self._posts.close()


def _good(response: Response) -> Response:
    if response.status != 200:
        location = next((value for name, value in response.headers if name == "location"), "")
        raise refused(response.status, response.body, location)
    return response


def _greeting(payload: bytes) -> list[str | bytes]:
    try:
        return _decoded(payload)
    except ValueError as error:
        raise ConnectFailed(f"no Engine.IO handshake: {error}") from error


def _encoded(packet: str | bytes) -> bytes:
    return b"b" + base64.b64encode(packet) if isinstance(packet, bytes) else packet.encode()


def _decoded(payload: bytes) -> list[str | bytes]:
    """Raises ValueError."""
    packets = payload.decode().split(SEPARATOR)
    try:
        return [base64.b64decode(packet[1:], validate=True) if packet[:1] == "b" else packet for packet in packets]
    except binascii.Error:
        raise ValueError("not base64") from None
