"""What a play of a script left, so that two plays can be compared: ids masked, times apart, races levelled."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fidelity.scripts import Script
from tests.json_lines import Line
from tests.players import Player

LEFT_OUT = ("upgraded", "mark")  # when an upgrade is done is chance
APART = {"t_ns", "attempt", "last_frame_ns"}  # times, and what only ours tells


@dataclass(frozen=True, slots=True)
class Record:
    """`heard` and `wire` are equal for two clients that did the same; `when_ms` says when each thing was heard."""

    heard: list[Line]
    upgrades: int
    wire: list[Line]  # per connection: its transport, what it carried `in` and `out`, and how the server saw its end
    when_ms: dict[str, float]


def recorded(script: Script, player: Player, wire: list[Line]) -> Record:
    """The record of a play that is at its end, with all that the server saw of it."""
    masks = _masks(wire, script.server == "recovering")
    numbers = sorted({line["number"] for line in wire})
    connections = [_connection([line for line in wire if line["number"] == number]) for number in numbers]
    if script.server == "pinging":  # it may give up at the same moment, or ping while the client leaves
        for connection in connections:
            del connection["end"]
    apart = APART | ({"transport"} if len(script.transports) > 1 else set())
    return Record(
        heard=[_masked(line, masks) for line in _levelled(player.heard, json.dumps(wire), apart)],
        upgrades=sum(line["heard"] == "upgraded" for line in player.heard),
        wire=[_masked(connection, masks) for connection in connections if connection["in"] or connection["out"]],
        when_ms=_when_ms(player.heard),
    )


def _levelled(heard: list[Line], said: str, apart: set[str]) -> Iterator[Line]:
    """Without times, and without what ours tells better: why there is no connection, and that there was none."""
    is_up = False
    for line in heard:
        level = {name: value for name, value in line.items() if name not in apart}
        kind = line["heard"]
        if (kind == "disconnected" and not is_up) or (kind == "connect_failed" and not _is_known(line["reason"], said)):
            level = {"heard": "connect_failed", "reason": "no connection", "status": line.get("status")}
        elif line.get("why") == "never connected":
            level["why"] = "timeout"
        if kind in ("connected", "disconnected"):
            is_up = kind == "connected"
        if kind not in LEFT_OUT:
            yield level


def _is_known(reason: str, said: str) -> bool:
    return reason == "timeout" or json.dumps(json.dumps(reason))[1:-1] in said


def _connection(lines: list[Line]) -> Line:
    questions: list[str] = []  # the server numbers them across all its clients
    packets: dict[str, list[Any]] = {"in": [], "out": []}
    for line in lines:
        if line["way"] in packets and line["type"] == "message":
            packets[line["way"]].append(_renumbered(line, questions))
    begin, end = lines[0], lines[-1]
    return {"transport": begin["transport"], "query": begin["query"], **packets, "end": end["reason"]}


def _renumbered(line: Line, questions: list[str]) -> Any:
    """The packet, with the server's questions and the answers to them numbered from 0."""
    data = line["data"]
    kinds = "25" if line["way"] == "out" else "36"
    parts = re.match(r"(\d(?:\d+-)?(?:/[^,]*,)?)(\d+)(\[.*)", data, re.DOTALL) if isinstance(data, str) else None
    if parts is None or data[0] not in kinds:
        return data
    head, number, arguments = parts.groups()
    if number not in questions:
        questions.append(number)
    return f"{head}{questions.index(number)}{arguments}"


def _masks(wire: list[Line], recovers: bool) -> dict[str, str]:
    """Names for what the server drew at random, in the order in which it drew it."""
    masks: dict[str, str] = {}
    for line in wire:
        packet = line.get("data")
        if line["way"] != "out" or not isinstance(packet, str):
            continue
        if packet.startswith("0") and "{" in packet:
            answer = json.loads(packet[packet.index("{") :])
            for kind in ("sid", "pid"):
                if kind in answer:
                    masks.setdefault(answer[kind], f"{kind} {len(masks)}")
        elif recovers and packet.startswith("2["):
            masks.setdefault(json.loads(packet[1:])[-1], f"offset {len(masks)}")
    return masks


def _masked(line: Line, masks: dict[str, str]) -> Line:
    text = json.dumps(line)
    for drawn in sorted(masks, key=len, reverse=True):
        text = text.replace(drawn, masks[drawn])
    masked: Line = json.loads(text)
    return masked


def _when_ms(heard: list[Line]) -> dict[str, float]:
    """By `NAME` for the first of that name, `NAME 2`, `NAME 3`... for the others."""
    when_ms: dict[str, float] = {}
    counts: dict[str, int] = {}
    for line in heard:
        name = line["heard"]
        counts[name] = counts.get(name, 0) + 1
        when_ms[name if counts[name] == 1 else f"{name} {counts[name]}"] = line["t_ns"] / 1e6
    return when_ms
