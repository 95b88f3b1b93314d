"""Wrong code that can be switched on: the closed table, and what each defect did, for the answer key."""

import difflib
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server_under_test.chat import Draft, Message
from server_under_test.delays import DELAYS, HIGHEST_MS, parse_delay
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


def _table(*defects: Defect) -> Mapping[str, Defect]:
    return {defect.name: defect for defect in defects}


_SHARE: dict[str, Any] = {"unit": "share of messages, 0 to 1", "default": "0.1", "read": _up_to(1)}
_SECONDS: dict[str, Any] = {"unit": "seconds, 0 to 86400", "read": _up_to(86_400)}
_MS: dict[str, Any] = {"unit": f"milliseconds, 0 to {HIGHEST_MS:g}", "read": _up_to(HIGHEST_MS)}

DEFECTS = _table(
    Defect("server.no-history", "a join is acked without the missed messages, and the widget reads no history"),
    Defect("server.recovery-window", "only what is younger counts as missed", default="2", **_SECONDS),
    Defect("server.room-format", "messages are emitted to the room ID instead of chat:ID"),
    Defect("server.namespace", "messages are emitted in the namespace /support, where nobody is"),
    Defect("server.new-session-on-escalate",
           "a session that asks for a human gets another room; who had joined before stays in the old one"),
    Defect("server.join-event", "only join-chat is known, join is an unknown event"),
    Defect("server.payload-shape", "the live event is {id, text, sender}: no wrapper, no metadata"),
    Defect("server.origin", "the origin of the widget's page is not on the allow-list"),
    Defect("server.token-ttl", "a widget's token that is older is refused, and there is no new one", default="5",
           **_SECONDS),
    Defect("server.join-delay", "a join waits before it enters the room", default="500", **_MS),
    Defect("server.slow-handshake", "handshakes wait for each other, and each takes so long", default="200", **_MS),
    Defect("server.delay", "a message is stored and answered at once and published later, after those of its session "
           "before it", DELAYS, "exp:40", parse_delay),
    Defect("server.forget-room", "a connection leaves the room so long after it joined", default="3", **_SECONDS),
    Defect("server.ghost", "a connection that ends stays in its rooms"),
    Defect("server.drop-emit", "a message is stored and never published", **_SHARE),
    Defect("server.duplicate-emit", "a message is emitted twice", **_SHARE),
    Defect("server.reorder", "a message is emitted after the session's next one", **_SHARE),
    Defect("server.leak", "a message is emitted to everybody who is connected", **_SHARE),
    Defect("server.kick", "the widget is disconnected as an agent's message comes", **_SHARE),
    Defect("server.ack-lost", "a message is stored and published, and its sender hears nothing", **_SHARE),
    Defect("server.no-dedupe", "a message that is sent again is stored and published again"),
    Defect("server.emit-before-store", "a message is emitted and acked, and never stored", **_SHARE),
)  # fmt: skip


class DefectError(ValueError):
    """A defect that does not exist or a value that it cannot take; one line with the mend."""


def parse(texts: Iterable[str]) -> dict[str, Any]:
    """`server.NAME[=VALUE]` texts -> name -> value (1.0 for a defect without one). Raises DefectError."""
    return dict(_parse_one(text.strip()) for text in texts)


def _parse_one(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    defect = DEFECTS.get(name)
    if defect is None:
        nearest = difflib.get_close_matches(name, DEFECTS, 3, 0.5)
        raise DefectError(f"there is no defect {name!r}; there are {', '.join(nearest or DEFECTS)}")
    if equals and defect.unit is None:
        raise DefectError(f"{name} takes no value; write just {name}")
    try:
        return name, defect.read(value if equals else defect.default)
    except ValueError:
        raise DefectError(f"{name}={value} is no value for it; it takes {defect.unit}") from None


class Defects:
    """The defects that are on, and the answer key that they write."""

    def __init__(self, values: Mapping[str, Any], seed: int, key: Lines) -> None:
        self._values = values
        self._seed = seed
        self._key = key

    def value(self, name: str) -> float:
        """Its number; 0 when it is off."""
        return float(self._values.get(DEFECTS[name].name, 0.0))

    def draws(self, name: str, message: Draft | Message) -> bool:
        """Whether it is this message's turn: the same ones in every run of the seed."""
        share = self.value(name)
        return share > 0 and draw(self._seed, name, message.client_id) < share

    def strikes(self, name: str, message: Draft | Message) -> bool:
        """As draws, and written to the answer key."""
        struck = self.draws(name, message)
        if struck:
            self.did(name, "mid", message.session_id, message.client_id)
        return struck

    def delay_ms(self, message: Message) -> float | None:
        """How long to hold the message back, drawn in the same way; None: not at all."""
        delay: Callable[[float], float] | None = self._values.get("server.delay")
        return None if delay is None else delay(draw(self._seed, "server.delay", message.client_id))

    def did(
        self,
        name: str,
        scope: str,
        session: str | None,
        mid: str | None = None,
        start_ns: int = 0,
        for_ms: float | None = 0.0,
    ) -> None:
        """Write to the answer key that it struck: from `start_ns` until now, or now for so long; None: for good."""
        now_ns = time.monotonic_ns()
        end_ns = None if for_ms is None else now_ns + int(for_ms * 1e6)
        line = {"t": now_ns, "kind": "defect", "name": name, "scope": scope, "session": session, "mid": mid}
        self._key.append({**line, "start_ns": start_ns or now_ns, "end_ns": end_ns})


def draw(seed: int, name: str, client_id: str) -> float:
    """A number in [0, 1) that depends on nothing but the seed, the defect and the KEY in `RUN:KEY`."""
    key = client_id.partition(":")[2] or client_id
    digest = hashlib.blake2b(f"{seed}:{name}:{key}".encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56
