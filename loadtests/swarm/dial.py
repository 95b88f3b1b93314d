"""What to dial: everything that one connection to a server shares with the next."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from loadtests.swarm.badge import Badge

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
    badge: Badge | None = None  # of who dials, if it has anything to show before CONNECT

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.tls else 80)

    def resource(self, transport: str, more: Mapping[str, str]) -> str:
        """Path and query of a request; as in the browser's client, with or without the option's last slash."""
        worn = self.badge.query() if self.badge else {}
        return f"{self.path.rstrip('/')}/?{urlencode({**self.query, **worn, 'EIO': 4, 'transport': transport, **more})}"

    def websocket_url(self, more: Mapping[str, str]) -> str:
        return f"{'wss' if self.tls else 'ws'}://{urlsplit(self.url).netloc}{self.resource('websocket', more)}"

    def request_headers(self) -> dict[str, str]:
        worn = self.badge.handshake_headers() if self.badge else {}
        return {**self.headers, **worn, **({"Origin": self.origin} if self.origin else {})}

    def keep_cookies(self, set_cookies: list[str]) -> None:
        """What a handshake was answered with goes with every later one, and with the upgrade."""
        if self.badge and set_cookies:
            self.badge.keep(set_cookies)
