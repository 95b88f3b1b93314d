"""The test of the tester: play every case of the confusion table, read each run with and without journal, compare."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from loadtests.machine import cores
from reports.causes import CAUSES, Cause
from reports.confusion import CASES, Case, Reading, faults_of
from reports.intervals import zero_bound
from reports.ledger import build_ledger

SEED = 7
AT_ONCE_A_CORE = 2  # a case mostly waits
CASE_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """One case played with one seed: its two readings (with and without journal), and what is wrong with them."""

    case: Case
    seed: int
    readings: tuple[Reading, ...]
    faults: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        with_journal, without = self.readings
        return {
            "scenario": self.case.scenario,
            "injected": self.case.injected,
            "seed": self.seed,
            "expected": sorted(self.case.expect),
            "attributed": with_journal.attributed,
            "attributed_without_journal": without.attributed,
            "not_recovered": with_journal.not_recovered,
            "late": with_journal.late,
            "ok": not self.faults,
            "healthy": self.case.healthy,
            "faults": list(self.faults),
        }


@dataclass(slots=True)
class _Play:
    case: Case
    seed: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    deadline_s: float


def selftest(cases: tuple[Case, ...], rounds: int, json_file: Path | None, console: Console) -> bool:
    """Play the cases, each round with another seed; True when all was found and rightly named, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="entrega-selftest-") as scratch:
        results = [_read(play, failure) for play, failure in _played(cases, rounds, Path(scratch))]
    results.sort(key=lambda result: (CASES.index(result.case), result.seed))
    for number, title in enumerate(("with the server's journal", "without it")):
        console.print(_matrix(results, number, f"injected x attributed, {title}"))
    console.print(_legend(results), markup=False)
    verdict = _verdict(results)
    for result in results:
        for fault in result.faults:
            console.print(f"{result.case.name}: {fault}", markup=False)
    console.print(_closing_line(verdict), markup=False)
    if json_file is not None:
        json_file.write_text(json.dumps({"cases": [result.to_dict() for result in results], **verdict}, indent=1))
    return all(not result.faults for result in results)


def _played(cases: tuple[Case, ...], rounds: int, scratch: Path) -> Iterator[tuple[_Play, str | None]]:
    """Every play once it has ended, several side by side as the cores allow; with what went wrong in playing it."""
    waiting = [(case, seed) for seed in range(SEED, SEED + rounds) for case in cases]
    waiting.sort(key=lambda play: not play[0].healthy, reverse=True)  # who loses waits for it: the longest first
    running: list[_Play] = []
    bar = tqdm(total=len(waiting), desc="cases", file=sys.stderr, leave=False, disable=not sys.stderr.isatty())
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE_A_CORE * cores():
                running.append(_start(*waiting.pop(0), scratch))
            for play in [play for play in running if _has_ended(play)]:
                running.remove(play)
                bar.update()
                yield play, _failure(play)
            time.sleep(0.1)
    finally:
        bar.close()
        for play in running:
            play.process.terminate()
            play.process.wait(20)


def _has_ended(play: _Play) -> bool:
    if play.process.poll() is None and time.monotonic() > play.deadline_s:
        play.process.terminate()
        play.process.wait(20)
    return play.process.poll() is not None


def _start(case: Case, seed: int, scratch: Path) -> _Play:
    folder = scratch / f"{CASES.index(case)}-{seed}"
    command = [sys.executable, "-m", "entrega", "run", case.scenario, "--seed", str(seed), "--out", str(folder)]
    for name, value in case.settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    for defect in case.defects:
        command += ["--defect", defect]
    with folder.with_suffix(".err").open("wb") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL)
    return _Play(case, seed, folder, process, time.monotonic() + CASE_DEADLINE_S)


def _failure(play: _Play) -> str | None:
    """A run that is not valid (3) is judged as it is: what was broken must be found all the same."""
    if play.process.returncode in (0, 3):
        return None
    said = play.folder.with_suffix(".err").read_text(errors="replace").strip().splitlines()
    return f"the run ended with {play.process.returncode}: {said[-1] if said else 'it said nothing'}"


def _read(play: _Play, failure: str | None) -> Result:
    if failure is not None:
        empty = tuple(Reading(journal, {}, {}, 0, {}) for journal in (True, False))
        return Result(play.case, play.seed, empty, (f"missed: {failure}",))
    readings = tuple(_reading(play.folder, journal) for journal in (True, False))
    faults = [
        f"{fault}{'' if reading.journal else ' (without journal)'}"
        for reading in readings
        for fault in faults_of(play.case, reading)
    ]
    return Result(play.case, play.seed, readings, tuple(faults))


def _reading(folder: Path, journal: bool) -> Reading:
    ledger = build_ledger(folder, journal=journal)
    summary = ledger.summary
    violations = {name: count for made_by in ledger.attributed.values() for name, count in made_by.items()}
    if summary.unexpected:
        violations["unexpected"] = summary.unexpected
    rows = ledger.deliveries
    reasons = {
        str(name): count for name, count in rows[rows["sender_view"] != "accepted"]["reason"].value_counts().items()
    }
    causes = summary.missed_because, summary.not_recovered_because
    return Reading(journal, *causes, summary.lost, violations, summary.late, reasons)


def _matrix(results: list[Result], number: int, title: str) -> Table:
    """Causes by their code, in the order of the tree, so that it fits a terminal; `_legend` has their names."""
    found = {name for result in results for name in result.readings[number].attributed}
    causes = [cause for cause in CAUSES if cause.name in found]
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("scenario + injected", no_wrap=True)
    for cause in causes:
        table.add_column(_short(cause), justify="right", no_wrap=True, min_width=2)
    table.add_column("ok", no_wrap=True)
    for result in results:
        attributed = result.readings[number].attributed
        counts = (str(attributed[cause.name]) if attributed.get(cause.name) else "" for cause in causes)
        table.add_row(_without_prefix(result.case.name), *counts, "yes" if not result.faults else "NO")
    return table


def _without_prefix(name: str) -> str:
    return name.replace("server.", "").replace("widget.", "")


def _short(cause: Cause) -> str:
    return cause.code or "".join(word[0] for word in cause.name.split("_"))


def _legend(results: list[Result]) -> str:
    found = {name for result in results for reading in result.readings for name in reading.attributed}
    return ", ".join(f"{_short(cause)} {cause.name}" for cause in CAUSES if cause.name in found)


def _verdict(results: list[Result]) -> dict[str, int]:
    faults = [fault for result in results for fault in result.faults]
    kinds = {"false_alarms": "false alarm", "missed": "missed", "misnamed": "misnamed", "unexplained": "unexplained"}
    return {"runs": len(results), **{key: sum(f.startswith(kind) for f in faults) for key, kind in kinds.items()}}


def _closing_line(verdict: dict[str, int]) -> str:
    bound = zero_bound(verdict["runs"])
    alarms = f"{verdict['false_alarms']} false alarms in {verdict['runs']} runs"
    below = f" (below {bound:.1%})" if not verdict["false_alarms"] and bound is not None else ""
    wrong = ", ".join(f"{verdict[kind]} {kind}" for kind in ("missed", "misnamed", "unexplained"))
    return f"{wrong}, {alarms}{below}"
