"""What is done at planned times, however late the rest is: one timer in the event loop, no greenlet that waits."""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import gevent
from gevent.event import Event
from gevent.hub import Waiter


class Line(NamedTuple):
    """`act` at `at_ns`, or `otherwise` when the run stops before. Neither may block."""

    at_ns: int
    act: Callable[[], object]
    otherwise: Callable[[], object] = lambda: None


class Script:
    """Lines of several parts, each in the order of time, from now until the last or until `stopping` is set."""

    def __init__(self, stopping: Event, *parts: Iterable[Line]) -> None:
        self._parts = [iter(part) for part in parts]
        self._heads = [next(part, None) for part in self._parts]  # heapq.merge keeps three times as much for each
        self._line = self._next()
        self._timer: Any = None
        self._over = Waiter()  # for one who waits; an Event's way to wait keeps a kilobyte of stack more
        self._stopping = stopping
        if stopping.is_set():
            self._stop()
        else:
            stopping.rawlink(self._stop)
            self._wait()

    def follow(self) -> None:
        """Wait until it is over; once."""
        self._over.get()

    def _next(self) -> Line | None:
        """The first of the heads, whose part moves up."""
        first, part = None, 0
        for number, head in enumerate(self._heads):
            if head is not None and (first is None or head.at_ns < first.at_ns):
                first, part = head, number
        if first is not None:
            self._heads[part] = next(self._parts[part], None)
        return first

    def _wait(self) -> None:
        if self._line is None:
            self._end()
        else:
            self._timer = gevent.get_hub().loop.timer(max(0.0, (self._line.at_ns - time.monotonic_ns()) / 1e9))
            self._timer.start(self._due)

    def _due(self) -> None:
        line = self._line
        assert line is not None
        self._timer.close()
        if time.monotonic_ns() < line.at_ns:  # the loop counts from when it last looked at the clock
            self._wait()
            return
        self._line = self._next()
        try:
            line.act()
        finally:
            self._wait()

    def _stop(self, _: Event | None = None) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        while self._line is not None:
            self._line.otherwise()
            self._line = self._next()
        self._end()

    def _end(self) -> None:
        self._stopping.unlink(self._stop)
        self._over.switch(None)
