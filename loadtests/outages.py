"""What is done on purpose to the run's own server: killed, stopped or stalled at the planned time, and back again."""

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests import run_folder
from loadtests.plan import Strike
from loadtests.server_process import ServerError, ServerProcess


@dataclass(slots=True)
class Outages:
    """One server and its strikes, in the order of time. `record` writes an event of the launcher's."""

    folder: Path
    server: ServerProcess
    strikes: list[Strike]
    record: Callable[..., object]
    _under_way: Strike | None = None
    _began_ns: int = 0
    _until_ns: int = 0
    _gone: bool = False
    _windows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        return None if self._gone else self.server.pid

    def tick(self, t0_ns: int | None) -> None:
        """Do what is due now; `t0_ns` is the run's start, if it has begun.

        Raises ServerError, one line about the server: it ended by itself, or it did not come back.
        """
        now_ns = time.monotonic_ns()
        if self._under_way is not None:
            if now_ns >= self._until_ns:
                self._end(self._under_way)
        elif not self._gone and (status := self.server.ended()) is not None:
            self._is_gone(status)
            self.server.kill()  # what it may have started and left behind
            raise ServerError(
                f"the server ended by itself ({_how(status)}); see {self.server.log('err').name} in logs/"
            )
        elif t0_ns is not None and self.strikes and now_ns >= t0_ns + round(self.strikes[0].at_s * 1e9):
            self._begin(self.strikes.pop(0))

    def close(self) -> None:
        """The server ends with the run."""
        if not self._gone:
            self._is_gone(self.server.stop())

    def ready(self) -> None:
        """The server is there, at the start and after each outage."""
        self._gone = False
        self.record("server_ready", url=self.server.url)

    def _begin(self, strike: Strike) -> None:
        self._under_way = strike
        self._began_ns = time.monotonic_ns()
        if strike.fault.name == "stall-server":
            self.server.stall()
        else:
            self._is_gone(self.server.kill() if strike.fault.name == "kill-server" else self.server.stop())
        self._until_ns = time.monotonic_ns() + round(strike.for_s * 1e9)

    def _end(self, strike: Strike) -> None:
        self._under_way = None
        if strike.fault.name == "stall-server":
            self.server.go_on()
        else:
            try:
                self.server.launch()
            except ServerError as error:
                raise ServerError(f"the server did not come back: {error}") from None
            self.ready()
        self._write_window(strike.fault.name)

    def _is_gone(self, status: int | None) -> None:
        self._gone = True
        self.record("server_ended", status=status)

    def _write_window(self, name: str) -> None:
        """When it was indeed: a server takes its time to stop and to start, and horizons count from the end."""
        window = {"name": name, "party": None, "start_ns": self._began_ns, "end_ns": time.monotonic_ns()}
        self._windows.append(window)
        with (self.folder / "injected.jsonl").open("a") as answers:
            answers.write(json.dumps({"t": window["end_ns"], "kind": "fault", "scope": "all", **window}) + "\n")
        planned = run_folder.read_info(self.folder)["fault_windows"]
        others = [each for each in planned if each["party"] is not None]
        to_come = [each for each in planned if each["party"] is None][len(self._windows) :]
        run_folder.update(self.folder, fault_windows=[*others, *self._windows, *to_come])


def _how(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
