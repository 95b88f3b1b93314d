"""The server's parts put together."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import socketio
from starlette.types import ASGIApp

from server_under_test.conversations import Conversations
from server_under_test.defects import Defects
from server_under_test.engine import ChatServer
from server_under_test.journal import Journal
from server_under_test.origins import Origins
from server_under_test.publisher import Publisher
from server_under_test.rest import Rest
from server_under_test.settings import Settings
from server_under_test.sockets import Sockets
from server_under_test.storage import Storage
from server_under_test.tokens import Tokens

LAG_EVERY_S = 0.5
LAG_TICK_S = 0.05


@contextlib.asynccontextmanager
async def running(settings: Settings, storage: Storage, journal: Journal, defects: Defects) -> AsyncIterator[ASGIApp]:
    """The ASGI app, with its writer and its watch on the loop at work until the end."""
    server = ChatServer(
        journal, Origins(settings.origins, journal, defects), settings.ping_interval_s, settings.ping_timeout_s
    )
    publisher = Publisher(server, journal, defects)
    conversations = Conversations(storage, publisher, journal, defects)
    tokens = Tokens(storage.token_key, defects)
    sockets = Sockets(server, conversations, publisher, tokens, journal, defects)
    server.on("connect", sockets.connect)
    server.on("disconnect", sockets.disconnect)
    server.on_handshake = sockets.handshake
    server.on_event = sockets.event
    async with asyncio.TaskGroup() as tasks:
        at_work = [
            tasks.create_task(work) for work in (conversations.write(), publisher.held.work(), _watch(server, journal))
        ]
        yield socketio.ASGIApp(server, Rest(conversations, tokens).app())
        for task in at_work:
            task.cancel()


async def _watch(server: ChatServer, journal: Journal) -> None:
    """Twice a second write the longest that the loop was late, and whom it has not reached yet."""
    while True:
        lag_s = 0.0
        until = time.monotonic() + LAG_EVERY_S
        while (now := time.monotonic()) < until:
            await asyncio.sleep(LAG_TICK_S)
            lag_s = max(lag_s, time.monotonic() - now - LAG_TICK_S)
        journal.write("loop_lag", lag_ms=round(lag_s * 1000, 3))
        server.write_queues()
