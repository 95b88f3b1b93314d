"""What a run is compared with: the summary of an earlier one, read from a summary.json or from its folder."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

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
        text = file.read_text()
        data = json.loads(text)
    except OSError as error:
        raise SummaryError(f"no summary in {file} ({error.strerror}); give a summary.json or a run folder") from None
    except ValueError:
        raise SummaryError(f"{file} is not JSON; give a summary.json or a run folder") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise SummaryError(f"{file} has format {found!r}, this entrega reads {FORMAT}; report the run anew")
    try:
        return TypeAdapter(Summary).validate_json(text, strict=True)
    except ValidationError as error:
        what = ".".join(map(str, error.errors()[0]["loc"]))
        raise SummaryError(f"{file} is no summary of a run: {what} is missing or odd; report the run anew") from None
