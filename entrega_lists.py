"""What `entrega list` tells of: what there is to play with, each with its sentence and all that is known of it."""

from collections.abc import Callable, Mapping
from typing import Any

Listed = dict[str, tuple[str, list[str]]]  # name -> its sentence, and the lines that tell all of it


def _scenarios() -> Listed:
    """All of one is a file that can be given in its place."""
    from loadtests import scenario as scenarios

    known = {name: scenarios.load(name) for name in scenarios.shipped()}
    return {name: (each.sentence, scenarios.described(each)) for name, each in known.items()}


def _targets() -> Listed:
    """All of one is a file that can be given in its place."""
    from loadtests import target_file as targets

    known = {name: targets.load(name) for name in targets.shipped()}
    return {name: (each.sentence, list(targets.described(each))) for name, each in known.items()}


def _defects() -> Listed:
    from loadtests.defects import WIDGET_DEFECTS
    from server_under_test.defects import DEFECTS

    known: dict[str, Any] = {**DEFECTS, **WIDGET_DEFECTS}
    values = {name: f"value: {each.unit}; default: {each.default}" for name, each in known.items() if each.unit}
    return {
        name: (
            f"{each.sentence} [{values[name]}]" if name in values else each.sentence,
            [each.sentence, values.get(name, "value: none")],
        )
        for name, each in known.items()
    }


def _faults() -> Listed:
    from loadtests.faults import FAULTS, fields_of

    return {
        name: (
            kind.sentence,
            [
                kind.sentence,
                f"it happens to {kind.hits}; fields: {', '.join(fields_of(name))}",
                f"--set faults.{name}.at_s=5 --set faults.{name}.for_s=2",
            ],
        )
        for name, kind in FAULTS.items()
    }


def _causes() -> Listed:
    """Both columns' of the ledger."""
    from reports.causes import CAUSES, NOT_RECOVERED

    columns = {"missed_because": CAUSES, "not_recovered_because": NOT_RECOVERED}
    return {
        cause.name: (
            cause.sentence,
            [cause.sentence, f"Cure: {cause.cure}", f"A value of {column}; see docs/causes.md."],
        )
        for column, causes in columns.items()
        for cause in causes
    }


TABLES: Mapping[str, Callable[[], Listed]] = {
    "scenarios": _scenarios,
    "targets": _targets,
    "defects": _defects,
    "faults": _faults,
    "causes": _causes,
}
