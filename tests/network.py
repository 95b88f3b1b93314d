"""A TCP proxy between any client and its server: a network that can be hurt, for clients that have no wire of ours."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from tests.played import WITHIN_S

HOST = "127.0.0.1"
CHUNK_BYTES = 65536


@dataclass(slots=True)
class Network:
    """One client's network to one server. Its orders return when they have been carried out."""

    loop: asyncio.AbstractEventLoop
    server_port: int
    port: int = 0
    connected_ns: list[int] = field(default_factory=list)  # when the client made its connections, failed ones too
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)  # of open connections, ours to client and server
    _flows: dict[str, asyncio.Event] = field(default_factory=dict)
    _away_until_s: float = 0.0
    _listener: asyncio.Server = field(init=False)

    def reset(self, away_s: float) -> None:
        """RST to both sides, and to everybody who connects within `away_s`."""
        self.carry_out(self._reset(away_s))

    def hold(self, *ways: str) -> None:
        """From now on nothing goes `up` (to the server), `down`, both or neither; it stands still until then."""
        self.carry_out(self._hold(ways))

    def begin(self) -> None:
        self.carry_out(self._begin())

    def end(self) -> None:
        self._listener.close()
        self.hold()
        self.reset(WITHIN_S)

    def carry_out(self, order: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(order, self.loop).result(WITHIN_S)

    async def _begin(self) -> None:
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        await self._hold(())
        self._listener = await asyncio.start_server(self._connected, HOST, 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _reset(self, away_s: float) -> None:
        self._away_until_s = time.monotonic() + away_s
        for end in self._ends:
            _reset(end)

    async def _hold(self, ways: tuple[str, ...]) -> None:
        for way, flows in self._flows.items():
            flows.clear() if way in ways else flows.set()

    async def _connected(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.connected_ns.append(time.monotonic_ns())
        if time.monotonic() < self._away_until_s:
            _reset(client)
            return
        answers, server = await asyncio.open_connection(HOST, self.server_port)
        if client.is_closing():  # it left meanwhile, or was reset
            _reset(server)
            return
        self._ends |= {client, server}
        ways = [
            asyncio.create_task(self._carry("up", reader, server)),
            asyncio.create_task(self._carry("down", answers, client)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        client.close()
        server.close()
        await asyncio.wait(ways)
        self._ends -= {client, server}

    async def _carry(self, way: str, come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # it was reset, by us or by one of the two
            while True:
                data = await come.read(CHUNK_BYTES)
                await self._flows[way].wait()
                if not data or come.exception() is not None:  # a reset takes with it what has not arrived
                    return
                go.write(data)
                await go.drain()


def _reset(end: asyncio.StreamWriter) -> None:
    """RST, not FIN."""
    if not end.is_closing():
        linger = struct.pack("ii", 1, 0)
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        end.transport.abort()


@contextmanager
def networks() -> Iterator[Callable[[int], Network]]:
    """Makes networks to servers on that port of this machine; all end with it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    made: list[Network] = []

    def make(server_port: int) -> Network:
        network = Network(loop, server_port)
        network.begin()
        made.append(network)
        return network

    try:
        yield make
    finally:
        for network in made:
            network.end()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN_S)
        loop.close()
