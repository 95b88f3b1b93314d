"""Is anybody there? Asked once before a run, so that a mistyped address is not reported as a chat that loses all."""

import http.client
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.address import trust
from loadtests.target_file import TargetError

DEADLINE_S = 5.0
AGAIN_S = 0.2
NOT_YET = (502, 503, 504)  # said by what stands in front of a server that is not up yet


def check_answers(url: str, wait_s: float = 0.0, ca: Path | str | None = None) -> None:
    """Raise TargetError unless an HTTP server answers there, whatever it says, now or within `wait_s`."""
    until_s = time.monotonic() + wait_s
    tls = trust(ca) if url.startswith("https:") else None
    while (why := _why_not(url, tls, patient=time.monotonic() < until_s)) is not None:
        if not time.monotonic() < until_s:  # so that a wait of NaN ends as well
            waited = f", within {wait_s:g} s" if wait_s else ""
            raise TargetError(
                f"nothing answers at {url}{waited} ({why}); start the server, or mend -H or the target's url"
            )
        time.sleep(AGAIN_S)


def _why_not(url: str, tls: ssl.SSLContext | None, patient: bool) -> str | None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
    if tls is not None:
        connection = http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=tls)
    try:
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        answer.close()
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".")
        mend = (
            "call it by a name that its certificate has" if "mismatch" in why else "give --ca FILE, with who signed it"
        )
        raise TargetError(f"the certificate of {url} is not accepted ({why}); {mend}") from None
    except ssl.SSLError as error:
        return "plain http is spoken there" if error.reason == "WRONG_VERSION_NUMBER" else str(error)
    except http.client.RemoteDisconnected:
        return "it hung up" if tls else "it hung up: is it https?"
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    finally:
        connection.close()
    return f"HTTP {answer.status}" if patient and answer.status in NOT_YET else None
