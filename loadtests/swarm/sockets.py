"""Sockets that do not block: connecting one, and TLS in memory on both ways of it. Both wait, and raise OSError."""

import errno
import os
import socket
import ssl
import time

from gevent.monkey import get_original
from gevent.socket import getaddrinfo, wait_read, wait_write

CHUNK = 16_384  # bytes read at once

MOST_SOURCES = 250

_sources: list[str] = []  # of the loopback's addresses, those to connect from; none: as the kernel likes

_PlainSocket = get_original("socket", "socket")  # not Locust's patched one: who connects waits on the loop itself


def connected(host: str, port: int, until_s: float) -> socket.socket:
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
            is_used_up = error.errno in (errno.EADDRNOTAVAIL, errno.EADDRINUSE)
            if not is_used_up or not str(address[0]).startswith("127.") or len(_sources) == MOST_SOURCES:
                raise
            _sources.append(f"127.0.0.{len(_sources) + 2}")
        except BaseException:
            sock.close()
            raise
        else:
            return sock


class Tls:
    """One connection's; a class of its own, since most links have none."""

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
        """What can be read now, maybe nothing, and whether it was the last: by a word of the other end, or an error."""
        self._incoming.write(data)
        plain = b""
        try:
            while part := self._tls.read(CHUNK):
                plain += part
        except ssl.SSLWantReadError:
            return plain, False
        except ssl.SSLError:
            pass  # what came before it counts
        return plain, True


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
