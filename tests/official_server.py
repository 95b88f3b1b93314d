"""The official Socket.IO server in a process of its own (tests/node/server.js), and what it saw on the wire."""

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest

from tests.json_lines import Line, Tell, conversing
from tests.node_process import NODE, node
from tests.played import WITHIN_S, until


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of 127.0.0.1, signed by itself."""

    key: Path
    cert: Path


def certificate(folder: Path) -> Certificate:
    if shutil.which("openssl") is None and not os.environ.get("CI"):
        pytest.skip("no openssl on this machine; apt-get install openssl")
    made = Certificate(folder / "key.pem", folder / "cert.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(made.key), "-out", str(made.cert)]
    done = subprocess.run([*command, *names, *files], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    return made


@dataclass(slots=True)
class OfficialServers:
    """All in one process. `wire` holds what went over the connections of each play, in order."""

    ports: "Queue[int]" = field(default_factory=Queue)
    marks: dict[str, Event] = field(default_factory=dict)
    wire: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    order: Tell = field(init=False)

    def make(self, tls: Certificate | None, **options: Any) -> int:
        """The port of another server, with those options of socket.io's own."""
        self.order({"options": options, "tls": tls and {"key": str(tls.key), "cert": str(tls.cert)}})
        return self.ports.get(timeout=WITHIN_S)

    def settled(self, play: str) -> list[Line]:
        """What went over the connections of a play that has ended for its client, with their ends."""
        self.marks[play] = Event()
        self.order({"mark": play})
        assert self.marks[play].wait(WITHIN_S), "the server is gone"
        wire = self.wire[play]
        until(lambda: _count(wire, "begin") == _count(wire, "end"), f"the server saw all connections of {play} end")
        return wire

    def told(self, line: Line) -> None:
        if "port" in line:
            self.ports.put(line["port"])
        elif "marked" in line:
            self.marks[line["marked"]].set()
        else:
            self.wire[line.pop("play")].append(line)


def _count(wire: list[Line], way: str) -> int:
    return sum(line["way"] == way for line in tuple(wire))


@contextmanager
def official_servers() -> Iterator[OfficialServers]:
    servers = OfficialServers()
    with conversing([node(), str(NODE / "server.js")], servers.told) as servers.order:
        yield servers
