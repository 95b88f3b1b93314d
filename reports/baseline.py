"""What a run is compared with: the summary of an earlier one, read from a summary.json or from its folder."""

import json
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from loadtests.bad_input import BadInput
from loadtests.events import FORMAT
from reports.ledger import open_ledger
from reports.summary import Summary


class SummaryError(BadInput):
    """A summary that cannot be read; the message is one line that names the file and the mend."""


def load_summary(path: Path) -> Summary:
    """The summary of a summary.json (a committed baseline), or of a run folder, reported or not.

    Raises SummaryError, or RunFolderError for a folder without a run.
    """
    file = path / "report" / "summary.json" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        return open_ledger(path).summary
    try:
        data = json.loads(file.read_text())
    except OSError as error:
        raise SummaryError(f"no summary in {file} ({error.strerror}); give a summary.json or a run folder") from None
    except ValueError:
        raise SummaryError(f"{file} is not JSON; give a summary.json or a run folder") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise SummaryError(f"{file} has format {found!r}, this entrega reads {FORMAT}; report the run anew")
    try:
        summary: Summary = _built(Summary, data)
    except (KeyError, TypeError, AttributeError) as error:
        raise SummaryError(f"{file} is no summary of a run: {error} is missing or odd; report the run anew") from None
    return summary


def _built(kind: Any, value: Any) -> Any:
    """The value of that type again, which JSON has as objects and lists. Raises KeyError, TypeError for another."""
    kinds = get_args(kind)
    if isinstance(kind, UnionType):
        return None if value is None else _built(kinds[0], value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        built: Any = kind
        needed = [each.name for each in fields(kind) if each.default is each.default_factory is MISSING]
        return built(**{name: _built(hints[name], value[name]) for name in hints if name in value or name in needed})
    if get_origin(kind) is tuple:
        return tuple(_built(kinds[0], each) for each in value)
    if get_origin(kind) is dict:
        return {str(name): _built(kinds[1], each) for name, each in value.items()}
    if not isinstance(value, int | float if kind is float else kind):
        raise TypeError(f"{value!r}")
    return value
