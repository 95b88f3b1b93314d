"""Histories in text: histories/*.txt, in the words of tests.written.raw. Blocks end with an empty line.

# its name            + NAME: a part, which others begin with or hold by its name
window widget-0 10 15 a fault's window in run.json; `server` hits everybody
ends 10               when the recorders were closed (60 unless said); `ends None`: they were not
3 a sent a0 due_ns=3  what happened
= a0 lost offline|unexplained never_back   the outcome, causes (with the journal | without it); -: not owed, *: any
= a0 latency_ms 100                        a column
= leaks 1                                  a counter; those that are not named are 0
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.ledger import Ledger, build_ledger
from tests.written import raw
from tests.written.history import APART_S, RUN, ns
from tests.written.reading import READINGS, row

HISTORIES = Path(__file__).parent / "histories"
OUTCOMES = ("live", "late", "recovered", "lost", "unjudged", "-")
ZERO = ("duplicates", "reorders", "leaks", "unexpected", "foreign", "view_misses")
SESSIONS = 10  # at most, of one history


@dataclass(frozen=True, slots=True)
class History:
    """One history: what is told, and what of its rows and counters is expected, in words."""

    name: str
    told: str
    expected: tuple[str, ...]
    windows: list[dict[str, Any]] = field(default_factory=list)
    ends: float | None = 60.0


def histories(file: str) -> dict[str, History]:
    """Those of a file, by name."""
    parts = {name: told for head, name, told in _blocks("parts") if head == "+"}
    return {name: _history(name, told, parts) for head, name, told in _blocks(file) if head == "#"}


def _blocks(file: str) -> Iterator[tuple[str, str, list[str]]]:
    for block in (HISTORIES / f"{file}.txt").read_text().strip().split("\n\n"):
        title, *told = block.splitlines()
        yield title[0], title[2:], told


def _history(name: str, told: list[str], parts: dict[str, list[str]]) -> History:
    happened, expected, windows, ends = [], [], [], 60.0
    for line in _whole(told, parts):
        match line.split():
            case ["=", *_]:
                expected.append(line[2:])
            case ["ends", at]:
                ends = None if at == "None" else float(at)
            case ["window", party, start, end]:
                hit = {"party": None if party == "server" else party}
                windows.append({"name": "drop", **hit, "start_ns": ns(float(start)), "end_ns": ns(float(end))})
            case _:
                happened.append(line)
    return History(name, "\n".join(happened), tuple(expected), windows, ends)


def _whole(told: list[str], parts: dict[str, list[str]]) -> Iterator[str]:
    for line in told:
        yield from _whole(parts[line], parts) if line in parts else [line]


# -- run folders


def alone(history: History, folder: Path) -> Path:
    """A run of its own; run.json says only what it must."""
    return raw.write(folder, raw.lines(history.told, history.ends), fault_windows=history.windows)


def together(told: dict[str, History], folder: Path) -> Path:
    """One run of all, a thousand seconds and ten sessions apart."""
    files: dict[str, list[dict[str, Any]]] = {}
    for number, history in enumerate(told.values()):
        for source, events in raw.lines(history.told, None).items():
            files.setdefault(source, []).extend(_moved(event, number) for event in events)
    starts = [event for event in files["journal-1"] if event["kind"] == "server_started"]
    files["journal-1"] = [event for event in files["journal-1"] if event not in starts[1:]]
    files["swarm-1"].append({"t": ns(len(told) * APART_S), "kind": "sentinel"})
    return raw.write(folder, files)


def _moved(event: dict[str, Any], number: int) -> dict[str, Any]:
    def plus(found: re.Match[str]) -> str:
        return found[1] + str(int(found[2]) + SESSIONS * number)

    text = re.sub(rf'({RUN}:|widget-|agent-|\bs)(\d+)(?=["\w.]*)', plus, json.dumps(event))
    moved: dict[str, Any] = json.loads(text)
    for name in ("t", "due_ns", "last_frame_ns", "asked_ns"):
        if name in moved:
            moved[name] += round(number * APART_S * 1e9)
    if "index" in moved:
        moved["index"] += SESSIONS * number
    if moved.get("sid"):
        moved["sid"] += f"@{number}"
    if "sids" in moved:
        moved["sids"] = [f"{sid}@{number}" for sid in moved["sids"]]
    return moved


# -- what is expected


def check(history: History, ledger: Ledger, number: int = 0) -> None:
    """Fails where the ledger says otherwise; `number`: the history's place among those told together."""
    wanted, found = [], []
    for line in history.expected:
        key, *words = line.split()
        if key in ledger.counters:
            continue
        said = row(ledger, _key(key, number))
        want, got = _outcome(words, said, ledger) if words[0] in OUTCOMES else _column(words, said, ledger)
        wanted.append((key, want))
        found.append((key, got))
    assert found == wanted, f"{found}, not {wanted}"


def causes_expected(told: dict[str, History]) -> dict[str, dict[str, str]]:
    """Of histories told together: KEY of a row that is missed -> reading -> its cause."""
    found: dict[str, dict[str, str]] = {}
    for number, history in enumerate(told.values()):
        for key, *words in map(str.split, history.expected):
            if words[0] in ("recovered", "lost") and words[1] != "*":
                names = words[1].split("|")
                found[_key(key, number)] = dict(zip(READINGS, (names[0], names[-1]), strict=True))
    return found


def check_counters(history: History, ledger: Ledger) -> None:
    words = dict(line.split() for line in history.expected)
    wanted = {name: int(words.get(name, 0)) for name in (*ZERO, *words)}
    found = {name: ledger.counters[name] for name in wanted}
    assert found == wanted, f"{found}, not {wanted}"


def _key(key: str, number: int) -> str:
    index, _, name = key.rpartition(".")
    return f"{int(index or 0) + SESSIONS * number}.{name[0]}.{name[1:]}"


def _outcome(words: list[str], said: dict[str, Any], ledger: Ledger) -> tuple[list[Any], list[Any]]:
    want = [None if words[0] == "-" else words[0], *(_of(ledger, word) for word in words[1:]), None, None][:3]
    got = [said["outcome"], said["missed_because"], said["not_recovered_because"]]
    return want, ["*" if wish == "*" else value for wish, value in zip(want, got, strict=True)]


def _column(words: list[str], said: dict[str, Any], ledger: Ledger) -> tuple[Any, Any]:
    value, want = said[words[0]], _of(ledger, " ".join(words[1:]))
    return (pytest.approx(float(want)) if isinstance(value, float) else want), value


def _of(ledger: Ledger, word: str) -> str:
    return word.split("|")[0 if ledger.journal else -1]


# -- ledgers


def readings(folder: Path) -> dict[str, Ledger]:
    """The ledger with the journal, and without it."""
    return {name: build_ledger(folder, journal=journal) for name, journal in READINGS.items()}


def results(ledger: Ledger) -> pd.DataFrame:
    return ledger.deliveries[["key", "outcome", "missed_because", "not_recovered_because"]]
