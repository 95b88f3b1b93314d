"""The folder of one run: its run.json, written by whole replacement."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.bad_input import BadInput


class RunFolderError(BadInput):
    """A folder that is no readable run."""


def new_path(runs: Path, scenario: str, seed: int) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return runs / scenario / f"{stamp}-{seed}"


def create(path: Path, info: dict[str, Any]) -> None:
    if (path / "run.json").exists():
        raise RunFolderError(f"{path} holds a run already; name another folder with --out")
    (path / "events").mkdir(parents=True)
    _write(path, info)


def read_info(path: Path) -> dict[str, Any]:
    info: dict[str, Any] = json.loads((path / "run.json").read_text())
    return info


def update(path: Path, **changes: Any) -> None:
    _write(path, {**read_info(path), **changes})


def _write(path: Path, info: dict[str, Any]) -> None:
    temporary = path / f".run.json.{os.getpid()}"
    temporary.write_text(json.dumps(info, indent=1))
    temporary.replace(path / "run.json")


def seal_run(path: Path) -> None:
    """Placeholder."""
