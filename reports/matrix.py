"""The confusion matrix, injected x attributed: as tables, as a picture, and what it proves cause by cause."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from reports.figures.canvas import INK, LOST, PALE, PALER, Picture, drawn
from reports.intervals import zero_bound
from reports.reading import Result, pooled
from reports.truth import GIVES, NOTHING, Compared, may_give
from reports.violations import KNOWN
from reports.words import percent, plural

ENOUGH, LEAST = 200, 0.99  # from so many rows on, so large a share must be right; of fewer all of them
MOST_INVALID = 0.05
KINDS = {"false_alarms": "false alarm", "missed": "missed", "misnamed": "misnamed", "unexplained": "unexplained"}
READINGS = ("with the server's journal", "without it")
WIDE = 1_000  # columns: as many as it takes, and no figure is cut


@dataclass(frozen=True, slots=True)
class Score:
    """Of a name: how many of the rows that are it were given it, and how many of those that were given it are it."""

    name: str
    right: int
    is_it: int
    given: int

    @property
    def good(self) -> bool:
        return all(self.right >= (LEAST * n if n >= ENOUGH else n) for n in (self.is_it, self.given))

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": self.is_it,
            "recall": self.right / self.is_it if self.is_it else None,
            "precision": self.right / self.given if self.given else None,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a selftest's results prove. `passed` is None where too many runs were not valid to say so."""

    results: list[Result]
    invalid: list[Result]
    pools: tuple[Compared, Compared]

    @property
    def passed(self) -> bool | None:
        counts = self.counts
        wrong = counts["missed"] + counts["unexplained"] + counts["false_alarms"]
        if wrong or not all(score.good for pool in self.pools for score in scores(pool)):
            return False
        return None if len(self.invalid) > max(2, MOST_INVALID * len(self.results)) else True

    @property
    def counts(self) -> dict[str, int]:
        faults = [fault for result in self.results for fault in result.faults]
        found = {name: sum(fault.startswith(kind) for fault in faults) for name, kind in KINDS.items()}
        healthy = sum(result.case.healthy for result in self.results)
        return {"runs": len(self.results), "healthy_runs": healthy, **found, "invalid": len(self.invalid)}

    def to_dict(self) -> dict[str, Any]:
        named = dict(zip(("with_journal", "without_journal"), self.pools, strict=True))
        return {
            **self.counts,
            "passed": self.passed,
            "causes": {of: {each.name: each.to_dict() for each in scores(pool)} for of, pool in named.items()},
            "matrix": {of: _nested(pool) for of, pool in named.items()},
            "cases": [_case(result) for result in self.results],
            "repeated": [{**_about(result), "because": result.invalid} for result in self.invalid],
        }


def verdict(results: list[Result], invalid: list[Result]) -> Verdict:
    return Verdict(results, invalid, (pooled(results, 0), pooled(results, 1)))


def scores(pool: Compared) -> list[Score]:
    """Of every name that was given or should have been, in the order of the lists."""
    names = {*pool.right, *pool.false, *pool.overlooked}
    return [
        Score(name, pool.right[name], pool.right[name] + pool.overlooked[name], pool.right[name] + pool.false[name])
        for name in _ordered(names)
    ]


def show(found: Verdict, console: Console) -> None:
    """Both matrices, what they prove of each cause, and all that is wrong."""
    wide = Console(file=console.file, width=WIDE)
    for pool, title in zip(found.pools, READINGS, strict=True):
        wide.print(_matrix(pool, f"injected x attributed, {title}"))
    columns = _ordered({name for pool in found.pools for _, name in pool.matrix})
    console.print(", ".join(f"{_short(name)} {name}" for name in columns), markup=False)
    console.print(_scores(found))
    for result in found.invalid:
        console.print(f"{result.case.name}, seed {result.seed}: played again, since {result.invalid}", markup=False)
    for result in found.results:
        for fault in result.faults:
            console.print(f"{result.case.name}, seed {result.seed}: {fault}", markup=False)
    console.print(closing_line(found), markup=False)


def write(found: Verdict, out: Path, json_file: Path | None) -> None:
    """selftest.json and a picture of each matrix into the folder `out`; the former to `json_file` as well."""
    said = json.dumps(found.to_dict(), indent=1) + "\n"
    for file in (out / "selftest.json", json_file):
        if file is not None:
            file.write_text(said)
    for pool, name in zip(found.pools, ("matrix.png", "matrix-without-journal.png"), strict=True):
        (out / name).write_bytes(drawn(drawn_matrix(pool), "png"))


