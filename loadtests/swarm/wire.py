"""A TCP connection that can be hurt. Everything above it can be hurt through it; nothing is patched."""

import errno
import socket
import struct
import time


class Wire:
    """One party's network: makes its sockets, can reset them and stay away for a while."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._sock: socket.socket | None = None
        self._away_until_s = 0.0  # time.monotonic()

    def connect(self, deadline_s: float) -> socket.socket:
        """A connected socket. Raises OSError; ENETUNREACH while the party is away."""
        if time.monotonic() < self._away_until_s:
            raise OSError(errno.ENETUNREACH, "the network is away")
        self._sock = socket.create_connection(self._address, timeout=deadline_s)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._sock

    def reset(self, away_s: float) -> None:
        """Send RST, not FIN, and refuse to connect for `away_s`: what a dropped network looks like to both ends."""
        self._away_until_s = time.monotonic() + away_s
        if self._sock is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._sock.close()
            self._sock = None
