"""A target is all that the load side knows of a server: one TOML file, one frozen value.

Paths may hold {session} and {after}, the room {session}; everything else is names and dotted paths into payloads.
"""

import contextlib
import dataclasses
import ipaddress
import os
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtests.bad_input import BadInput

SHIPPED = Path(__file__).parent / "targets"


class TargetError(BadInput):
    """A target that cannot be used; the message is one line that names file, key and mend."""


@dataclass(frozen=True, slots=True)
class Rest:
    """REST paths, relative to the target's url."""

    open: str
    escalate: str
    assume: str
    close: str
    waiting: str
    history: str
    send: str
    agent_token: str
    transfer: str = ""  # empty: agents cannot hand sessions over


@dataclass(frozen=True, slots=True)
class Socket:
    """The Engine.IO path, the room's format and the names of events."""

    path: str
    room: str
    join: str
    send: str
    message: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Dotted paths: where in a payload something stands. `id` to `text` are within one message."""

    opened_session: str
    opened_token: str
    waiting_session: str
    waiting_metadata: str
    listed: str
    listed_session: str
    listed_metadata: str
    agent_token: str
    ok: str
    error: str
    sent_message: str
    live_message: str
    missed: str
    room: str
    members: str
    id: str
    mid: str
    seq: str
    session: str
    text: str
    waiting_agent: str = ""  # these three are needed for a transfer only
    listed_agent: str = ""
    transfer_agent: str = ""


@dataclass(frozen=True, slots=True)
class Promises:
    """What the server says of itself; goals and the label by_design rest on it."""

    ack: bool
    history: bool
    order: bool


@dataclass(frozen=True, slots=True)
class ClientHabits:
    """How the team's own widget behaves."""

    rejoin: bool
    recover: str


@dataclass(frozen=True, slots=True)
class Target:
    """`start` is None for a server that somebody else started; `agent_secret` names an environment variable."""

    name: str
    sentence: str
    start: str | None
    url: str
    origin: str
    agent_secret: str
    defects: tuple[str, ...]
    rest: Rest
    socket: Socket
    fields: Fields
    promises: Promises
    client: ClientHabits


Getters = dict[str, Callable[[Any], Any]]  # by a field's name: what takes it out of a payload, None where it is not

SECTIONS: Mapping[str, type] = {
    "rest": Rest,
    "socket": Socket,
    "fields": Fields,
    "promises": Promises,
    "client": ClientHabits,
}


def shipped() -> dict[str, Path]:
    """Name -> file of the targets that entrega brings along."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load(name: str) -> Target:
    """The target of that name or file. Raises TargetError."""
    path = shipped().get(name, Path(name))
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(
            f"no target {name!r}: neither one of {', '.join(shipped())} nor a readable file ({error})"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{path} is not TOML: {error}") from None
    return from_table({"name": path.stem, "start": None, "defects": [], **table}, str(path))


def from_table(table: Mapping[str, Any], where: str = "run.json") -> Target:
    values = dict(table)
    for section, kind in SECTIONS.items():
        values[section] = _filled(kind, values.get(section), f"{where}: [{section}]")
    values["defects"] = _names(values.get("defects", ()), where)
    target: Target = _filled(Target, values, where)
    _check_sense(target, where)
    return target


def _names(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(name, str) for name in values):
        raise TargetError(f"{where}: defects takes a list of names, not {values!r}")
    return tuple(values)


def _check_sense(target: Target, where: str) -> None:
    if not isinstance(target.start, str | None):
        raise TargetError(f"{where}: start takes text, a command line")
    for name, pattern in {**dataclasses.asdict(target.rest), "room": target.socket.room}.items():
        try:
            pattern.format(session="", after=0)
        except (LookupError, ValueError):
            raise TargetError(f"{where}: {name} = {pattern!r} may hold {{session}} and {{after}} only") from None
    if target.client.recover not in ("join", "fetch"):
        raise TargetError(f"{where}: [client] recover is join (with its ack) or fetch (by REST, after it)")


def _filled(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise TargetError(f"{where} is missing; `entrega list targets bundled` shows a whole target")
    known = {each.name: each for each in dataclasses.fields(kind)}
    for key in values:
        if key not in known:
            raise TargetError(f"{where} has no key {key!r}; known are {', '.join(known)}")
    for key, spec in known.items():
        if key not in values and spec.default is dataclasses.MISSING:
            raise TargetError(f"{where} lacks the key {key!r}")
        if spec.type in (str, bool) and not isinstance(values.get(key, spec.default), spec.type):
            raise TargetError(f"{where}: {key} takes {'text' if spec.type is str else 'true or false'}")
    return kind(**values)


def check_url(url: str, allowed_hosts: tuple[str, ...] = ()) -> str:
    """The url without a trailing slash. Raises TargetError when it is no http url or its host is not loopback."""
    host = _host(url)
    if host not in allowed_hosts and not _is_loopback(host):
        raise TargetError(f"{host} is not this machine; load goes to loopback only, unless --allow-host {host}")
    return url.rstrip("/")


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):  # what urlsplit makes of a port that is none
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and parts.port != 0 and parts.username is None:
            return parts.hostname
    raise TargetError(f"{url!r} is no address to play against; give http://HOST:PORT")


def _is_loopback(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise TargetError(f"{host} is no host that can be found: {error}") from None
    addresses = map(ipaddress.ip_address, found)
    return all(address.is_loopback or address.is_unspecified for address in addresses)


def secret(target: Target) -> str:
    """What agents log in with; it never enters a run folder."""
    return os.environ.get(target.agent_secret, "entrega")


def getters(fields: Fields) -> Getters:
    """A getter for each field by its name: made once, so that a target costs nothing while it is played."""
    return {each.name: getter(getattr(fields, each.name)) for each in dataclasses.fields(fields)}


def getter(dotted: str) -> Callable[[Any], Any]:
    """A function that follows the dotted path into a payload and gives None where it breaks off."""
    names = dotted.split(".")
    if len(names) == 1:
        (only,) = names
        return lambda payload: payload.get(only) if isinstance(payload, dict) else None

    def get(payload: Any) -> Any:
        for name in names:
            payload = payload.get(name) if isinstance(payload, dict) else None
        return payload

    return get
