"""REST requests with a deadline, whose every end is an answer: a status, or the reason why there is none."""

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent
import orjson
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

from loadtests.swarm.badge import Badge

POOL = 500  # sockets kept for all parties of a process; a smaller pool would make senders wait for each other


class Answer(NamedTuple):
    """`status` None: no answer came, and `reason` says why. `body` None: no JSON."""

    status: int | None
    body: Any
    reason: str | None = None
    retry_after_s: float | None = None
    raw: bytes = b""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return self.status is not None and 400 <= self.status < 500


class Rest:
    """One server's REST side, shared by all parties of a process."""

    def __init__(self, url: str, deadline_s: float, tls: ssl.SSLContext | None, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._deadline_s = deadline_s
        self._headers = {"Content-Type": "application/json", **headers}
        self._prefix = parts.path.rstrip("/")
        self._http = HTTPClient(
            parts.hostname or "",
            parts.port,
            ssl=tls is not None,
            ssl_context_factory=lambda **_: tls,
            concurrency=POOL,
            connection_timeout=deadline_s,
            network_timeout=deadline_s,
        )

    def call(self, method: str, path: str, body: Any = None, badge: Badge | None = None) -> Answer:
        """Cookies of the answer go to the badge."""
        headers = {**self._headers, **(badge.headers() if badge else {})}
        data = orjson.dumps(body) if body is not None else b""
        try:
            with gevent.Timeout(self._deadline_s, TimeoutError("timeout")):
                response = self._http.request(method, self._prefix + path, data, headers)
                return _answer(response, badge)
        except TimeoutError:
            return Answer(None, None, "timeout")
        except (OSError, HTTPParseError) as error:
            return Answer(None, None, getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _answer(response: Any, badge: Badge | None) -> Answer:
    raw = bytes(response.read())
    status, body, headers = response.status_code, _json(raw), response.info()
    cookies = headers.getlist("set-cookie")
    if badge is not None and cookies:
        badge.keep(cookies)
    pause = headers.get("retry-after", "")  # in seconds; or it is a date
    pause_s = float(pause) if pause.isdecimal() else None
    return Answer(status, body, _why(status, body, raw, headers), pause_s, raw)


def _why(status: int, body: Any, raw: bytes, headers: Any) -> str | None:
    """What is wrong with an answer that a stranger could not read off its status; null: nothing."""
    if 300 <= status < 400:
        return f"HTTP {status}, redirected to {headers.get('location')}"
    if body is None and raw:
        kind = "HTML" if raw.lstrip()[:1] == b"<" else "no JSON"
        return f"HTTP {status}, {kind}"
    return None


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
