"""The tests run in several processes; what changes the machine or the checkout, only one of them does at a time."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until no other process is at it."""
    with (Path(tempfile.gettempdir()) / f"entrega-tests-{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
