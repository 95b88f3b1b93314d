"""A party's network, which can be hurt. Everything above it is hurt through it; nothing is patched."""

import errno
import socket
import time

import gevent

from loadtests.swarm.boxes import Install
from loadtests.swarm.dial import Dial
from loadtests.swarm.link import SIP_S, Link
from loadtests.swarm.loop import Loop
from loadtests.swarm.sockets import CHUNK, Tls, connected

THAW_S = 0.01  # what has arrived is read before the timers that are late


class Wire:
    """Makes one party's connections, and can hurt all that there are; what lasts, lasts for those to come as well."""

    def __init__(self, dial: Dial, given_up_s: float = 30.0) -> None:
        """`given_up_s`: how long the other end may keep a connection of which it hears nothing any more."""
        self.loop = Loop()
        self._dial = dial
        self._given_up_s = given_up_s
        self._links: set[Link] = set()
        self._away_until_s = self._dead_until_s = self._slow_until_s = self._frozen_until_s = 0.0  # time.monotonic()
        self._at_once = CHUNK
        self._frozen = False
        self._boxes: list[tuple[float, Install]] = []  # until when they are there, and what makes them

    def connect(self, deadline_s: float) -> Link:
        """A connected link; waits, so not to be called in the loop itself. Raises OSError; ENETUNREACH while away."""
        until_s = time.monotonic() + deadline_s
        if time.monotonic() < self._away_until_s:
            raise OSError(errno.ENETUNREACH, "the network is away")
        if time.monotonic() < self._dead_until_s:
            gevent.sleep(min(self._dead_until_s, until_s) - time.monotonic())
            if until_s <= self._dead_until_s:
                raise TimeoutError("timeout")
        dial = self._dial
        sock = connected(dial.host, dial.port, until_s)
        try:
            tls = Tls(dial.tls, dial.host, sock, until_s) if dial.tls is not None else None
        except BaseException:
            sock.close()
            raise
        link = Link(sock, tls, self)
        self._links.add(link)
        self._boxes = [each for each in self._boxes if time.monotonic() < each[0]]
        link.boxes = tuple(make(link, until_s) for until_s, make in self._boxes)
        link.read(0 if self._frozen else self._at_once)
        return link

    # -- how it is hurt

    def reset(self, away_s: float) -> None:
        """RST, not FIN, and no network for so long: what a dropped network looks like to both ends."""
        self._away(away_s)
        for link in list(self._links):
            link.reset()

    def close(self, away_s: float) -> None:
        """FIN to both ends, and no network for so long."""
        self._away(away_s)
        for link in list(self._links):
            link.end("transport close")

    def vanish(self, away_s: float) -> None:
        """No network for so long, as this end knows at once; the other end is told nothing."""
        self._away(away_s)
        for link in list(self._links):
            link.swallow("both")
            link.end("transport close")

    def swallow(self, way: str, for_s: float) -> None:
        """What goes down, up or both gets lost from now on, and nobody is told; no new connection for so long.

        A connection that was hit stays dead: TCP does not go on after a hole.
        """
        self._dead_until_s = max(self._dead_until_s, time.monotonic() + for_s)
        for link in list(self._links):
            link.swallow(way)

    def put_box(self, make: Install, for_s: float) -> None:
        """Put such a box on the way of every connection for so long (loadtests.swarm.boxes)."""
        until_s = time.monotonic() + for_s
        self._boxes.append((until_s, make))
        for link in self._links:
            link.boxes = (*link.boxes, make(link, until_s))

    def slow(self, bytes_per_s: float, for_s: float) -> None:
        """Read only so many bytes a second of each connection for so long."""
        self._slow_until_s = until_s = max(self._slow_until_s, time.monotonic() + for_s)
        self._at_once = max(1, round(bytes_per_s * SIP_S))
        self._keep_pace()
        gevent.spawn_later(for_s, self._hurry, until_s)

    def freeze(self, for_s: float) -> None:
        """Run nothing and read nothing for so long; sockets stay open and the kernel takes what comes."""
        self._frozen_until_s = until_s = max(self._frozen_until_s, time.monotonic() + for_s)
        self._frozen = self.loop.frozen = True
        self._keep_pace()
        gevent.spawn_later(for_s, self._thaw, until_s)

    def _away(self, away_s: float) -> None:
        self._away_until_s = max(self._away_until_s, time.monotonic() + away_s)

    def _hurry(self, until_s: float) -> None:
        if until_s == self._slow_until_s:
            self._at_once = CHUNK
            self._keep_pace()

    def _thaw(self, until_s: float) -> None:
        if until_s == self._frozen_until_s:
            self._frozen = False
            self._keep_pace()
            gevent.spawn_later(THAW_S, self.loop.thaw)

    def _keep_pace(self) -> None:
        for link in list(self._links):
            link.read(0 if self._frozen else self._at_once)

    # -- what a link tells

    def closed(self, link: Link) -> None:
        self._links.discard(link)

    def bury(self, sock: socket.socket) -> None:
        """Keep the socket open until the other end must have given it up."""
        gevent.spawn_later(self._given_up_s, sock.close)
