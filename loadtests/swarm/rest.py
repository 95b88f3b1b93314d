"""REST requests with a deadline, whose every end is an answer: a status, or the reason why there is none."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import orjson
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

POOL = 500  # sockets kept for all parties of a process; a smaller pool would make senders wait for each other


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: no answer came, and `reason` says why. `body` None: no JSON."""

    status: int | None
    body: Any
    reason: str | None = None

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return self.status is not None and 400 <= self.status < 500


class Rest:
    """One server's REST side, shared by all parties of a process."""

    def __init__(self, url: str, deadline_s: float) -> None:
        parts = urlsplit(url)
        self._deadline_s = deadline_s
        self._prefix = parts.path.rstrip("/")
        self._http = HTTPClient(
            parts.hostname or "",
            parts.port,
            ssl=parts.scheme == "https",
            concurrency=POOL,
            connection_timeout=deadline_s,
            network_timeout=deadline_s,
        )

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = orjson.dumps(body) if body is not None else b""
        try:
            with gevent.Timeout(self._deadline_s, TimeoutError("timeout")):
                response = self._http.request(method, self._prefix + path, data, headers)
                return Answer(response.status_code, _json(response.read()))
        except TimeoutError:
            return Answer(None, None, "timeout")
        except (OSError, HTTPParseError) as error:
            return Answer(None, None, getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
