"""What a case's run says, read with the server's journal and without it, and what is wrong with that."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.confusion import Case
from reports.ledger import Ledger, build_ledger, open_ledger
from reports.tally import by_cause
from reports.truth import Compared, Strikes, compared, given_by, struck, without_journal


@dataclass(frozen=True, slots=True)
class Reading:
    """One run read once: what its rows were called and what is true of them, and what else happened.

    `violations`: by who made them (reports.violations), and `unexpected`; what is not 0.
    """

    journal: bool
    compared: Compared = field(default_factory=Compared)
    unexplained: int = 0
    lost: int = 0
    violations: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    not_accepted: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> dict[str, int]:
        """All that a case may find."""
        return {**self.compared.right, **self.violations, **self.not_accepted, "late": self.late}


@dataclass(frozen=True, slots=True)
class Result:
    """One case played with one seed: its two readings (with and without journal), and what is wrong with them.

    `invalid`: why the run proves little; empty: it is valid.
    """

    case: Case
    seed: int
    readings: tuple[Reading, ...]
    faults: tuple[str, ...]
    invalid: str = ""


def read(case: Case, seed: int, folder: Path) -> Result:
    """The result of a case's run."""
    ledger = open_ledger(folder)
    strikes = struck(ledger)
    readings = tuple(_reading(each, strikes) for each in (ledger, build_ledger(folder, journal=False)))
    faults = tuple(
        f"{fault}{'' if reading.journal else ' (without journal)'}"
        for reading in readings
        for fault in faults_of(case, reading)
    )
    return Result(case, seed, readings, faults, "; ".join([*ledger.summary.rig.reasons, *_too_slow(ledger.run.info)]))


def _too_slow(info: Mapping[str, Any]) -> list[str]:
    """A server that is not back while anybody sends has shown nothing."""
    sending_ends_ns = info["t0_ns"] + round(info["scenario"]["run_time_s"] * 1e9)
    late = [each for each in info["fault_windows"] if each["party"] is None and each["end_ns"] >= sending_ends_ns]
    return [f"{each['name']} lasted until sending ended" for each in late]


def not_played(case: Case, seed: int, why: str) -> Result:
    """The result of a case that came to nothing."""
    return Result(case, seed, (Reading(True), Reading(False)), (f"missed: {why}",), why)


def _reading(ledger: Ledger, strikes: Strikes) -> Reading:
    summary, rows = ledger.summary, ledger.deliveries
    violations = {name: count for made_by in ledger.attributed.values() for name, count in made_by.items()}
    if summary.unexpected:
        violations["unexpected"] = summary.unexpected
    not_accepted = by_cause(rows[rows["sender_view"] != "accepted"], "reason")
    about = summary.unexplained, summary.lost, violations, summary.late, not_accepted
    return Reading(ledger.journal, compared(ledger, strikes), *about)


def faults_of(case: Case, reading: Reading) -> list[str]:
    """What is wrong with the reading, as `false alarm: ...`, `missed: ...`, `misnamed: ...`, `unexplained: ...`."""
    faults = [f"unexplained: {reading.unexplained}"] if reading.unexplained else []
    faults += [f"misnamed: {row}" for row in reading.compared.wrong]
    faults += [f"{'false alarm' if case.healthy else 'misnamed'}: {row}" for row in reading.compared.alarms]
    if case.healthy and reading.lost:
        faults.append(f"false alarm: {reading.lost} lost")
    made = {name for defect in case.defects for name in given_by(defect).made.split()}
    if alarms := {name: count for name, count in reading.violations.items() if name not in made}:
        faults.append(f"false alarm: {alarms}")
    finds = (case.finds,) if reading.journal else without_journal(case.finds)
    if case.finds and not any(reading.found.get(name) for name in finds):
        faults.append(f"missed: no {' or '.join(finds)}")
    return faults


def pooled(results: list[Result], number: int) -> Compared:
    """What all runs together say, by the reading of that number."""
    pool = Compared()
    for result in results:
        reading = result.readings[number]
        for name in ("right", "false", "overlooked", "matrix"):
            counter: Counter[Any] = getattr(pool, name)
            counter.update(getattr(reading.compared, name))
        for name in given_by(result.case.injected).made.split() if result.case.injected else ():
            if reading.found.get(name):
                pool.matrix[result.case.injected.partition("=")[0], name] += reading.found[name]
    return pool
