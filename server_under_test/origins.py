"""Which pages may open a socket. REST is not asked: whoever holds a token may use it from anywhere."""

from typing import Any

from server_under_test.defects import Defects
from server_under_test.journal import Journal


class Origins:
    """The allow-list. A client that sends no Origin, as any but a browser does, is let in; so is the server's own."""

    def __init__(self, allowed: tuple[str, ...], journal: Journal, defects: Defects) -> None:
        self._allowed = frozenset(allowed)
        self._journal = journal
        self._defects = defects

    def allow(self, origin: str, environ: dict[str, Any]) -> bool:
        if origin == f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}":
            return True
        return origin in self._allowed and not self._defects.value("server.origin")

    def refused(self, origin: str) -> None:
        """Write down that a handshake was refused."""
        if origin in self._allowed:
            self._defects.did("server.origin", "connection", None)
        self._journal.write("origin_refused", origin=origin[:200])
