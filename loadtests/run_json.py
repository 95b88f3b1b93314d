"""run.json: what a run says of itself, written by whole replacement, so that a reader sees all of a change or none."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtests.bad_input import BadInput
from loadtests.events import FORMAT

RESERVE = ".reserve"  # given up when the disk is full, so that run.json can still say so


class RunFolderError(BadInput):
    """A folder that is no readable run, or that holds one already."""


def read_info(path: Path) -> dict[str, Any]:
    """run.json of this format. Raises RunFolderError with the mend."""
    file = path / "run.json"
    try:
        info = json.loads(file.read_bytes())
    except OSError as error:
        raise RunFolderError(f"{file} cannot be read ({error.strerror}); give a folder that a run has made") from None
    except ValueError:
        raise RunFolderError(f"{file} is truncated or not JSON; restore it or play the run again") from None
    if not isinstance(info, dict) or not isinstance(info.get("run"), str):
        raise RunFolderError(f"{file} does not describe a run (it has no `run`); give a folder that a run has made")
    if info.get("format") != FORMAT:
        raise RunFolderError(
            f"{file} has format {info.get('format')!r} and this entrega reads {FORMAT}; "
            "read it with the entrega that wrote it, or play the run again"
        )
    return info


def promised(info: Mapping[str, Any], what: str) -> bool:
    """Whether the target promises ack, history or order; a run that does not say so was written by hand, and does."""
    return bool(((info.get("target") or {}).get("promises") or {}).get(what, True))


def update(path: Path, **changes: Any) -> None:
    """Replace those keys of run.json; a reader sees all of them or none."""
    replace(path, {**read_info(path), **changes})


def replace(path: Path, info: dict[str, Any]) -> None:
    """Write run.json anew. Raises OSError, after the reserve was given up, when the disk takes no more."""
    temporary = path / f".run.json.{os.getpid()}"
    text = json.dumps(info, indent=1)
    try:
        temporary.write_text(text)
    except OSError:
        (path / RESERVE).unlink(missing_ok=True)
        temporary.write_text(text)
    temporary.replace(path / "run.json")
