"""What hostile servers do (tests/hostile_server.py), and what their clients are to do all the same."""

from collections.abc import Callable

from tests.endured import Endured
from tests.hostile_server import OPEN, Act, Peer, Request

GOOD_OPEN = OPEN % ("e", 60_000, 60_000)
LARGEST_KB = 250_000  # of the clients' process, whatever they are sent; 50,000 before that
SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def says(data: bytes) -> Act:
    """And closes."""
    return lambda peer, _: peer.say(data)


def says_only(data: bytes) -> Act:
    """And then nothing, for as long as the client wants to wait."""

    def act(peer: Peer, _: Request | None) -> None:
        peer.say(data)
        peer.hold()

    return act


def drips(data: Callable[[Peer, Request], bytes]) -> Act:
    """Byte by byte, each in a segment of its own, and then all is as it should be."""

    def act(peer: Peer, request: Request | None) -> None:
        assert request is not None
        for byte in data(peer, request):
            peer.say(bytes([byte]))
        peer.hold()

    return act


def floods(first: bytes, again: bytes) -> Act:
    """For as long as anybody takes it."""

    def act(peer: Peer, _: Request | None) -> None:
        peer.say(first)
        while True:
            peer.say(again * (65536 // len(again) + 1))

    return act


def http(status: str, body: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


holds: Act = says_only(b"")
closes: Act = says(b"")


def resets(peer: Peer, _: Request | None) -> None:
    peer.reset()


def switches_with(*headers: str) -> Act:
    """As it should, but for these headers."""

    def act(peer: Peer, request: Request | None) -> None:
        assert request is not None
        peer.say(peer.switch(request)[:-2] + "\r\n".join([*headers, "", ""]).encode())
        peer.hold()

    return act


def ends_well(client: Endured) -> None:
    """It has come back and is in order; when it leaves, nothing of it is left once the server has gone."""
    client.hear("event", event="hello")
    leaves(client)


def leaves(client: Endured) -> None:
    client.do("disconnect")
    client.hear("disconnected", reason="io client disconnect")
