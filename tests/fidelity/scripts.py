"""What a client is to do and to hear, as data, so that several clients can play the same: steps and scripts."""

from dataclasses import dataclass, field
from typing import Any

from tests.json_lines import Line
from tests.players import Order, connect


@dataclass(frozen=True, slots=True)
class Hear:
    """Nothing more is done until the client has heard that, with those fields."""

    what: str
    fields: Line


@dataclass(frozen=True, slots=True)
class HearNothing:
    """For so long the client is to hear nothing at all."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Hurt:
    """The client's network is hurt, or mended: a method of Network."""

    verb: str
    about: tuple[Any, ...]


Step = Order | Hear | HearNothing | Hurt  # orders that follow each other are carried out in one go

PING_INTERVAL_MS, PING_TIMEOUT_MS = 300, 500
SERVERS: dict[str, Line] = {  # options of socket.io's Server
    "plain": {"pingInterval": 60_000, "pingTimeout": 60_000},
    "pinging": {"pingInterval": PING_INTERVAL_MS, "pingTimeout": PING_TIMEOUT_MS},
    "recovering": {"connectionStateRecovery": {"maxDisconnectionDuration": 60_000}},
    "polling only": {"transports": ["polling"]},
}
DETECTION_MS = PING_INTERVAL_MS + PING_TIMEOUT_MS  # of a dead connection to "pinging"


@dataclass(frozen=True, slots=True)
class Interval:
    """From one thing heard to another (`NAME` or `NAME N`, the N-th of that name from 1) it takes so long."""

    begin: str
    end: str
    takes_ms: float


@dataclass(frozen=True, slots=True)
class Script:
    """Steps for any client, with the settings of the client (`make` of the players) and the server they need."""

    steps: tuple[Step, ...]
    server: str = "plain"
    transports: tuple[str, ...] = ("websocket",)
    auth: tuple[Line, ...] = ({},)  # one per connect, the last one from then on
    namespace: str = "/"
    query: Line = field(default_factory=dict)
    first_s: float = 0.1  # of the back-off, without its dice
    longest_s: float = 0.4
    deadline_s: float = 20.0
    intervals: tuple[Interval, ...] = ()


def hear(what: str, **fields: Any) -> Hear:
    return Hear(what, fields)


def hear_nothing(for_s: float) -> HearNothing:
    return HearNothing(for_s)


def reset(away_s: float) -> Hurt:
    return Hurt("reset", (away_s,))


def hold(*ways: str) -> Hurt:
    return Hurt("hold", ways)


def data(text: str) -> dict[str, str]:
    """Bytes, as they travel in JSON lines."""
    return {"$bytes": text.encode().hex()}


UP = (connect(), hear("connected"))
AWHILE_S = 0.6  # several times the first back-off
POLLING = ("polling",)
UPGRADING = ("polling", "websocket")
