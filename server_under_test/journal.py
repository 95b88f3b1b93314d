"""What the server writes down about itself: the journal, and the answer key of its defects.

A line is in the kernel when the call returns, so that a killed process has told all that it did.
"""

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from server_under_test.chat import Message


class Lines:
    """Appends JSON objects, one a line, to a file, or to none when `path` is None. Raises OSError if it cannot open."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, line: dict[str, Any]) -> None:
        """Write the line without its nulls. A disk that takes no more ends the writing, not the serving."""
        if self._file is None:
            return
        data = orjson.dumps({name: value for name, value in line.items() if value is not None}) + b"\n"
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._stop(error.strerror)
        else:
            if written < len(data):
                self._stop("the disk is full")

    def _stop(self, reason: str | None) -> None:
        print(f"entrega server: {self._path} takes no more lines ({reason}); serving goes on", file=sys.stderr)
        self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Journal:
    """The lines of one boot, numbered from 1. Write a line before its effect can be seen outside."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._n = 0
        self.write("server_started", boot=secrets.token_hex(8), node="1")

    def write(self, kind: str, **fields: Any) -> None:
        self._n += 1
        self._lines.append({"t": time.monotonic_ns(), "kind": kind, "n": self._n, **fields})

    def tell(self, kind: str, message: Message, **fields: Any) -> None:
        """A line about that message."""
        known = {"session": message.session_id, "mid": message.client_id, "seq": message.seq or None, "id": message.id}
        self.write(kind, **known, **fields)
