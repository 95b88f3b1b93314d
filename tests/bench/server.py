"""Measure the bundled server: messages that REST accepts in a second, and what one costs it.

Each of WIDGETS sessions has one keep-alive connection that posts as fast as it is answered, and one joined socket
that is sent every message. Both speak raw, so that what is measured is the server and not its clients. The server
keeps its journal, as in a run. `python -m tests.bench.server`
"""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.server_process import ServerProcess, running

WIDGETS = 32
SECONDS = 4.0


def measure() -> dict[str, float]:
    """Messages accepted and delivered per second, the server's CPU per message (us) and its share of a core."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        return asyncio.run(_measure(server))


def main() -> None:
    """Print the measurements."""
    for name, value in measure().items():
        print(f"server {name:<22} {value:>10,.2f}")


async def _measure(server: ServerProcess) -> dict[str, float]:
    widgets = [await _Widget.open(server.url, number) for number in range(WIDGETS)]
    began_s, cpu_before_s = time.monotonic(), _cpu_s(server.process.pid)
    accepted = sum(await asyncio.gather(*(widget.post(began_s + SECONDS) for widget in widgets)))
    took_s, cpu_s = time.monotonic() - began_s, _cpu_s(server.process.pid) - cpu_before_s
    delivered = sum([await widget.close() for widget in widgets])
    return {
        "accepted_per_s": accepted / took_s,
        "delivered_per_s": delivered / took_s,
        "cpu_us_per_message": cpu_s / accepted * 1e6,
        "cpu": cpu_s / took_s,
    }


class _Widget:
    """One session."""

    def __init__(self, socket: ClientConnection, streams: Any, session_id: str, token: str) -> None:
        self._socket = socket
        self._counting = asyncio.create_task(self._count())
        self._delivered = 0
        self._reader, self._writer = streams
        self._head = f"POST /api/chat/sessions/{session_id}/messages HTTP/1.1\r\nHost: server\r\n"
        self._head += f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    @classmethod
    async def open(cls, url: str, number: int) -> "_Widget":
        async with httpx.AsyncClient(base_url=url) as client:
            opened = (await client.post("/api/chat/sessions", json={"name": f"widget {number}"})).json()
        session_id, token = opened["session"]["id"], opened["token"]
        socket = await connect(f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket", compression=None)
        for frame in ("40" + json.dumps({"token": token}), "420" + json.dumps(["join", f"chat:{session_id}"])):
            await socket.recv()
            await socket.send(frame)
        streams = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        return cls(socket, streams, session_id, token)

    async def _count(self) -> None:
        async for frame in self._socket:
            self._delivered += frame.startswith('42["new-message"')  # type: ignore[arg-type]

    async def post(self, until_s: float) -> int:
        """Post until then; how many were accepted."""
        accepted = 0
        while time.monotonic() < until_s:
            body = json.dumps({"text": "Where is my parcel?", "clientId": f"bench:{accepted}.w.0"})
            self._writer.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201"), head
            await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
            accepted += 1
        return accepted

    async def close(self) -> int:
        """End both connections; how many messages came by socket."""
        self._writer.close()
        await self._writer.wait_closed()
        await self._socket.close()
        await self._counting
        return self._delivered


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
