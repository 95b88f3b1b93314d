"""What a stranger may do about it when a step of a probe fails: which key of the target, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadtests.payload import WHOLE, getter
from loadtests.swarm.rest import Answer
from loadtests.target import Message

URL, AUTH = "url", "[auth]"
OF_AGENTS = "; what agents alone show stands under [agent.auth]"

# A connection's reason in words (any of them) or its HTTP status -> the key, and what is to be done.
CONNECTING: tuple[tuple[tuple[str | int, ...], str, str], ...] = (
    (("certificate",), "--ca", "give the file with the authority that signed the server's certificate"),
    (("plain http",), URL, "it speaks http, not https"),
    (("redirected",), URL, "give the address that it redirects to"),
    ((429,), "-r", "the server limits connections: raise its limit for load tests, or play at a lower rate"),
    ((502, 503, 504), URL, "the server, or a proxy before it, says that it is not up; see their logs"),
    (("transport unknown",), "[socket]", "the server's `transports` have no websocket: agents always come by one, "
     "widgets unless --set transport=polling"),
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


# How far an attempt came -> the same: what else it may have failed of there.
REACHED: Mapping[str, tuple[str, str]] = {
    "nothing": (URL, "is the server there, and does it stay?"),
    "silence": (AUTH, "the path is right, and CONNECT was not answered in time: does a middleware of the server wait "
                "for something that it was not shown?"),
    "refusal": (AUTH, "the server's own words: show what it wants, as a token, or in query and headers of [socket]"),
}  # fmt: skip


def of_connection(reason: str, status: int | None, reached: str = "nothing") -> tuple[str, str]:
    """The key and the mend for a connection that failed; `reached` is one of REACHED."""
    said = reason.lower()
    if reached == "silence" and said == "timeout":
        return REACHED[reached]
    for signs, key, mend in CONNECTING:
        if any(sign == status if isinstance(sign, int) else sign in said for sign in signs):
            return key, mend
    return REACHED[reached]


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
    if "redirected to /" in reason:
        return f"[{section}] path", "it sends visitors to another page: is the path right, and what was shown enough?"
    if 300 <= status < 400:
        return URL, "give the address that it redirects to"
    if "html" in reason or status in (404, 405):
        return f"[{section}] path or method", "a page answered, or nothing: the REST side is elsewhere"
    if status in (401, 403) and section == "open":
        return "headers", "opening is not for everybody: a key goes there or into [open] extra, a login is for `code`"
    if status in (401, 403):
        return ("[login]" if section == "login" else AUTH), "what was shown is not enough: name, secret or token"
    if status < 300:
        return (
            f"[{section}] path",
            "what it answers is no JSON: is the path right? A class (`code`) can read other answers",
        )
    if status < 500 and section == "history":
        return "[history] path, from_start", "is from_start what the server takes for {after} before anything was seen?"
    if status < 500:
        return f"[{section}]", "the server wants other fields: see what it says, and name, secret, text and extra"
    return f"[{section}]", "the server itself failed; see its log"


def of_ack(section: str, why: str | None, keys: str) -> tuple[str, str]:
    """The key and the mend where an answer says no; `refused` it is called where it gives no reason."""
    if why == "refused":
        return (
            f"[{section}] ok, ok_is, error",
            "it was answered, and by these keys the answer is neither a yes nor an error",
        )
    return f"[{section}]", f"{keys}: see what it says"


def of_field(section: str, key: str, answer: Answer) -> tuple[str, str]:
    """The key and the mend where an answer lacks the field that a key names."""
    return f"[{section}] {key}", f"the answer has {', '.join(paths(answer.body)) or 'no fields'}"


def lacking(names: Message, payload: Any) -> str:
    """Which fields of a message a payload has not."""
    message = getter(names.body)(payload)
    keys = ("text", "id", "seq", "session") if message is not None else ("body",)
    found = {key: getter(getattr(names, key) or WHOLE)(message) for key in keys}
    absent = [f"{key} = {getattr(names, key)!r}" for key in keys if found[key] is None]
    return f"; it lacks {', '.join(absent)}" if absent else ""


def argument_with(mid: str, names: Message, arguments: Sequence[Any]) -> int | None:
    """Which of an event's arguments has the text with that mid."""
    texts = (getter(names.text)(getter(names.body)(each)) for each in arguments)
    return next((place for place, text in enumerate(texts) if isinstance(text, str) and mid in text), None)


def paths(payload: Any, before: str = "") -> Iterator[str]:
    """The dotted paths of a payload's values."""
    if isinstance(payload, dict):
        for name, inner in payload.items():
            yield from paths(inner, f"{before}.{name}" if before else str(name))
    elif before:
        yield before
