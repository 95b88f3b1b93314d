"""A server that the run starts, kills, stops or stalls, and starts again, by the one line of its target."""

import contextlib
import ctypes
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.bad_input import BadInput

READY_DEADLINE_S = 30.0
STOP_DEADLINE_S = 5.0
ADDRESS = re.compile(rb"https?://[\w.\-\[\]:]+:(\d+)")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be


class ServerError(BadInput):
    """The server did not start; the message is one line with its last words."""


@dataclass(slots=True)
class ServerProcess:
    """`environment` is what the run wants of it (DESIGN's ENTREGA_*); logs go to `logs`, one pair a boot."""

    start: str
    environment: dict[str, str]
    logs: Path
    folder: str = ""  # where it runs; empty: here
    url: str = ""
    boot: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> str:
        """Start it and wait for the ready line; returns its address, and keeps the port for the next boot."""
        self.boot += 1
        self.environment["ENTREGA_JOURNAL"] = str(self.logs.parent / "events" / f"journal-{self.boot}.jsonl")
        out, err = self.log("out"), self.log("err")
        with out.open("wb") as out_file, err.open("wb") as err_file, _undisturbed() as signals:
            try:
                self._process = subprocess.Popen(
                    self._command(),
                    cwd=self.folder or None,
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out_file,
                    stderr=err_file,
                    start_new_session=True,  # a terminal's Ctrl-C is for the launcher, which ends it in order
                    preexec_fn=partial(_die_with, os.getpid(), signals),  # noqa: PLW1509 - it makes system calls only
                )
            except OSError as error:
                raise ServerError(f"cannot start {self.start!r}: {error}; mend `start` in the target") from None
        self.url, port = self._await_ready(out, err)
        self.environment["ENTREGA_PORT"] = port
        return self.url

    def ended(self) -> int | None:
        """Its exit status, once it is gone (negative: a signal)."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> int:
        """SIGKILL, as when the machine takes it."""
        assert self._process is not None
        self._signal(signal.SIGKILL)
        return self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL after the deadline; None when it never ran."""
        if self._process is None:
            return None
        self._signal(signal.SIGTERM)
        self.go_on()
        try:
            return self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            return self.kill()

    def stall(self) -> None:
        """SIGSTOP: nothing of it runs, and its sockets stay open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT, which does nothing to one that runs."""
        self._signal(signal.SIGCONT)

    def log(self, stream: str) -> Path:
        """What this boot says on `out` or `err`."""
        return self.logs / f"server-{self.boot}.{stream}"

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group: `start` may be a script that starts the server."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _command(self) -> list[str]:
        first, *rest = shlex.split(self.start)
        return [sys.executable if first == "python" else first, *rest]

    def _await_ready(self, out: Path, err: Path) -> tuple[str, str]:
        deadline_s = time.monotonic() + READY_DEADLINE_S
        while time.monotonic() < deadline_s:
            found = ADDRESS.search(out.read_bytes())
            if found:
                return found[0].decode(), found[1].decode()
            if self.ended() is not None:
                raise ServerError(f"the server ended at once ({self.ended()}): {_last_words(err)}")
            time.sleep(0.02)
        self.kill()
        raise ServerError(
            f"no line with an address such as http://127.0.0.1:3000 on stdout within {READY_DEADLINE_S:.0f} s "
            f"({_last_words(err)}); have it print its own, or start it yourself and give -H"
        )


def _last_words(err: Path) -> str:
    lines = err.read_text(errors="replace").strip().splitlines()
    # Of Node.js the last line is its version, of npm where its log is.
    errors = [line for line in lines if "Error" in line or "Missing script" in line]
    return (errors or lines)[-1][:300] if lines else "it said nothing"


@contextlib.contextmanager
def _undisturbed() -> Iterator[set[signal.Signals]]:
    """No signal meanwhile: the exception of one that comes during a fork is lost. Gives what was blocked before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_with(parent: int, signals: set[signal.Signals]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, signals)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be told
        os._exit(1)
