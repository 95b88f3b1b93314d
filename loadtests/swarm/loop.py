"""A page's event loop, on the process's own: its timers, and whether it runs at all."""

import math
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import gevent


class Timer:
    """Calls `act` once, unless it is stopped before. To stop it is to forget it: most are, long before they are due."""

    __slots__ = ("_about", "act")

    def __init__(self, act: Callable[..., object], about: tuple[Any, ...]) -> None:
        self.act: Callable[..., object] | None = act
        self._about = about

    def stop(self) -> None:
        """A second call does nothing."""
        self.act, self._about = None, ()

    def run(self) -> None:
        act, about = self.act, self._about
        self.stop()
        if act is not None:
            act(*about)


class Loop:
    """While it is frozen no timer runs; those that were due meanwhile run when it thaws.

    All of its timers share one of the process's, since one for every ack that is waited for costs more than the ack.
    """

    def __init__(self) -> None:
        self.frozen = False
        self._timers: list[tuple[float, int, Timer]] = []  # a heap, by when they are due: time.monotonic()
        self._numbers = count()
        self._clock: Any = None
        self._rings_s = math.inf

    def timer(self, after_s: float, act: Callable[..., object], *about: Any) -> Timer:
        timer, due_s = Timer(act, about), time.monotonic() + after_s
        heappush(self._timers, (due_s, next(self._numbers), timer))
        if due_s < self._rings_s:
            self._set(due_s)
        return timer

    def thaw(self) -> None:
        self.frozen = False
        self._ring()

    def _set(self, due_s: float) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock.close()
        self._rings_s = due_s
        self._clock = gevent.get_hub().loop.timer(max(0.0, due_s - time.monotonic()))
        self._clock.start(self._ring)

    def _ring(self) -> None:
        self._rings_s = math.inf
        now_s = time.monotonic()
        try:
            while self._timers and not self.frozen and (self._timers[0][0] <= now_s or self._timers[0][2].act is None):
                heappop(self._timers)[2].run()
        finally:
            if self._timers and not self.frozen and self._timers[0][0] < self._rings_s:
                self._set(self._timers[0][0])
