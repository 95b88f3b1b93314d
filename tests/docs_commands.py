"""docs/commands.md: every command with its options, and what there is to play with, from what the code declares."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import entrega
from loadtests import scenario as scenarios
from loadtests import target_file as targets
from loadtests.defects import WIDGET_DEFECTS
from loadtests.faults import FAULTS, fields_of
from loadtests.scenario import Scenario
from server_under_test.__main__ import OPTIONS
from server_under_test.defects import DEFECTS
from server_under_test.settings import Settings
from tests.markdown import code, table

COMMANDS_TEXT = """\
# Commands

`entrega COMMAND --help` says the same in the terminal. Every option can be given by its variable instead. Where RUN is
left out, it is the newest run below `runs/`. `entrega --version` prints the version.

| exit code | everywhere |
|---|---|
| 0 | pass; `run`: the run is complete and valid, whatever it found |
| 1 | fail |
| 2 | wrong usage, or input that cannot be read: one line says what, and the mend |
| 3 | unknown: not enough evidence; `run`: the run is not valid |
| 70 | a mistake of entrega's own, with its traceback |
| 141 | what reads the output went away |"""

FIELDS_TEXT = """\
For `--set FIELD=VALUE`, and for a file of your own (TOML), which may begin with `from = "early-reply"`. A pair is drawn
from evenly, once per session or message; one number stands for both."""

FAULTS_TEXT = """\
Things that happen at a time to correct software: tables `[faults.NAME]`, any number of them. `at_s` counts from the
session's opening, for agents and the server from the run's start; `every_s` repeats it; `share` is the share of parties
that it may happen to; `who` is widget, agent or both. All faults are over when sending ends."""


def commands() -> dict[str, Any]:
    """Name -> command, as the command line has them."""
    return dict(typer.main.get_group(entrega.app).commands)


def commands_page() -> Iterator[str]:
    yield COMMANDS_TEXT
    for name, command in commands().items():
        yield from ("", f"## entrega {name}", "", _paragraphs(command.help))
        yield from _serve_options() if name == "serve" else _options(command)
    yield from ("", "# What there is to play with", "", "## Scenarios", "")
    shipped = ((f"`{name}`", scenarios.load(name).sentence) for name in scenarios.shipped())
    yield from table("scenario", "what it varies, and what a correct server shows", rows=shipped)
    yield from ("", "## Fields of a scenario", "", FIELDS_TEXT, "")
    yield from table("field", "default", "unit", "meaning", rows=_fields())
    yield from ("", "## Faults", "", FAULTS_TEXT, "")
    faults = ((f"`{name}`", kind.hits, kind.sentence, code(fields_of(name))) for name, kind in FAULTS.items())
    yield from table("fault", "happens to", "what happens", "fields", rows=faults)
    yield from ("", "## Defects", "", "Wrong code, on for the whole run: `--defect NAME` or `--defect NAME=VALUE`.", "")
    yield from table("defect", "what is wrong", "value", "default", rows=_defects())
    yield from ("", "## Targets", "")
    known = ((f"`{name}`", targets.load(name).sentence) for name in targets.shipped())
    yield from table("target", "which server that is", rows=known)


def _paragraphs(text: str) -> str:
    """Help as it is written, with its example set as code."""
    *said, last = text.split("\n\n")
    example = last.removeprefix("Example: ")
    return "\n\n".join([*said, f"```console\n$ {example}\n```"]) if example.startswith("entrega ") else text


def _options(command: Any) -> Iterator[str]:
    rows = [_option(each) for each in command.params]
    if rows:
        yield ""
        yield from table("argument or option", "meaning", "default", "variable", rows=rows)


def _option(each: Any) -> tuple[str, ...]:
    is_option = each.param_type_name == "option"
    name = code(each.opts) if is_option else f"`{each.name.upper()}`"
    flag = isinstance(each.default, bool)
    default = f"`{each.default}`" if isinstance(each.default, str | int | Path) and not flag else ""
    return name, each.help, default, f"`{each.envvar}`" if each.envvar else ""


def _serve_options() -> Iterator[str]:
    yield ""
    rows = []
    for option, (field, _, meaning) in OPTIONS.items():
        default = getattr(Settings(), field)
        shown = ", ".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        variable = "ENTREGA_" + option.upper().replace("-", "_")
        rows.append((f"`--{option}`", meaning, f"`{shown}`" if shown else "", f"`{variable}`"))
    yield from table("option", "meaning", "default", "variable", rows=rows)


def _fields() -> Iterator[tuple[str, ...]]:
    defaults = Scenario().table()
    for each in dataclasses.fields(Scenario):
        default = "" if defaults[each.name] in ("", {}) else f"`{json.dumps(defaults[each.name])}`"
        yield f"`{each.name}`", default, each.metadata["unit"], each.metadata["meaning"]


def _defects() -> Iterator[tuple[str, ...]]:
    known: dict[str, Any] = {**DEFECTS, **WIDGET_DEFECTS}
    for name, each in known.items():
        yield f"`{name}`", each.sentence, each.unit or "none", each.default if each.unit else ""
