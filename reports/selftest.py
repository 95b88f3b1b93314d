"""The test of the tester: play every case of the confusion table, read each run with and without its journal, compare."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from reports.confusion import CASES, Case, Reading, faults_of
from reports.intervals import zero_bound
from reports.ledger import build_ledger

SEED = 7
AT_ONCE_A_CORE = 2  # a case mostly waits
CASE_DEADLINE_S = 120.0
VIOLATIONS = ("duplicates", "reorders", "leaks", "phantoms", "unexpected")


@dataclass(frozen=True, slots=True)
class Result:
    """One case played: its two readings (with and without journal), and what is wrong with them."""

    case: Case
    readings: tuple[Reading, ...]
    faults: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        with_journal, without = self.readings
        return {
            "scenario": self.case.scenario,
            "injected": self.case.injected,
            "expected": sorted(self.case.expect),
            "attributed": with_journal.attributed,
            "attributed_without_journal": without.attributed,
            "not_recovered": with_journal.not_recovered,
            "ok": not self.faults,
            "healthy": self.case.healthy,
            "faults": list(self.faults),
        }


def selftest(json_file: Path | None, console: Console) -> bool:
    """Play all cases, print both matrices; True when everything was found and rightly named, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="entrega-selftest-") as scratch:
        results = [_read(case, folder, failure) for case, folder, failure in _played(Path(scratch))]
    results.sort(key=lambda result: CASES.index(result.case))
    for number, title in enumerate(("with the server's journal", "without it")):
        console.print(_matrix(results, number, f"injected x attributed, {title}"))
    verdict = _verdict(results)
    for result in results:
        for fault in result.faults:
            console.print(f"{result.case.name}: {fault}", markup=False)
    console.print(_closing_line(verdict), markup=False)
    if json_file is not None:
        json_file.write_text(json.dumps({"cases": [result.to_dict() for result in results], **verdict}, indent=1))
    return all(not result.faults for result in results)


def _played(scratch: Path) -> Iterator[tuple[Case, Path, str | None]]:
    """Every case once it is played, several side by side as the cores allow; with what went wrong in playing it."""
    waiting, running = list(CASES), {}
    bar = tqdm(total=len(CASES), desc="cases", file=sys.stderr, leave=False)
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE_A_CORE * len(os.sched_getaffinity(0)):
                case = waiting.pop(0)
                folder = scratch / str(CASES.index(case))
                running[case.name] = (case, folder, _start(case, folder), time.monotonic() + CASE_DEADLINE_S)
            for name, (case, folder, process, deadline_s) in list(running.items()):
                overdue = time.monotonic() > deadline_s
                if process.poll() is None and not overdue:
                    continue
                del running[name]
                bar.update()
                yield case, folder, f"not played within {CASE_DEADLINE_S:.0f} s" if overdue else _failure(process)
            time.sleep(0.1)
    finally:
        bar.close()
        for _, _, process, _ in running.values():
            process.terminate()
            process.wait(20)


def _start(case: Case, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "entrega", "run", case.scenario, "--seed", str(SEED), "--out", str(folder)]
    for name, value in case.settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    for defect in case.defects:
        command += ["--defect", defect]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def _failure(process: "subprocess.Popen[bytes]") -> str | None:
    """A run that is not valid (3) is judged as it is: what was broken must be found all the same."""
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip().splitlines()
    return None if process.returncode in (0, 3) else f"the run ended with {process.returncode}: {said[-1:]}"


def _read(case: Case, folder: Path, failure: str | None) -> Result:
    if failure is not None:
        empty = tuple(Reading(journal, {}, {}, 0, {}) for journal in (True, False))
        return Result(case, empty, (f"missed: {failure}",))
    readings = tuple(_reading(folder, journal) for journal in (True, False))
    faults = [
        f"{fault}{'' if reading.journal else ' (without journal)'}"
        for reading in readings
        for fault in faults_of(case, reading)
    ]
    return Result(case, readings, tuple(faults))


def _reading(folder: Path, journal: bool) -> Reading:
    ledger = build_ledger(folder, journal=journal)
    summary = ledger.summary
    violations = {name: getattr(summary, name) for name in VIOLATIONS if getattr(summary, name)}
    return Reading(journal, summary.missed_because, summary.not_recovered_because, summary.lost, violations)


def _matrix(results: list[Result], number: int, title: str) -> Table:
    names = sorted({name for result in results for name in result.readings[number].attributed})
    table = Table(title=title, title_justify="left")
    table.add_column("scenario + injected", no_wrap=True)
    for name in names:
        table.add_column(name.replace("_", "\n"), justify="right")
    table.add_column("ok")
    for result in results:
        attributed = result.readings[number].attributed
        counts = (str(attributed[name]) if attributed.get(name) else "" for name in names)
        table.add_row(result.case.name, *counts, "yes" if not result.faults else "NO")
    return table


def _verdict(results: list[Result]) -> dict[str, int]:
    faults = [fault for result in results for fault in result.faults]
    kinds = {"false_alarms": "false alarm", "missed": "missed", "misnamed": "misnamed", "unexplained": "unexplained"}
    return {"runs": len(results), **{key: sum(f.startswith(kind) for f in faults) for key, kind in kinds.items()}}


def _closing_line(verdict: dict[str, int]) -> str:
    bound = zero_bound(verdict["runs"])
    alarms = f"{verdict['false_alarms']} false alarms in {verdict['runs']} runs"
    below = f" (below {bound:.1%})" if not verdict["false_alarms"] and bound is not None else ""
    return f"{verdict['missed']} missed, {verdict['misnamed']} misnamed, {verdict['unexplained']} unexplained, {alarms}{below}"
