"""Wrong code that can be switched on: the closed table, and what each defect did, for the answer key."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from server_under_test.delays import DELAYS, HIGHEST_MS, Delay, parse_delay
from server_under_test.journal import Lines


def _up_to(highest: float) -> Callable[[str], float]:
    """Reads a number from 0 to that; raises ValueError for any other."""

    def read(text: str) -> float:
        if 0 <= (number := float(text)) <= highest:
            return number
        raise ValueError

    return read


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect. `unit` is what its value is, None when it takes none; `default` holds where no value is given."""

    name: str
    sentence: str
    unit: str | None = None
    default: str = "1"
    read: Callable[[str], Any] = float


def _table(*defects: Defect) -> MappingProxyType[str, Defect]:
    return MappingProxyType({defect.name: defect for defect in defects})


DEFECTS = _table(
    Defect("server.no-history", "a join is acked without the missed messages, and the widget reads no history"),
    Defect("server.room-format", "messages are emitted to the room ID instead of chat:ID"),
    Defect("server.join-event", "only join-chat is known, join is an unknown event"),
    Defect("server.payload-shape", "the live event is {id, text, sender}: no wrapper, no metadata"),
    Defect("server.origin", "the origin of the widget's page is not on the allow-list"),
    Defect(
        "server.drop-emit", "a message is stored and never published", "share of messages, 0 to 1", "0.1", _up_to(1)
    ),
    Defect(
        "server.join-delay",
        "a join waits before it enters the room",
        f"milliseconds, 0 to {HIGHEST_MS:g}",
        "500",
        _up_to(HIGHEST_MS),
    ),
    Defect(
        "server.delay",
        "a message is stored and answered at once and published later, after those of its session before it",
        DELAYS,
        "exp:40",
        parse_delay,
    ),
)


class DefectError(ValueError):
    """A defect that does not exist or a value that it cannot take; one line with the mend."""


def parse(texts: Iterable[str]) -> dict[str, Any]:
    """`server.NAME[=VALUE]` texts -> name -> value (1.0 for a defect without one). Raises DefectError."""
    return dict(_parse_one(text.strip()) for text in texts)


def _parse_one(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    defect = DEFECTS.get(name)
    if defect is None:
        raise DefectError(f"there is no defect {name!r}; there are {', '.join(DEFECTS)}")
    if equals and defect.unit is None:
        raise DefectError(f"{name} takes no value; write just {name}")
    try:
        return name, defect.read(value if equals else defect.default)
    except ValueError:
        raise DefectError(f"{name}={value} is no value for it; it takes {defect.unit}") from None


class Defects:
    """The defects that are on, and the answer key that they write."""

    def __init__(self, values: Mapping[str, Any], seed: int, key: Lines) -> None:
        self.no_history = "server.no-history" in values
        self.room_format = "server.room-format" in values
        self.join_event = "server.join-event" in values
        self.payload_shape = "server.payload-shape" in values
        self.origin = "server.origin" in values
        self.drop_emit: float = values.get("server.drop-emit", 0.0)
        self.join_delay_ms: float = values.get("server.join-delay", 0.0)
        self._delay: Delay | None = values.get("server.delay")
        self._seed = seed
        self._key = key

    def drops(self, client_id: str) -> bool:
        """Drawn from hash(seed, KEY), KEY being what follows the run's name, so that two runs drop the same ones."""
        return self.drop_emit > 0 and draw(self._seed, client_id) < self.drop_emit

    def delay_ms(self, client_id: str) -> float | None:
        """How long to hold the message back, drawn in the same way, though not the same; None: not at all."""
        return None if self._delay is None else self._delay.ms(draw(self._seed, client_id, "delay:"))

    def did(
        self, name: str, scope: str, session: str | None, mid: str | None = None, start_ns: int = 0, for_ms: float = 0.0
    ) -> None:
        """Write to the answer key that the defect struck: from `start_ns` until now, or else now, for so long."""
        now_ns = time.monotonic_ns()
        line = {"t": now_ns, "kind": "defect", "name": name, "scope": scope, "session": session, "mid": mid}
        self._key.append({**line, "start_ns": start_ns or now_ns, "end_ns": now_ns + int(for_ms * 1e6)})


def draw(seed: int, client_id: str, what: str = "") -> float:
    """A number in [0, 1) that depends on nothing but the seed, the KEY in `RUN:KEY` and what it is drawn for."""
    key = client_id.partition(":")[2] or client_id
    digest = hashlib.blake2b(f"{seed}:{what}{key}".encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56
