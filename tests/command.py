"""Commands in the tests' own process: quick, and for whatever ends before anything is started."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import entrega as front_door


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The only one on stderr."""
        (line,) = self.err.splitlines()
        assert line.startswith("entrega: ")
        return line


Say = Callable[..., Said]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Say]:
    """A function that runs a command in this very process, in `tmp_path`, without anybody's variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ENTREGA_")]:
        monkeypatch.delenv(name)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    files = resource.getrlimit(resource.RLIMIT_NOFILE)

    def said(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["entrega", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            front_door.main()
        out, err = capfd.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    try:
        yield said
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
