"""Faults: what may happen at a time to correct software. The closed table, and a scenario's tables [faults.NAME]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtests.bad_input import near
from loadtests.values import Range, ScenarioError, between, mapping, number, share, word

SERVER, PARTY, WIDGET = "the server", "a party", "a widget"  # whom a fault hits


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: `hits` is SERVER, PARTY (`who` says which) or WIDGET; `fields` are its own."""

    sentence: str
    hits: str
    fields: tuple[str, ...] = ()


FAULTS: Mapping[str, Kind] = {
    "drop": Kind("the connection is reset, and the network is away for for_s", PARTY),
    "close": Kind("the connection is closed by something in between, and there is no new one for for_s", PARTY),
    "offline": Kind("the network is away for for_s; the page knows at once, the server is told nothing", PARTY),
    "half-open": Kind("the link swallows what goes down, up or both for for_s, and tells nobody", PARTY, ("way",)),
    "idle-limit": Kind(
        "for for_s something in between closes a connection over which nothing came for idle_s", PARTY, ("idle_s",)
    ),
    "websocket-cut": Kind("for for_s something in between closes every new websocket right after its handshake", PARTY),
    "poll-cut": Kind("for for_s something in between closes polls instead of handing on their answers", PARTY),
    "slow-read": Kind("only so many bytes a second are read for for_s", PARTY, ("bytes_per_s",)),
    "freeze": Kind("the page stands still for for_s, as in a locked phone; its sockets stay open", PARTY),
    "reload": Kind("the page is left, and loaded anew for_s later: empty, with the same token", PARTY),
    "two-tabs": Kind("a second page of the same session is open for for_s", WIDGET),
    "token-expiry": Kind("the token is refused from then on; for_s later the page has a new one", WIDGET),
    "kill-server": Kind("the server gets SIGKILL, and is started again on the same port after for_s", SERVER),
    "stop-server": Kind("the server gets SIGTERM, and is started again on the same port after for_s", SERVER),
    "stall-server": Kind("the server gets SIGSTOP, and SIGCONT after for_s", SERVER),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a scenario; `name` is one of FAULTS."""

    name: str
    at_s: Range  # from the session's opening; for agents and the server from the run's start
    for_s: Range
    every_s: Range = (0.0, 0.0)  # from one to the next of the same party; 0: it happens once
    share: float = 1.0  # of the parties that it may happen to
    who: str = "widget"  # widget, agent or both
    way: str = "both"  # what a half-open link swallows: down, up, both, or any: drawn each time
    bytes_per_s: float = 100.0
    idle_s: float = 1.0

    def table(self) -> dict[str, Any]:
        """As in a scenario's file."""
        return {name: getattr(self, name) for name in fields_of(self.name)}

    def hits(self, role: str) -> bool:
        """Whether widget, agent or server may be hit."""
        if FAULTS[self.name].hits == SERVER:
            return role == "server"
        return role in ("widget", "agent") and self.who in (role, "both")


VALUES: Mapping[str, Callable[[str, Any], Any]] = {
    "at_s": between,
    "for_s": between,
    "every_s": between,
    "share": share,
    "who": lambda name, value: word(name, value, ("widget", "agent", "both")),
    "way": lambda name, value: word(name, value, ("down", "up", "both", "any")),
    "bytes_per_s": number,
    "idle_s": number,
}


def fields_of(name: str) -> tuple[str, ...]:
    """The fields that this fault takes."""
    kind = FAULTS[name]
    chosen = {SERVER: (), WIDGET: ("share",), PARTY: ("share", "who")}[kind.hits]
    return ("at_s", "for_s", "every_s", *chosen, *kind.fields)


def fault(name: str, table: Any) -> Fault:
    """The checked fault of a scenario's table. Raises ScenarioError."""
    if name not in FAULTS:
        raise ScenarioError(f"no fault {name!r}; {near(name, FAULTS, '`entrega list faults` has them all')}")
    given, known = mapping(f"faults.{name}", table), fields_of(name)
    for field in given:
        if field not in known:
            raise ScenarioError(f"faults.{name} has no field {field!r}; known are {', '.join(known)}")
    for field in ("at_s", "for_s"):
        if field not in given:
            raise ScenarioError(f"faults.{name} lacks {field}; give at_s and for_s in seconds")
    found = Fault(name, **{field: VALUES[field](f"faults.{name}.{field}", value) for field, value in given.items()})
    if found.every_s[1] > 0 and found.every_s[0] <= found.for_s[1]:
        raise ScenarioError(f"faults.{name}.every_s must be longer than its for_s, or 0 for once")
    return found
