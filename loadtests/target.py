"""A target is all that the load side knows of a server: the keys of a target file, their meanings and defaults.

open -> connect -> join -> escalate | login -> connect -> waiting -> assume -> join | send, message, history | close

A field is a dotted path into a payload, `.` the whole payload, nothing: there is none. Paths may hold {session} and
{after}, the room {session}; there are no other templates. What such words cannot say is a class of one's own (`code`).
Read and checked in loadtests.target_file.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any

NO_SECRET = "entrega"  # where the environment gives none: the bundled server's
ANSWERS = ("object", "error-first", "none")
STEPS = ("escalate", "assume", "close")
WORDS = {  # the keys that take one of a few words
    "join.answer": (*ANSWERS, "event"),
    "send.answer": ANSWERS,
    **{f"{step}.answer": ANSWERS for step in STEPS},
    "message.seq_is": ("count", "time"),
    "client.recover": ("join", "fetch", "none"),
    "client.backoff": ("", "js", "python", "full-jitter"),
}


def _key(meaning: str, default: Any = MISSING) -> Any:
    """A key of a target file; without a default it must be there."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"meaning": meaning})
    return field(default=default, metadata={"meaning": meaning})


def _extra() -> Any:
    return _key("what else the body holds, always the same", {})


def _arguments() -> Any:
    return _key(
        "fields, of dotted ones the first part, that go as an argument each, in this order; none: all in one object", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """By REST: a customer opens a session."""

    path: str = _key("where sessions are opened; empty only where `code` has open_session", "")
    method: str = _key("the request's method", "POST")
    name: str = _key("field that gets the session's name, entrega-RUN-INDEX", "name")
    extra: Mapping[str, Any] = _extra()
    session: str = _key("field of the answer with the session's id", "id")
    token: str = _key("field of the answer with the customer's token; empty: there is none", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """By REST: an agent logs in. Cookies that come with any answer are kept and sent, as a browser does."""

    path: str = _key("where agents log in; empty: the secret itself is their token", "")
    method: str = _key("the request's method", "POST")
    name: str = _key("field that gets the account's name", "name")
    secret: str = _key("field that gets the secret", "secret")
    extra: Mapping[str, Any] = _extra()
    token: str = _key("field of the answer with the agent's token; empty: there is none", "token")
    accounts: tuple[str, ...] = _key("names of accounts, used in turn; none: agent-0, agent-1...", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is asked of the server by REST or by an event."""

    path: str = _key("where that is asked by REST; without path and event nothing needs to be", "")
    method: str = _key("the request's method", "POST")
    event: str = _key("event that asks for it; empty: it goes by REST", "")
    session: str = _key("field that gets the session's id; `.`: the payload is the id", "")
    extra: Mapping[str, Any] = _extra()
    arguments: tuple[str, ...] = _arguments()
    answer: str = _key("the ack of the event: object, error-first or none", "object")
    error: str = _key("field of the ack that says why not", "error")


class Escalate(Step):
    """By REST or socket: the customer asks for a human."""


class Assume(Step):
    """By REST or socket: an agent takes the session."""


class Close(Step):
    """By REST or socket: the customer is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """By REST: an agent hands the session over to another one, for whom alone it waits then. Optional."""

    path: str = _key("where that is asked; empty: agents cannot", "")
    method: str = _key("the request's method", "POST")
    agent: str = _key("field that gets the other agent's account", "agent")
    extra: Mapping[str, Any] = _extra()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How agents hear of waiting sessions. Without path and event entrega tells them itself."""

    path: str = _key("list of waiting sessions, read by GET at every connect; empty: there is none", "")
    every_s: float = _key("without an event: so often the list is read again", 2.0)
    list: str = _key("field of the answer with the list", ".")
    session: str = _key("within one of the list: the session's id", "id")
    name: str = _key("within one of the list: the session's name", "name")
    agent: str = _key("within one of the list: for which agent it waits, after a transfer", "")
    event: str = _key("event that announces one; empty: there is none", "")
    event_session: str = _key("field of the event with the session's id", "id")
    event_name: str = _key("field of the event with the session's name", "name")
    event_agent: str = _key("field of the event with the agent for whom it waits, after a transfer", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """Where the socket is."""

    path: str = _key("Engine.IO path", "/socket.io/")
    namespace: str = _key("Socket.IO namespace", "/")
    query: Mapping[str, str] = _key("parameters of the handshake", {})
    headers: Mapping[str, str] = _key("headers of the handshake alone", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Where a party's token goes, in each of the places that are named."""

    socket: str = _key("field of the socket's `auth`", "token")
    query: str = _key("parameter of the handshake", "")
    header: str = _key("header of REST requests", "Authorization")
    scheme: str = _key("word before the token in that header", "Bearer")
    handshake: bool = _key("whether the header goes with the handshake, too", False)
    cookie: str = _key("name of a cookie, with requests and handshake", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """By socket: a party enters the session's room, with every connection."""

    event: str = _key("event that asks for it; empty: the server puts connections into their rooms by itself", "join")
    room: str = _key("the room's name", "{session}")
    into: str = _key("field that gets the room; `.`, the default without other fields: the payload is the room", "")
    session: str = _key("field that gets the session's id", "")
    token: str = _key("field that gets the party's token", "")
    after: str = _key("field that gets the seq (or time) of the last message that was seen", "")
    extra: Mapping[str, Any] = _extra()
    arguments: tuple[str, ...] = _arguments()
    answer: str = _key(
        "the ack: object, error-first (error or null, then the result) or none; or event, where the answer is one",
        "object",
    )
    answer_event: str = _key("name of that event", "joined")
    takes_s: float = _key("without an answer: so long after it was sent the room counts as entered", 0.25)
    ok: str = _key("field of the answer that is true where it went well; empty: well is what has no error", "")
    ok_is: str = _key("what that field holds then, such as `success`; empty: anything true", "")
    error: str = _key("field of the answer that says why not", "error")
    missed: str = _key("field of the answer with the messages that were missed; empty: it has none", "")
    told_room: str = _key("field of the answer with the room's name", "")
    told_members: str = _key("field of the answer with the number of connections in the room", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A party says something, by socket or by REST."""

    event: str = _key("event that says it; empty: only by REST", "")
    path: str = _key("where it is said by REST; empty: only by socket", "")
    method: str = _key("the request's method", "POST")
    text: str = _key("field that gets the text; `.`: the payload is the text", "text")
    mid: str = _key("field that gets the client's own id of the message; the text has it anyway", "")
    session: str = _key("field of the event that gets the session's id", "")
    room: str = _key("field of the event that gets the room's name", "")
    extra: Mapping[str, Any] = _extra()
    arguments: tuple[str, ...] = _arguments()
    answer: str = _key("the ack: object, error-first or none", "object")
    takes_s: float = _key("without an answer: so long after it was sent, if still connected, it was accepted", 0.25)
    ok: str = _key("field of the ack that is true where it went well; empty: well is what has no error", "")
    ok_is: str = _key("what that field holds then, such as `success`; empty: anything true", "")
    error: str = _key("field of ack or REST answer that says why not", "error")
    message: str = _key("field of ack or REST answer with the stored message", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it comes; all but event and body are within one message, live or of the history."""

    event: str = _key("event that brings one")
    argument: int = _key("which of that event's arguments is its payload, from 0", 0)
    body: str = _key("field of that payload with the message", ".")
    text: str = _key("its text", "text")
    id: str = _key("the server's id of it; empty: it has none", "id")
    mid: str = _key("the sender's own id of it; empty: it comes back in the text only", "")
    seq: str = _key("its number or time within the session; empty: it has none", "")
    seq_is: str = _key("count: 1, 2, 3... without holes; time: it only grows (ms, an ISO 8601 time, an id)", "count")
    session: str = _key("the session's id; empty: it does not say", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """By REST: what was said. Agents read it when they assume, the auditor with an agent's token at the end."""

    path: str = _key("where it is read, by GET; empty: nowhere", "")
    list: str = _key("field of the answer with the messages", ".")
    from_start: str = _key("what stands for {after} when nothing was seen yet", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What the server says of itself; goals and the label by_design rest on it. By default, what other keys allow."""

    ack: bool = _key("a sender is told that its message was taken", True)
    history: bool = _key("what was missed can be had later", True)
    order: bool = _key("messages of a session are emitted in the order of seq", True)
    private: bool = _key(
        "agents hear the sessions alone that they hold or held; false: all of them, which is no leak", True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How the team's own widget behaves, as they declare it: what the page's own code does is not looked at."""

    rejoin: bool = _key("it joins again after every reconnect", True)
    reconnect: bool = _key("it comes back when its connection has ended", True)
    recover: str = _key("what it missed: join (comes with the answer), fetch (read by REST after it) or none", "none")
    fetch_first: bool = _key("it fetches before it joins", False)
    replace: bool = _key("what it fetches replaces what it showed", False)
    dedupe: bool = _key("it shows a message once, by its id; false: and asks for all with every join", True)
    listens_after_ms: float = _key("so long after it connected it listens for messages", 0.0)
    backoff: str = _key(
        "how its delays before new attempts grow: js, python, full-jitter; empty: as the scenario says", ""
    )
    backoff_s: float = _key("its first delay before a new attempt; 0: as the scenario says", 0.0)
    backoff_max_s: float = _key("its longest one; 0: as the scenario says", 0.0)

    @property
    def of_scenario(self) -> dict[str, Any]:
        """What is said in the place of a scenario's fields, which are called the same."""
        names = ("backoff", "backoff_s", "backoff_max_s")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one kind of party says and hears."""

    socket: Socket
    auth: Auth
    join: Join
    send: Send
    message: Message
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server. The tables of a Side stand for both kinds of party; [agent.TABLE] says what differs for agents."""

    name: str = _key("how it is called; by default the file's name")
    folder: str = _key("where `start` runs and `code` lies; by default the file's folder", "")
    sentence: str = _key("which server that is", "")
    start: str | None = _key("command line that starts it, for runs without --host; none: it runs already", None)
    url: str = _key("where it is when the run does not start it", "")
    origin: str = _key("the page that the widget is embedded in; empty: no Origin is sent", "")
    headers: Mapping[str, str] = _key("what every request and handshake has", {})
    agent_secret: str = _key("environment variable with what agents log in with", "ENTREGA_AGENT_SECRET")
    code: str = _key("FILE.py:CLASS with any of open_session, open_agent, send, history", "")
    defects: tuple[str, ...] = _key("names of wrong code that it can switch on by ENTREGA_DEFECT", ())
    open: Open
    login: Login
    escalate: Escalate
    waiting: Waiting
    assume: Assume
    transfer: Transfer
    close: Close
    widget: Side
    agent: Side
    promises: Promises
    client: Client

    @property
    def secret(self) -> str:
        """What agents log in with; it never enters a run folder."""
        return os.environ.get(self.agent_secret, NO_SECRET)


SIDES = ("widget", "agent")
SIDE: Mapping[str, Any] = {each.name: each.type for each in dataclasses.fields(Side)}
SECTIONS: Mapping[str, Any] = {
    each.name: each.type
    for each in dataclasses.fields(Target)
    if each.name not in SIDES and "meaning" not in each.metadata
}
