"""What a run may be held to: the names of goals, what each measures, and reading them from a file.

A goal is `NAME = { max = NUMBER }`; a scenario's file has them under [goals], `--goals FILE` replaces those. Rates are
shares from 0 to 1, latencies ms. `max = inf` says that a figure is of no concern.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.bad_input import BadInput, near
from reports.intervals import SHARES


class GoalsError(BadInput):
    """Goals that cannot be judged; the message is one line that names the goal and the mend."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the summary that a goal may name. `kind`: rate, count, seconds, latency; `default`: its usual max."""

    kind: str
    meaning: str
    default: float | None = None


LATENCIES = {
    "latency_ms": "due to first display by any way",
    "live_latency_ms": "due to display as it was emitted",
    "time_to_join_ms": "a widget's first connection attempt to its first join ack",
}
MEASURES: Mapping[str, Measure] = {
    "permanent_loss": Measure("rate", "lost / (owed - unjudged); 0 where the target promises a history", 0),
    "live_miss": Measure("rate", "(recovered + lost) / (owed - unjudged)"),
    "duplicates": Measure("count", "messages shown more than once on one view", 0),
    "reorders": Measure("count", "messages received or shown out of order", 0),
    "leaks": Measure("count", "messages that reached another session's party", 0),
    "phantoms": Measure("count", "messages accepted or shown, and not stored", 0),
    "unexpected": Measure("count", "messages of this run that nobody sent", 0),
    "unexplained": Measure("count", "missed messages without a cause", 0),
    "acked_and_lost": Measure("count", "lost messages whose sender was told that it went well"),
    "never_assumed": Measure("count", "accepted messages of sessions that no agent took, then or later"),
    "view_misses": Measure("count", "pages that missed what another page of the party showed"),
    "false_connected_s": Measure("seconds", "s for which the indicator said connected and messages were missing"),
    "refused": Measure("count", "messages that the server refused"),
    "unanswered": Measure("count", "messages without an answer"),
    "unsent": Measure("count", "planned messages that were never sent"),
    **{
        f"{name}.{share}": Measure("latency", meaning)
        for name, meaning in LATENCIES.items()
        for share in (*SHARES, "max")
    },
}


def check_goals(table: Any) -> dict[str, float]:
    """Name -> max of a goals table such as {"permanent_loss": {"max": 0}}. Raises GoalsError."""
    if not isinstance(table, Mapping):
        raise GoalsError(f"goals are a table of NAME = {{ max = NUMBER }}, not {table!r}")
    return {str(name): _max(str(name), goal) for name, goal in table.items()}


def load_goals(path: Path) -> dict[str, Any]:
    """The goals table of a TOML file: its [goals], or the whole file, checked. Raises GoalsError."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise GoalsError(
            f"no goals in {path} ({why}); give a TOML file with [goals] and NAME = {{ max = NUMBER }}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise GoalsError(f"{path} is not TOML ({error}); mend its syntax") from None
    goals = table.get("goals", table)
    check_goals(goals)
    return dict(goals)


PROMISED = {"permanent_loss": "history", "reorders": "order", "phantoms": "history"}


def default_goals(promises: Mapping[str, Any]) -> dict[str, float]:
    """What every run is held to unless its goals say otherwise: nothing that the target does not promise."""
    asked = {name: measure.default for name, measure in MEASURES.items() if measure.default is not None}
    return {name: most for name, most in asked.items() if promises.get(PROMISED.get(name, "")) is not False}


def _max(name: str, goal: Any) -> float:
    measure = MEASURES.get(name)
    if measure is None:
        nearest = near(name, MEASURES, f"there are {', '.join(MEASURES)}")
        raise GoalsError(f"no goal {name!r}; {nearest}")
    most = goal.get("max") if isinstance(goal, Mapping) and set(goal) == {"max"} else None
    if isinstance(most, bool) or not isinstance(most, int | float) or math.isnan(most) or most < 0:
        raise GoalsError(f"goal {name} takes {{ max = NUMBER }} with a number from 0 on, not {goal!r}")
    if measure.kind == "rate" and 1 < most < math.inf:
        raise GoalsError(f"goal {name} is a share from 0 to 1, not {most}; 5 % is 0.05")
    return float(most)
