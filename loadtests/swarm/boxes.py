"""Boxes on the way to the server, as proxies are: what comes over a link goes through them, and they may close it."""

import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtests.swarm.link import Link

OK, SWITCHING_PROTOCOLS = b"HTTP/1.1 200", b"HTTP/1.1 101"

Box = Callable[[bytes], bytes]
Install = Callable[[Link, float], Box]  # on that link, until then (time.monotonic())


class IdleLimit:
    """Closes a link over which nothing has come for so long."""

    def __init__(self, link: Link, until_s: float, limit_s: float) -> None:
        self._link = link
        self._until_s = until_s
        self._timer: Any = gevent.get_hub().loop.timer(limit_s, limit_s)
        self._timer.start(self._is_idle)

    def __call__(self, data: bytes) -> bytes:
        if self._timer is not None:
            self._timer.again(self._is_idle)
        return data

    def _is_idle(self) -> None:
        self._timer.stop()
        self._timer.close()
        self._timer = None
        if time.monotonic() < self._until_s:
            self._link.end("transport close")


def websocket_cut(link: Link, until_s: float) -> Box:
    """Closes a websocket right after its handshake."""

    def cut(data: bytes) -> bytes:
        if data.startswith(SWITCHING_PROTOCOLS) and time.monotonic() < until_s:
            gevent.get_hub().loop.run_callback(link.end, "transport close")
        return data

    return cut


def poll_cut(link: Link, until_s: float) -> Box:
    """Takes the answer to a poll and closes the link instead of handing it on; what is sent is let through."""

    def cut(data: bytes) -> bytes:
        if link.asked != "GET" or not data.startswith(OK) or time.monotonic() >= until_s:
            return data
        link.end("transport close")
        return b""

    return cut
