"""Starts the server, says where it is, and ends it promptly."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from server_under_test.app import running
from server_under_test.defects import Defects, parse
from server_under_test.engine import MAX_PACKET_BYTES
from server_under_test.journal import Journal, Lines
from server_under_test.settings import Settings, StartError
from server_under_test.storage import Storage, open_storage

KEEP_ALIVE_S = 75  # uvicorn's own 5 s would cut connections just as a slow talker's next message is on its way
END_WITHIN_S = 1  # answers that are on their way may still leave


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; `settings` were checked. Raises StartError."""
    with _listener(settings.host, settings.port) as listener:
        asyncio.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    with _lines(settings.journal, "--journal") as journal_lines, _lines(settings.injected, "--injected") as key:
        defects = Defects(parse(settings.defects), settings.seed, key)
        storage = await _storage(settings.database, defects)
        try:
            async with running(settings, storage, Journal(journal_lines), defects) as app:
                await _Server(_config(app), _url(listener)).serve([listener])
        finally:
            await storage.close()


def _config(app: Any) -> uvicorn.Config:
    # uvicorn takes a handshake that was refused with a reason for one that was forgotten, and says so each time.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "completing handshake" not in record.msg)
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        ws_ping_interval=None,  # Engine.IO has pings of its own; two kinds would hide which one noticed
        ws_max_size=MAX_PACKET_BYTES,
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=END_WITHIN_S,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what was imported stays; the collector need not walk through it in the middle of a message
        print(f"entrega server ready at {self._url}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again once it is done, which would end the process before the storage is closed.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def _lines(path: Path | None, option: str) -> contextlib.closing[Lines]:
    try:
        return contextlib.closing(Lines(path))
    except OSError as error:
        raise StartError(f"{option} {path} cannot be written: {error.strerror}") from None


async def _storage(url: str, defects: Defects) -> Storage:
    try:
        return await open_storage(url, defects)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StartError(f"--database {url} cannot be opened: {cause}; name a file in a folder that exists") from None


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket, not yet listening: who connects too early is refused instead of left waiting."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart takes the same port at once
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        mend = "take another --port, or 0 for any free one"
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}; {mend}") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