def closing_line(found: Verdict) -> str:
    counts = found.counts
    wrong = ", ".join(f"{counts[name]} {name}" for name in ("missed", "misnamed", "unexplained"))
    alarmed = sum(
        any(fault.startswith("false") for fault in each.faults) for each in found.results if each.case.healthy
    )
    bound = zero_bound(counts["healthy_runs"])
    below = f", below {percent(bound)}" if not alarmed and bound is not None else ""
    said = f"{plural(counts['runs'], 'run')}, {counts['invalid']} played again: {wrong}, false alarms in "
    return f"{said}{alarmed} of {counts['healthy_runs']} healthy runs{below}"


def drawn_matrix(pool: Compared) -> Figure:
    """What was injected against what it was called; what is wrong is dark."""
    injected, names = _axes(pool)
    wrong = np.full((len(injected), len(names)), np.nan)
    figure = Picture(figsize=(4 + 0.3 * len(names), 2.6 + 0.24 * len(injected)), layout="constrained")
    axes = figure.add_subplot()
    for (by, name), n in pool.matrix.items():
        y, x = injected.index(by), names.index(name)
        wrong[y, x] = name not in may_give(by)
        axes.text(x, y, f"{n:,}", ha="center", va="center", fontsize=7, color="white" if wrong[y, x] else INK)
    axes.imshow(wrong, cmap=ListedColormap([PALER, LOST]), vmin=0, vmax=1, aspect="auto", zorder=1)
    total, right = pool.matrix.total(), sum(n for (by, name), n in pool.matrix.items() if name in may_give(by))
    axes.set_title(f"{right:,} of {total:,} called by their right name", loc="left", fontweight="bold", color=INK)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(injected)), injected, fontsize=8)
    axes.set(xlabel="called", ylabel="injected")
    axes.grid(color="#e5e9ee", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(PALE)
    return figure


def _matrix(pool: Compared, title: str) -> Table:
    """Names by their code, in the order of the lists, so that it fits; `show` says which they are."""
    injected, names = _axes(pool)
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("injected", no_wrap=True)
    for name in names:
        table.add_column(_short(name), justify="right", no_wrap=True, min_width=2)
    for by in injected:
        table.add_row(by, *(str(pool.matrix[by, name] or "") for name in names))
    return table


def _scores(found: Verdict) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("called", no_wrap=True)
    for column in ("rows", "recall", "precision", "no\njournal:\nrows", "recall", "precision"):
        table.add_column(column, justify="right", no_wrap=True)
    by_name = [{score.name: score for score in scores(pool)} for pool in found.pools]
    for name in _ordered({*by_name[0], *by_name[1]}):
        told = (_told(each.get(name)) for each in by_name)
        table.add_row(name, *(cell for cells in told for cell in cells))
    return table


def _told(score: Score | None) -> tuple[str, str, str]:
    if score is None:
        return "", "", ""
    shares = [percent(score.right / n) if n else "-" for n in (score.is_it, score.given)]
    return f"{score.is_it:,}", shares[0], f"{shares[1]}{'' if score.good else ' NO'}"


def _axes(pool: Compared) -> tuple[list[str], list[str]]:
    injected = {by for by, _ in pool.matrix}
    return [each for each in (*GIVES, NOTHING) if each in injected], _ordered({name for _, name in pool.matrix})


def _ordered(names: Iterable[str]) -> list[str]:
    places = {name: place for place, name in enumerate(KNOWN)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def _short(name: str) -> str:
    """A cause's code; of what has none, its initials."""
    return (name in KNOWN and KNOWN[name].code) or "".join(word[0] for word in name.split("_"))


def _nested(pool: Compared) -> dict[str, dict[str, int]]:
    injected, names = _axes(pool)
    return {by: {name: pool.matrix[by, name] for name in names if pool.matrix[by, name]} for by in injected}


def _about(result: Result) -> dict[str, Any]:
    return {"scenario": result.case.scenario, "injected": result.case.injected, "seed": result.seed}


def _case(result: Result) -> dict[str, Any]:
    named = ("attributed", "attributed_without_journal")
    said = {
        of: dict(reading.compared.right + reading.compared.false)
        for of, reading in zip(named, result.readings, strict=True)
    }
    true = result.readings[0].compared
    about = {
        "healthy": result.case.healthy,
        "ok": not result.faults,
        "finds": result.case.finds,
        "found": result.readings[0].found,
        "expected": _ordered({*true.right, *true.overlooked}),
    }
    return {**_about(result), **about, **said, "invalid": result.invalid, "faults": list(result.faults)}
