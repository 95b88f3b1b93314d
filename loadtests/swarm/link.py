"""One TCP connection of a party, and what can be done to it.

Connections live in gevent's event loop without a greenlet of their own: what arrives is handed to a function, which
must not block. That is a system call and a few microseconds a message, and no stack in memory for a silent connection.
"""

import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent

from loadtests.swarm.sockets import CHUNK, Tls

if TYPE_CHECKING:
    from loadtests.swarm.wire import Wire

READ, WRITE = 1, 2  # libev's events
MOST_UNSENT = 16 * 2**20  # bytes that wait for a server that does not read; more, and the connection is given up
SIP_S = 0.1  # between two reads of a slow reader
SMALL_BUFFER = 4_096  # bytes; else the kernel would read ahead for it

Arrived = Callable[[bytes], None]
Ended = Callable[[str], None]  # why, in engine.io-client's words: transport close or transport error


class Link:
    """One TCP connection, plain or TLS."""

    __slots__ = (
        "_arrived", "_at_once", "_buffer", "_closed", "_deaf", "_ended", "_mute", "_reading", "_sipping",
        "_sock", "_tls", "_unsent", "_wire", "_writing", "asked", "boxes",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, tls: Tls | None, wire: "Wire") -> None:
        self._sock = sock
        self._tls = tls
        self._wire = wire
        self._reading = gevent.get_hub().loop.io(sock.fileno(), READ)
        self._sipping: Any = None  # made for a slow reader
        self._writing: Any = None  # made when the kernel takes no more
        self._at_once = CHUNK
        self._buffer = 0  # what the kernel's was before it was made small
        self._unsent = bytearray()
        self._closed = self._deaf = self._mute = False
        self.asked = ""  # the method of the request under way, where HTTP is spoken: for boxes
        self.boxes: tuple[Callable[[bytes], bytes], ...] = ()  # on the way: what comes goes through each
        self._arrived: Arrived = _nobody
        self._ended: Ended = _nobody

    def listen(self, arrived: Arrived, ended: Ended) -> None:
        """From now on `arrived` is called with what comes, and `ended` once; neither after close()."""
        self._arrived, self._ended = arrived, ended
        self.read(self._at_once)

    def send(self, data: bytes) -> None:
        """Never waits: what the kernel does not take now is sent as it does. An error shows where reading ends."""
        if self._closed or self._mute:
            return
        try:
            if self._tls is not None:
                data = self._tls.encrypt(data)
            sent = 0 if self._unsent else self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except ssl.SSLError:
            self._give_up()
            return
        except OSError:
            return  # the socket is readable now and tells the same
        if sent < len(data):
            self._keep(data[sent:])

    def close(self) -> None:
        """Close from this side; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._reading.stop()
            self._reading.close()
            _stop(self._sipping)
            _stop(self._writing)
            if self._mute:
                self._wire.bury(self._sock)
            else:
                self._sock.close()
            self._wire.closed(self)
            self._arrived, self._ended = _nobody, _nobody  # what they belong to may go now

    # -- what can be done to it

    def end(self, reason: str) -> None:
        """Close it, as if the other end or something in between had."""
        if not self._closed:
            ended = self._ended
            self.close()
            ended(reason)

    def reset(self) -> None:
        """RST to the other end, `transport error` to this one."""
        if not self._closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.end("transport error")

    def swallow(self, way: str) -> None:
        """Let nothing through any more, neither data nor its end: down, up or both."""
        if way != "up":
            self.read(0)
            self._deaf = True  # the kernel takes what comes, as the dead path would
        if way != "down":
            self._mute = True
            self._unsent.clear()
            _stop(self._writing)
            self._writing = None

    def read(self, at_once: int) -> None:
        """Read so many bytes at once: CHUNK, as they come; 0, none; else so many every SIP_S."""
        self._at_once = at_once
        if self._closed or self._deaf or self._arrived is _nobody:
            return
        self._reading.stop()
        _stop(self._sipping)
        self._sipping = None
        if at_once == CHUNK:
            if self._buffer:
                self._widen()
            self._reading.start(self._readable)
        elif at_once:
            self._buffer = self._buffer or self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            self._sipping = gevent.get_hub().loop.timer(SIP_S, SIP_S)
            self._sipping.start(self._readable)

    def _widen(self) -> None:
        """Linux keeps the window of a buffer that was small and full, unless it is told a wider one as well."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, self._buffer)
        self._buffer = 0

    # -- what the kernel tells

    def _readable(self) -> None:
        try:
            data = self._sock.recv(self._at_once)
            is_over = not data
            if data and self._tls is not None:
                data, is_over = self._tls.decrypt(data)
        except BlockingIOError:
            return
        except OSError:
            self.end("transport error")
            return
        for box in self.boxes:
            data = data and box(data)
        if data:
            self._arrived(data)
        if is_over:
            self.end("transport close")

    def _keep(self, data: bytes) -> None:
        """Until the kernel takes more."""
        if not self._unsent:
            self._unsent = bytearray(data)
            self._writing = gevent.get_hub().loop.io(self._sock.fileno(), WRITE)
            self._writing.start(self._writable)
        elif len(self._unsent) + len(data) <= MOST_UNSENT:
            self._unsent += data
        else:
            self._give_up()

    def _give_up(self) -> None:
        """But not within send(), whose caller counts on the connection."""
        gevent.get_hub().loop.run_callback(self.reset)

    def _writable(self) -> None:
        try:
            del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # the socket is readable now and tells the same
        if not self._unsent:
            _stop(self._writing)
            self._writing = None


def _stop(watcher: Any) -> None:
    if watcher is not None:
        watcher.stop()
        watcher.close()


def _nobody(_: object) -> None:
    """Who listens to a link before listen() and after close()."""
