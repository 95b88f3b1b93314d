"""Writes the pages of docs/ that are made from tables in the code: `python -m tests.docs`, or `--check` to only look.

Every page is an introduction in words and what the code itself says. A test fails while a page is not up to date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtests.events import ENVELOPE, FIELDS, KINDS, Field
from reports.causes import CAUSES, NOT_RECOVERED, Cause
from reports.confusion import CASES, SMALL, TIMES, Case
from reports.counters import COUNTERS
from reports.outcomes import NOT_ACCEPTED, NOT_OWED, UNJUDGED, Reason
from reports.schema import FACTS, LEDGER, Column
from tests.docs_commands import commands_page
from tests.docs_text import (
    CAUSES_TEXT,
    COUNTED,
    EVENTS_TEXT,
    INJECTED,
    JOURNAL_KINDS,
    JOURNAL_TEXT,
    LEDGER_TEXT,
    OUTCOMES,
    WHAT_IT_CAN_TELL_TEXT,
)
from tests.markdown import code, table
from tests.story import story

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "<!-- Written by `make docs` from the tables in the code; change it there, or in tests/docs_text.py. -->"
PACE = {"ping_interval_s", "ping_timeout_s", "backoff_s", "backoff_max_s"}  # on which such short faults count
RUN_TIME = {"short-drop": "15s", "polling": "20s"}  # connections are reset 5 to 10 s, or 14 to 17 s, after the opening


def main(arguments: list[str]) -> int:
    """Write the pages; with --check change nothing and name those that differ. The exit code."""
    stale = {name: text for name, text in pages().items() if not _is(DOCS / name, text)}
    for name, text in stale.items():
        if "--check" in arguments:
            print(f"docs/{name} is not up to date; mend it: make docs", file=sys.stderr)
        else:
            (DOCS / name).write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def pages() -> dict[str, str]:
    """File name -> what it must hold."""
    made = {"causes.md": causes_page(), "events.md": events_page()}
    made |= {"journal.md": journal_page(), "ledger.md": ledger_page(), "commands.md": commands_page()}
    made |= {"what-it-can-tell.md": what_it_can_tell_page()}
    return {name: "\n".join([NOTE, *parts]) + "\n" for name, parts in made.items()}


# -- events


def events_page() -> Iterator[str]:
    yield from (EVENTS_TEXT.strip(), "")
    yield from ("## The envelope", "", "Every line may have these; `t` and `kind` it must have.", "")
    yield from table("name", "type", "unit", "what it is", "null means", rows=map(_field_row, ENVELOPE.values()))
    yield from ("", "## The kinds")
    examples: dict[str, str] = {event["kind"]: _json(event) for event in reversed(story())}
    for writer, title in (("swarm", "the load"), ("launcher", "the launcher"), ("server", "the server (its journal)")):
        yield from ("", f"### Written by {title}")
        for kind in (kind for kind in KINDS.values() if kind.writer == writer):
            own = f" With {code(field.name for field in kind.fields)}." if kind.fields else ""
            yield from ("", f"**`{kind.name}`**: {kind.sentence}.{own}", "```json", examples[kind.name], "```")
    yield from ("", "## Their fields", "", "A name means the same wherever it stands.", "")
    yield from table("name", "type", "unit", "what it is", "null means", rows=map(_field_row, FIELDS.values()))
    yield from ("", "## The answer key", "", "`injected.jsonl` has the envelope and, in each line:", "")
    yield from table("name", "what it is", rows=((f"`{name}`", said) for name, said in INJECTED.items()))


def _field_row(field: Field) -> tuple[str, ...]:
    return (f"`{field.name}`", field.type, field.unit, *_meaning(field.meaning))


def _meaning(said: str) -> tuple[str, str]:
    """`what it is; null: not known` -> the two halves; what never says what null means is always there."""
    meaning, _, null = said.partition("; null: ")
    return meaning.removesuffix("; never null"), null or "never"


# -- journal


def journal_page() -> Iterator[str]:
    yield from (JOURNAL_TEXT.strip(), "")
    kinds = [kind for kind in KINDS.values() if kind.writer == "server"]
    rows = ((f"`{kind.name}`", kind.sentence, _written(kind.name), JOURNAL_KINDS[kind.name]) for kind in kinds)
    yield from table("kind", "what happened", "fields", "what it is good for", rows=rows)
    used = {field.name: field for kind in kinds for field in kind.fields}
    yield from ("", "## Their fields", "")
    yield from table("name", "type", "unit", "what it is", "null means", rows=map(_field_row, used.values()))
    yield from ("", "## A short journal", "")
    yield "A widget that joins after the agent's first reply, and comes back after a reset. With it belongs the rest of"
    yield from ("the example in [events.md](events.md), which is what the load saw of the same minute.", "", "```json")
    yield from (_json(event) for event in story() if KINDS[event["kind"]].writer == "server")
    yield "```"


def _written(kind: str) -> str:
    """The fields of that kind in the example, those of the envelope included; `t`, `kind` and `n` have all."""
    used = dict.fromkeys(name for event in story() if event["kind"] == kind for name in event)
    return code(name for name in used if name not in ("t", "kind", "n"))


# -- ledger


def ledger_page() -> Iterator[str]:
    yield from (LEDGER_TEXT.strip(), "")
    yield from table("outcome", "when", rows=((f"`{name}`", said) for name, said in OUTCOMES.items()))
    yield from ("", "## Columns of `ledger.parquet`", "")
    yield from table("column", "type", "unit", "what it is", "null means", rows=map(_column_row, LEDGER))
    yield from ("", "## Reasons", "", "What stands in `reason`, the first that holds.")
    for title, reasons in (("not accepted", NOT_ACCEPTED), ("not owed", NOT_OWED), ("unjudged", UNJUDGED)):
        yield from ("", f"### Of rows that are {title}", "")
        yield from table("reason", "code", "what it says", rows=map(_reason_row, reasons))
    yield from ("", "## Counters", "", "Over the whole run, in `summary.json`; null: not observable, never 0.", "")
    yield from table("counter", "what is counted", rows=((f"`{name}`", COUNTED[name]) for name in COUNTERS))
    yield from ("", "## Facts", "", "What outcomes and causes may look at, and nothing else: one row per message.", "")
    yield from table("column", "type", "unit", "what it is", "null means", rows=map(_column_row, FACTS))


def _column_row(column: Column) -> tuple[str, ...]:
    return f"`{column.name}`", column.type, column.unit, column.meaning, column.null


def _reason_row(reason: Reason) -> tuple[str, ...]:
    return f"`{reason.name}`", reason.code, reason.sentence


# -- causes


def causes_page() -> Iterator[str]:
    yield from (CAUSES_TEXT.strip(), "")
    yield from ("## `missed_because`: why it did not arrive as it was emitted", "")
    yield from table("", "cause", "code", "what happened", "without a journal", rows=_cause_rows(CAUSES))
    for cause in CAUSES:
        yield from _cause(cause)
    yield from ("", "## `not_recovered_because`: why nothing brought it back", "")
    rows = ((str(n), _link(cause), cause.sentence) for n, cause in enumerate(NOT_RECOVERED, 1))
    yield from table("", "reason", "what happened", rows=rows)
    for cause in NOT_RECOVERED:
        yield from _cause(cause)


def _cause_rows(causes: tuple[Cause, ...]) -> Iterator[tuple[str, ...]]:
    for n, cause in enumerate(causes, 1):
        without = _or(cause) if cause.group else "the same"
        yield str(n), _link(cause), cause.code, cause.sentence, without


def _link(cause: Cause) -> str:
    return f"[`{cause.name}`](#{cause.name})"


def _cause(cause: Cause) -> Iterator[str]:
    yield from ("", f"### `{cause.name}`", "", cause.sentence, "", f"*Cure:* {cause.cure}")
    if cause.group:
        yield from ("", f"*Without a journal* it may look like others of its kind: {_or(cause)}.")
    if members := [f"`{each.name}`" for each in CAUSES if cause.name in each.group.split()]:
        when = "*Without a journal* it stands for" if cause.code else "*Stands for*"
        yield from (
            "",
            f"{when} {', '.join(members)}{' as well' if cause.code else ''}, which only a journal can tell.",
        )
    if cases := injectors(cause.name):
        yield from ("", f"*Injected by* {', '.join(_injected(case) for case in cases)}. To see it:")
        yield from ("", "```console", f"$ {command(cases[0])}", "```")


def _or(cause: Cause) -> str:
    return " or ".join(f"`{name}`" for name in cause.without_journal)


def injectors(name: str) -> list[Case]:
    """The cases that bring a cause about."""
    return [case for case in CASES if case.finds == name]


def _injected(case: Case) -> str:
    return f"`{case.injected}` in `{case.scenario}`" if case.injected else f"`{case.scenario}` itself"


def command(case: Case) -> str:
    """One command that plays such a case; only what the scenario does not say itself is set."""
    small, times = case.settings, TIMES.get(case.scenario, {})
    of_drops = all(name.startswith("faults.drop.") for name in times)  # the scenario's own do as well
    run_time = RUN_TIME.get(case.scenario, f"{max(10, small['run_time_s']):g}s")
    words = ["entrega run", case.scenario, *(f"--defect {name}" for name in case.defects)]
    words.append(f"--widgets {max(12, small['widgets'])} --agents 2 -t {run_time}")
    left_out = SMALL.keys() | times.keys() if of_drops else SMALL.keys() - PACE
    words += [f"--set '{name}={json.dumps(value)}'" for name, value in small.items() if name not in left_out]
    return " ".join(words)


# -- what it can tell


def what_it_can_tell_page() -> Iterator[str]:
    yield from (WHAT_IT_CAN_TELL_TEXT.strip(), "")
    headings = ("cause", "bundled server", "your server with a journal", "without one", "your page's own code")
    yield from table(*headings, rows=map(_told, (*filter(lambda cause: cause.code, CAUSES), *NOT_RECOVERED)))


def _told(cause: Cause) -> tuple[str, ...]:
    lines = [kind for kind, said in JOURNAL_KINDS.items() if f"`{cause.name}`" in said]
    with_journal = f"yes; it reads {code(lines)}" if lines else "yes"
    without = f"as `{cause.group}`" if cause.group else "yes"
    page = f"as `[client]` says: {code(cause.habits)}" if cause.habits else ""
    return f"[`{cause.name}`](causes.md#{cause.name})", "yes", with_journal, without, page


# -- files


def _json(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
