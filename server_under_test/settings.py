"""How a server is started: one frozen value, checked before anything is opened."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server_under_test.defects import parse


class StartError(Exception):
    """The server cannot start; the message is one line that says why, and the mend."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`defects` are `server.NAME[=VALUE]`; `origins` are allowed beside the server's own. Port 0: any free one."""

    host: str = "127.0.0.1"
    port: int = 8000
    database: str = "sqlite:///entrega.db"
    defects: tuple[str, ...] = ()
    seed: int = 0
    journal: Path | None = None
    injected: Path | None = None
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    origins: tuple[str, ...] = ("https://shop.example",)

    def check(self) -> None:
        """Raises StartError and DefectError for what can be seen to be wrong without opening anything."""
        if not 0 <= self.port <= 65_535:
            raise StartError(f"--port {self.port} is no port; take 0 (any free one) to 65535")
        if not 1 <= self.ping_interval_s < 86_400 or self.ping_interval_s % 1:
            raise StartError(
                f"--ping-interval {self.ping_interval_s:g} cannot be told to clients; take whole seconds, at least 1"
            )
        if not 0 < self.ping_timeout_s < 86_400:
            raise StartError(f"--ping-timeout {self.ping_timeout_s:g} is no time to wait; take 0.1 to 86400 seconds")
        defects = parse(self.defects)
        for name in ("server.join-delay", "server.slow-handshake"):
            if defects.get(name, 0.0) >= self.ping_timeout_s * 1000:
                raise StartError(f"{name} must be shorter than --ping-timeout, or none would ever end")
        if not re.fullmatch(r"sqlite(\+aiosqlite)?:///(?!:memory:).+", self.database):
            raise StartError(f"--database {self.database!r} names no SQLite file; write sqlite:///FILE")
        for origin in self.origins:
            parts = urlsplit(origin)
            if f"{parts.scheme}://{parts.netloc}" != origin or not parts.scheme or not parts.netloc:
                raise StartError(f"--origin {origin!r} is no origin; write SCHEME://HOST[:PORT] and nothing after it")
