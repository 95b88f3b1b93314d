"""When the plan's faults were on, as run.json has it: for shading figures and for naming them. No cause reads this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Fault:
    """A planned fault's windows in s from the run's start, those that overlap as one. `parties` null: everybody."""

    name: str
    parties: int | None
    windows_s: tuple[tuple[float, float], ...]


def faults(info: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults of a run (`info` is its run.json), each name once."""
    windows = pd.DataFrame(info.get("fault_windows") or [], columns=["name", "party", "start_ns", "end_ns"])
    found = []
    for name, of_name in windows.groupby("name", sort=False):
        spans = ((of_name[["start_ns", "end_ns"]] - (info.get("t0_ns") or 0)) / 1e9).sort_values("start_ns")
        apart = (spans["start_ns"] > spans["end_ns"].cummax().shift()).cumsum()
        merged = spans.groupby(apart).agg({"start_ns": "min", "end_ns": "max"})
        parties = None if of_name["party"].isna().any() else of_name["party"].nunique()
        found.append(Fault(str(name), parties, tuple(merged.itertuples(index=False, name=None))))
    return tuple(found)


def shared_by(info: Mapping[str, Any]) -> str:
    """What shares the fate of one fault, and must be resampled as a whole: run, agent or session."""
    hit = {window["party"] for window in info.get("fault_windows") or []}
    if None in hit:
        return "run"
    return "agent" if any(party.startswith("agent-") for party in hit) else "session"
