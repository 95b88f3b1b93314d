"""A page's event loop, on the process's own: its timers, and whether it runs at all."""

from collections.abc import Callable
from typing import Any

import gevent


class Timer:
    """Calls `act` once, unless it is stopped before."""

    __slots__ = ("_about", "_act", "_loop", "_timer")

    def __init__(self, loop: "Loop", after_s: float, act: Callable[..., object], about: tuple[Any, ...]) -> None:
        self._loop = loop
        self._act: Callable[..., object] | None = act
        self._about = about
        self._timer = gevent.get_hub().loop.timer(after_s)
        self._timer.start(self.due)

    def stop(self) -> None:
        """A second call does nothing."""
        self._act = None
        self._timer.stop()
        self._timer.close()

    def due(self) -> None:
        if self._loop.frozen:
            self._loop.put_off.append(self)
        elif self._act is not None:
            act = self._act
            self.stop()
            act(*self._about)


class Loop:
    """While it is frozen no timer runs; those that were due meanwhile run when it thaws."""

    def __init__(self) -> None:
        self.frozen = False
        self.put_off: list[Timer] = []

    def timer(self, after_s: float, act: Callable[..., object], *about: Any) -> Timer:
        return Timer(self, after_s, act, about)

    def thaw(self) -> None:
        self.frozen = False
        late, self.put_off = self.put_off, []
        for timer in late:
            timer.due()
