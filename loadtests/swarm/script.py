"""What is done at planned times, however late the rest is: one timer in the event loop, no greenlet that waits."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import Waiter

Line = tuple[int, Any]  # when (time.monotonic_ns()), and what


class Script:
    """Lines in the order of time, from now until the last or until `stopping` is set."""

    __slots__ = ("_act", "_line", "_lines", "_never", "_over", "_stopping", "_timer")

    def __init__(
        self,
        stopping: Event,
        lines: Iterable[Line],
        act: Callable[[Any, int], object],
        never: Callable[[Any, int], object] = lambda _what, _at_ns: None,
    ) -> None:
        """`act` gets what and when of each line at its time, `never` those that are left. Neither may block."""
        self._lines = iter(lines)
        self._line = next(self._lines, None)
        self._act, self._never = act, never
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

    def _wait(self) -> None:
        if self._line is None:
            self._end()
        else:
            self._timer = gevent.get_hub().loop.timer(max(0.0, (self._line[0] - time.monotonic_ns()) / 1e9))
            self._timer.start(self._due)

    def _due(self) -> None:
        assert self._line is not None
        at_ns, what = self._line
        self._timer.close()
        if time.monotonic_ns() < at_ns:  # the loop counts from when it last looked at the clock
            self._wait()
            return
        self._line = next(self._lines, None)
        try:
            self._act(what, at_ns)
        finally:
            self._wait()

    def _stop(self, _: Event | None = None) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        while self._line is not None:
            at_ns, what = self._line
            self._never(what, at_ns)
            self._line = next(self._lines, None)
        self._end()

    def _end(self) -> None:
        self._stopping.unlink(self._stop)
        self._over.switch(None)
