"""What `entrega list` tells of: what there is to play with, each with its sentence and all that is known of it."""

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

Listed = dict[str, tuple[str, list[str]]]  # name -> its sentence, and the lines that tell all of it


def _files(module: str) -> Listed:
    """All of one is a file that can be given in its place."""
    kind = importlib.import_module(module)
    known = {name: kind.load(name) for name in kind.shipped()}
    return {name: (each.sentence, list(kind.described(each))) for name, each in known.items()}


def _defects() -> Listed:
    from loadtests.defects import WIDGET_DEFECTS
    from server_under_test.defects import DEFECTS

    known: dict[str, Any] = {**DEFECTS, **WIDGET_DEFECTS}
    values = {name: f"value: {each.unit}; default: {each.default}" for name, each in known.items() if each.unit}
    short = {name: f" [{value}]" for name, value in values.items()}
    return {
        name: (each.sentence + short.get(name, ""), [each.sentence, values.get(name, "value: none")])
        for name, each in known.items()
    }


def _faults() -> Listed:
    from loadtests.faults import FAULTS, fields_of

    known = {}
    for name, kind in FAULTS.items():
        about = f"it happens to {kind.hits}; fields: {', '.join(fields_of(name))}"
        example = f"--set faults.{name}.at_s=5 --set faults.{name}.for_s=2"
        known[name] = kind.sentence, [kind.sentence, about, example]
    return known


def _causes() -> Listed:
    """Both columns' of the ledger."""
    from reports.causes import CAUSES, NOT_RECOVERED

    columns = {"missed_because": CAUSES, "not_recovered_because": NOT_RECOVERED}
    return {
        each.name: (each.sentence, [each.sentence, f"Cure: {each.cure}", f"A value of {column}; see docs/causes.md."])
        for column, causes in columns.items()
        for each in causes
    }


TABLES: Mapping[str, Callable[[], Listed]] = {
    "scenarios": partial(_files, "loadtests.scenario"),
    "targets": partial(_files, "loadtests.target_file"),
    "defects": _defects,
    "faults": _faults,
    "causes": _causes,
}
