"""Is anybody there? Asked once before a run, so that a mistyped address is not reported as a chat that loses all."""

import http.client
from urllib.parse import urlsplit

from loadtests.target import TargetError

DEADLINE_S = 5.0


def check_answers(url: str) -> None:
    """Raise TargetError unless an HTTP server answers there, whatever it says."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    try:
        connection.request("HEAD", "/")
        connection.getresponse().close()
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        raise TargetError(
            f"nothing answers at {url} ({why}); start the server, or mend -H or the target's url"
        ) from None
    finally:
        connection.close()
