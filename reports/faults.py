"""When the plan's faults were on, as run.json has it: for shading figures and for naming them. No cause reads this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A planned fault's windows in s from the run's start, those that overlap as one. `parties` null: everybody."""

    name: str
    parties: int | None
    windows_s: tuple[tuple[float, float], ...]


def faults(info: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults of a run (`info` is its run.json), each name once."""
    windows = info.get("fault_windows") or []
    start_ns = info.get("t0_ns") or 0
    found = []
    for name in dict.fromkeys(window["name"] for window in windows):
        of_name = [window for window in windows if window["name"] == name]
        hit = {window["party"] for window in of_name}
        spans = [((each["start_ns"] - start_ns) / 1e9, (each["end_ns"] - start_ns) / 1e9) for each in of_name]
        found.append(Fault(name, None if None in hit else len(hit), _merged(spans)))
    return tuple(found)


def shared_by(info: Mapping[str, Any]) -> str:
    """What shares the fate of one fault, and must be resampled as a whole: run, agent or session."""
    hit = {window["party"] for window in info.get("fault_windows") or []}
    if None in hit:
        return "run"
    return "agent" if any(party.startswith("agent-") for party in hit) else "session"


def _merged(spans: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    return tuple(merged)
