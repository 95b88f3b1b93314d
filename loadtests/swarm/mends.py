"""What a stranger may do about it when a step of a probe fails: which key of the target, and why."""

from collections.abc import Iterator
from typing import Any

from loadtests.swarm.rest import Answer

URL, AUTH = "url", "[auth]"

# A connection's reason in words (any of them) or its HTTP status -> the key, and what is to be done.
CONNECTING: tuple[tuple[tuple[str | int, ...], str, str], ...] = (
    (("certificate",), "--ca", "give the file with the authority that signed the server's certificate"),
    (("plain http",), URL, "it speaks http, not https"),
    (("redirected",), URL, "give the address that it redirects to"),
    (("no sid in the answer", "96:0{", "97:0{", '"unsupported protocol'), "[socket]", "the server speaks an older "
     "protocol: entrega plays Socket.IO 3 and 4 (Engine.IO 4), as browsers with a client of that age do"),
    (("namespace",), "[socket] namespace", "give the namespace that the server has for this kind of party"),
    (("origin",), "origin", "give the page's origin that the server allows"),
    (("auth", "token", "ticket", "jwt", "cookie", "credential", "log in", "unauthorized", "forbidden", 401, 403),
     AUTH, "say where the party's token goes: socket, query, header with handshake, or cookie"),
    (("timeout",), "[socket] path", "nothing answered in time: a server that is too slow, or a path that is not the "
     "socket's"),
    ((404, 400, 200, "engine.io", "handshake", "http response"), "[socket] path", "it is not what the server's `path` "
     "option says"),
)  # fmt: skip


def of_connection(reason: str, status: int | None) -> tuple[str, str]:
    """The key and the mend for a connection that failed."""
    said = reason.lower()
    for signs, key, mend in CONNECTING:
        if any(sign == status if isinstance(sign, int) else sign in said for sign in signs):
            return key, mend
    return URL, "is the server there, and does it stay?"


def of_answer(answer: Answer, section: str) -> tuple[str, str]:
    """The key and the mend for a REST request that was not answered well."""
    status, reason = answer.status, (answer.reason or "").lower()
    if "certificate" in reason:
        return "--ca", "give the file with the authority that signed the server's certificate"
    if status is None:
        return URL, "no answer came: is the server there, and fast enough?"
    if status == 429:
        wait = f", it says for {answer.retry_after_s:g} s" if answer.retry_after_s else ""
        return "-r", f"the server limits requests{wait}: raise its limit for load tests, or play at a lower rate"
    if 300 <= status < 400:
        return URL, "give the address that it redirects to"
    if "html" in reason or status in (404, 405):
        return f"[{section}] path or method", "a page answered, or nothing: the REST side is elsewhere"
    if status in (401, 403):
        return ("[login]" if section == "login" else AUTH), "what was shown is not enough: name, secret or token"
    if status < 500:
        return f"[{section}]", "the server wants other fields: see what it says, and name, secret, text and extra"
    return f"[{section}]", "the server itself failed; see its log"


def of_field(section: str, key: str, answer: Answer) -> tuple[str, str]:
    """The key and the mend where an answer lacks the field that a key names."""
    return f"[{section}] {key}", f"the answer has {', '.join(paths(answer.body)) or 'no fields'}"


def paths(payload: Any, before: str = "") -> Iterator[str]:
    """The dotted paths of a payload's values."""
    if isinstance(payload, dict):
        for name, inner in payload.items():
            yield from paths(inner, f"{before}.{name}" if before else str(name))
    elif before:
        yield before
