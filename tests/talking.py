"""Small websocket servers that talk as a test wants them to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

from websockets.sync.server import ServerConnection, serve

from tests.played import WITHIN_S

OPEN = '0{"sid":"e","upgrades":[],"pingInterval":%d,"pingTimeout":%d}'
CONNECTED = '40{"sid":"s"}'


@contextmanager
def speaking(talk: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A websocket server that talks so with everybody."""
    with serve(talk, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join(WITHIN_S)


def listens(connection: ServerConnection, *greeting: str, ping_s: int = 60) -> None:
    """Handshake, greeting, and then only what keeps a connection open."""
    connection.send(OPEN % (ping_s * 1000, ping_s * 1000))
    assert str(connection.recv(WITHIN_S)).startswith("40")
    for frame in (CONNECTED, *greeting):
        connection.send(frame)
    for _ in connection:
        pass
