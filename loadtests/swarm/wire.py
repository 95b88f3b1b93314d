"""A party's network, which can be hurt. Everything above it is hurt through it; nothing is patched.

Connections live in gevent's event loop without a greenlet of their own: what arrives is handed to a function, which
must not block. That is a system call and a few microseconds a message, and no stack in memory for a silent connection.
"""

import errno
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.monkey import get_original
from gevent.socket import getaddrinfo, wait_read, wait_write

from loadtests.swarm.dial import Dial

READ, WRITE = 1, 2  # libev's events
CHUNK = 16_384  # bytes read at once
MOST_SOURCES = 250

_sources: list[str] = []  # of the loopback's addresses, those to connect from; none: as the kernel likes

_PlainSocket = get_original(
    "socket", "socket"
)  # Locust patches the module; the event loop is asked here, not the socket

Arrived = Callable[[bytes], None]
Ended = Callable[[str], None]  # why, in engine.io-client's words: transport close or transport error


class Wire:
    """Makes one party's connections, can reset them all and stay away for a while."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._links: set[Link] = set()
        self._away_until_s = 0.0  # time.monotonic()

    def connect(self, deadline_s: float) -> "Link":
        """A connected link; waits, so not to be called in the loop itself. Raises OSError; ENETUNREACH while away."""
        if time.monotonic() < self._away_until_s:
            raise OSError(errno.ENETUNREACH, "the network is away")
        until_s = time.monotonic() + deadline_s
        dial = self._dial
        sock = _connected(dial.host, dial.port, until_s)
        try:
            tls = _Tls(dial.tls, dial.host, sock, until_s) if dial.tls is not None else None
        except BaseException:
            sock.close()
            raise
        link = Link(sock, tls, self._links.discard)
        self._links.add(link)
        return link

    def reset(self, away_s: float) -> None:
        """Send RST, not FIN, and refuse to connect for `away_s`: what a dropped network looks like to both ends."""
        self._away_until_s = time.monotonic() + away_s
        for link in list(self._links):
            link.reset()


class Link:
    """One TCP connection, plain or TLS."""

    __slots__ = ("_arrived", "_closed", "_ended", "_forget", "_reading", "_sock", "_tls", "_unsent", "_writing")

    def __init__(self, sock: socket.socket, tls: "_Tls | None", forget: Callable[["Link"], None]) -> None:
        self._sock = sock
        self._tls = tls
        self._forget = forget
        self._reading = gevent.get_hub().loop.io(sock.fileno(), READ)
        self._writing: Any = None  # made when the kernel takes no more
        self._unsent = b""
        self._closed = False
        self._arrived: Arrived = _nobody
        self._ended: Ended = _nobody

    def listen(self, arrived: Arrived, ended: Ended) -> None:
        """From now on `arrived` is called with what comes, and `ended` once; neither after close()."""
        self._arrived, self._ended = arrived, ended
        self._reading.start(self._readable)

    def send(self, data: bytes) -> None:
        """Never waits: what the kernel does not take now is sent as it does. An error shows where reading ends."""
        if self._closed:
            return
        if self._tls is not None:
            data = self._tls.encrypt(data)
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the socket is readable now and tells the same
        if sent < len(data):
            self._unsent = data[sent:]
            self._writing = gevent.get_hub().loop.io(self._sock.fileno(), WRITE)
            self._writing.start(self._writable)

    def close(self) -> None:
        """Close from this side; a second call does nothing."""
        if not self._closed:
            self._closed = True
            for watcher in (self._reading, self._writing):
                if watcher is not None:
                    watcher.stop()
                    watcher.close()
            self._sock.close()
            self._forget(self)
            self._arrived, self._ended = _nobody, _nobody  # what they belong to may go now

    def reset(self) -> None:
        """RST to the other end, `transport error` to this one."""
        if not self._closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._end("transport error")

    def _readable(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
            is_over = not data
            if data and self._tls is not None:
                data, is_over = self._tls.decrypt(data)
        except BlockingIOError:
            return
        except OSError:
            self._end("transport error")
            return
        if data:
            self._arrived(data)
        if is_over:
            self._end("transport close")

    def _writable(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""  # the socket is readable now and tells the same
        if not self._unsent and self._writing is not None:
            self._writing.stop()
            self._writing.close()
            self._writing = None

    def _end(self, reason: str) -> None:
        ended = self._ended
        self.close()
        ended(reason)


def _nobody(_: object) -> None:
    """Who listens to a link before listen() and after close()."""


class _Tls:
    """TLS in memory on both ways of a socket. A class of its own, since most links have none."""

    def __init__(self, context: ssl.SSLContext, host: str, sock: socket.socket, until_s: float) -> None:
        """Shakes hands; raises OSError, ssl.SSLError among them."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
                _send_all(sock, self._outgoing.read(), until_s)
                return
            except ssl.SSLWantReadError:
                _send_all(sock, self._outgoing.read(), until_s)
                wait_read(sock.fileno(), timeout=_left_s(until_s), timeout_exc=_too_late())
                data = sock.recv(CHUNK)
                if not data:
                    raise ConnectionResetError(errno.ECONNRESET, "closed in the TLS handshake") from None
                self._incoming.write(data)

    def encrypt(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """What can be read now, maybe nothing, and whether the other end says that it was the last. Raises SSLError."""
        self._incoming.write(data)
        plain = b""
        try:
            while part := self._tls.read(CHUNK):
                plain += part
        except ssl.SSLWantReadError:
            return plain, False
        return plain, True


def _connected(host: str, port: int, until_s: float) -> socket.socket:
    """From the next of the loopback's addresses once the ports of one are used up (28,000 to one server)."""
    family, kind, protocol, _, address = getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    while True:
        sock: socket.socket = _PlainSocket(family, kind, protocol)
        try:
            if _sources and family == socket.AF_INET:
                sock.bind((_sources[-1], 0))
            _connect(sock, address, until_s)
        except OSError as error:
            sock.close()
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE) or not str(address[0]).startswith("127."):
                raise
            if len(_sources) == MOST_SOURCES:
                raise
            _sources.append(f"127.0.0.{len(_sources) + 2}")
        except BaseException:
            sock.close()
            raise
        else:
            return sock


def _connect(sock: socket.socket, address: tuple[object, ...], until_s: float) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    status = sock.connect_ex(address)
    if status == errno.EINPROGRESS:
        wait_write(sock.fileno(), timeout=_left_s(until_s), timeout_exc=_too_late())
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if status:
        raise OSError(status, os.strerror(status))


def _send_all(sock: socket.socket, data: bytes, until_s: float) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            wait_write(sock.fileno(), timeout=_left_s(until_s), timeout_exc=_too_late())


def _left_s(until_s: float) -> float:
    return max(0.001, until_s - time.monotonic())


def _too_late() -> OSError:
    return TimeoutError("timeout")
