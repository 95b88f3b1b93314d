"""What a probe hears: every request, packet and event, in order, with what is secret masked."""

import re
import time
from collections.abc import Callable
from typing import Any

import gevent
import orjson

from loadtests.swarm.badge import Badge
from loadtests.swarm.rest import Answer, Rest
from loadtests.target import NO_SECRET

LONGEST_LINE = 600  # characters
LOOK_AGAIN_S = 0.02
# A ticket may let in, or be what people write about: then its field has an id or a number.
SECRET = re.compile(r'("(?:[^"]*(?:token|secret|password|jwt)[^"]*|[^"]*ticket|pid)"\s*:\s*")[^"]+', re.IGNORECASE)
PACKET = re.compile(r"< [\w-]+: ([23])(?:/[^,]*,)?\d*(\[.*)", re.DOTALL)
EVENT, ACK = "2", "3"
MASK = "***"

Event = dict[str, Any]


class Tape:
    """Lines as they were sent (>) and came (<), and events as a run would record them (loadtests.events.Recorder)."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[tuple[Event, int]] = []  # with the number of lines before it
        self.secrets: set[str] = set()
        self._shown = 0  # lines

    def add(self, kind: str, fields: Event) -> int:
        fields["t"], fields["kind"] = time.monotonic_ns(), kind
        self.events.append((fields, len(self.lines)))
        return int(fields["t"])

    def heard(self, party: str, way: str, packet: str | bytes) -> None:
        """A client's tap."""
        said = packet if isinstance(packet, str) else f"{len(packet)} bytes"
        self.lines.append(f"{'>' if way == 'out' else '<'} {party}: {said}")

    def wears(self, badge: Badge) -> None:
        """What the badge holds is not to be read."""
        worn = {badge.token, *badge.cookies.values()} - {NO_SECRET}
        self.secrets |= {secret for secret in worn if isinstance(secret, str) and secret}

    def wait(self, since: int, within_s: float, wanted: Callable[[Event], Any]) -> int | None:
        """The place of the first event from `since` on that is wanted; None when none comes in time."""
        deadline_s = time.monotonic() + within_s
        while True:
            for place in range(since, len(self.events)):
                if wanted(self.events[place][0]):
                    return place
            if time.monotonic() > deadline_s:
                return None
            gevent.sleep(LOOK_AGAIN_S)

    def show(self, until: int | None = None) -> None:
        """Print what went over the wires since the last time, up to that line."""
        until = len(self.lines) if until is None else until
        for line in self.lines[self._shown : until]:
            print(f"    {self.masked(line)}")
        self._shown = max(until, self._shown)

    def last_arguments(self, party: str, packet: str) -> list[Any]:
        """Of the last event (its name left out), or of the last ack, that came to the party."""
        frames = [PACKET.match(line) for line in self.lines if line.startswith(f"< {party}: ")]
        texts = [frame[2] for frame in frames if frame and frame[1] == packet]
        return list(orjson.loads(texts[-1])[packet == EVENT :]) if texts else []

    def masked(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        text = SECRET.sub(rf"\1{MASK}", text)
        return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."


class TapedRest(Rest):
    """REST of which each request and answer is on the tape."""

    def __init__(self, rest: Rest, tape: Tape) -> None:
        self.__dict__.update(rest.__dict__)
        self._tape = tape

    def call(self, method: str, path: str, body: Any = None, badge: Badge | None = None) -> Answer:
        said = "" if body is None else f" {orjson.dumps(body).decode()}"
        self._tape.lines.append(f"> {method} {path}{said}")
        answer = super().call(method, path, body, badge)
        if badge is not None:
            self._tape.wears(badge)
        raw = answer.raw.decode("utf-8", "replace")
        self._tape.lines.append(f"< {answer.status or answer.reason} {' '.join(raw.split())}".rstrip())
        return answer
