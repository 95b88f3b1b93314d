"""What is recorded goes to the disk in a thread beside the loop, so that a slow disk makes nobody on it late."""

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from loadtests.events import Recorder

STALLED_S = 10.0  # a write that takes longer has failed; until then what is recorded meanwhile waits in memory
MOMENT_S = 0.5


class Disk:
    """Writes a recorder's lines: one write at a time, in order, the sentinel last."""

    def __init__(self, recorder: Recorder, failed: Callable[[str], None]) -> None:
        """`failed` is told in a few words why nothing more is written, and the mend."""
        self._recorder = recorder
        self._failed = failed
        self._write: Any = None  # what the thread is at, or did last
        self._by_s = 0.0  # when that has failed
        self._over = False
        self._closed = Event()

    def save(self) -> None:
        """Have written what was recorded, unless the write before is still under way. Does not wait for the disk."""
        under_way = self._write is not None and not self._write.ready() and time.monotonic() < self._by_s
        if not self._over and not under_way and self._finish(MOMENT_S):
            self._start()

    def close(self, within_s: float) -> None:
        """The rest and the sentinel. Waits for the disk, also when called again, but no longer than that."""
        if self._over:
            self._closed.wait(within_s)
            return
        self._over = True
        until_s = time.monotonic() + within_s
        if self._finish(within_s):
            self._recorder.append("sentinel")
            self._start(last=True)
            self._finish(until_s - time.monotonic())
        self._closed.set()

    def _start(self, last: bool = False) -> None:
        self._write = gevent.get_hub().threadpool.spawn(_write, self._recorder, self._recorder.take(), last)
        self._by_s = time.monotonic() + STALLED_S

    def _finish(self, within_s: float) -> bool:
        """Wait for the write under way. False once it has failed, which is told."""
        if self._write is None:
            return True
        self._write.wait(max(0.0, within_s))  # a moment at least: it may be this process that was stopped, not the disk
        if not self._write.ready():
            self._recorder.abandon()
            why = f"the disk took nothing for {STALLED_S:.0f} s; take a faster one"
        elif (error := self._write.get()) is not None:
            why = f"{error.strerror}; free space there"
        else:
            return True
        self._over = True
        self._closed.set()
        self._failed(why)
        return False


def _write(recorder: Recorder, lines: bytearray, last: bool) -> OSError | None:
    try:
        recorder.write(lines, last=last)
    except OSError as error:  # raised here gevent would log it besides
        return error
    return None
