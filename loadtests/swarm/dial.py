"""What to dial: everything that one connection to a server shares with the next."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from loadtests.swarm.badge import Badge
from loadtests.target import Auth

LONGEST_REASON = 200  # characters of what a server says


class ConnectFailed(Exception):
    """No connection; `reason` in words, `status` the HTTP status if there was one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def refused(status: int, body: bytes | bytearray, location: str) -> ConnectFailed:
    """By an HTTP answer that is not the one that was asked for."""
    text = body.decode("utf-8", "replace").strip()
    said = f"redirected to {location}" if location else f"HTTP {status}, HTML: {text}" if text.startswith("<") else text
    return ConnectFailed(said[:LONGEST_REASON] or f"HTTP {status}", status)


@dataclass(frozen=True, slots=True)
class Dial:
    """A server's address and manners. `transports`: the first is opened, the second, if any, is upgraded to."""

    url: str
    path: str = "/socket.io/"
    transports: tuple[str, ...] = ("websocket",)
    origin: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    badge: Badge = field(default_factory=lambda: Badge(Auth()))  # of who dials; a new one has nothing to show

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.tls else 80)

    def resource(self, transport: str, more: Mapping[str, str]) -> str:
        """Path and query of a request; as in the browser's client, with or without the option's last slash."""
        asked = {**self.query, **self.badge.query(), "EIO": 4, "transport": transport, **more}
        return f"{self.path.rstrip('/')}/?{urlencode(asked)}"

    def websocket_url(self, more: Mapping[str, str]) -> str:
        return f"{'wss' if self.tls else 'ws'}://{urlsplit(self.url).netloc}{self.resource('websocket', more)}"

    def request_headers(self) -> dict[str, str]:
        origin = {"Origin": self.origin} if self.origin else {}
        return {**self.headers, **self.badge.handshake_headers(), **origin}
