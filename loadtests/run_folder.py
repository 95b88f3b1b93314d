"""The folder of one run: made by who plays it, found and opened by who reads it, who seals its evidence first."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from loadtests.events import is_recorded
from loadtests.run_json import RESERVE, replace
from loadtests.run_json import RunFolderError as RunFolderError
from loadtests.run_json import read_info as read_info
from loadtests.run_json import update as update

RESERVE_BYTES = 2**18
FILES = ("run.json", "injected.jsonl", "events.parquet", RESERVE)
FOLDERS = ("events", "logs", "report")
MEASURES = ("horizon_s", "late_after_s")  # what no message can be judged without
KINDS: Mapping[str, Any] = {  # of what run.json may say
    **dict.fromkeys(("scenario", "target", "planned", "end", "versions", "machine"), dict),
    **dict.fromkeys(("fault_windows", "clocks"), list),
    **dict.fromkeys(("t0_ns", "workers"), int),
    "warm_up_s": int | float,
}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run that can be read: its folder, and `info`, what its run.json says."""

    path: Path
    info: dict[str, Any]

    @property
    def events(self) -> Path:
        """The sealed evidence."""
        return self.path / "events.parquet"


def new_path(runs: Path, scenario: str, seed: int) -> Path:
    """A new and empty folder, also for two runs that begin in the same second. Raises RunFolderError."""
    name = datetime.now(UTC).strftime(f"%Y%m%dT%H%M%S-{seed}")
    others = (f"{name}-{number}" for number in count(2))
    path = runs / scenario / name
    while True:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            path = path.with_name(next(others))
        except OSError as error:
            raise RunFolderError(f"{path} cannot be made ({error.strerror}); name another folder with --out") from None
        else:
            return path


def create(path: Path, info: dict[str, Any]) -> None:
    """A new run folder with its run.json. Raises RunFolderError where one is already, or none can be made."""
    taken = next((name for name in (*FILES, *FOLDERS) if (path / name).exists()), None)
    if taken is not None:
        held = "a run" if taken == "run.json" else taken
        raise RunFolderError(f"{path} holds {held} already; name another folder with --out")
    try:
        (path / "events").mkdir(parents=True)
        (path / RESERVE).write_bytes(bytes(RESERVE_BYTES))
        replace(path, info)
    except OSError as error:
        if path.is_dir():
            remove(path)
        raise RunFolderError(f"{path} cannot be made ({error.strerror}); name another folder with --out") from None


def point_latest(path: Path) -> None:
    """Let `latest` in the folder of runs be this one of runs/<scenario>/<run>, where the file system has links."""
    draft = path.parent.parent / f".latest-{os.getpid()}"
    with contextlib.suppress(OSError):  # without it readers look for the newest run
        draft.symlink_to(Path(path.parent.name, path.name))
        draft.replace(path.parent.parent / "latest")


def remove(path: Path) -> None:
    """Take back what `create` and a start that failed have left, and nothing else."""
    for name in FOLDERS:
        shutil.rmtree(path / name, ignore_errors=True)
    for name in FILES:
        (path / name).unlink(missing_ok=True)
    if not any(path.iterdir()):
        path.rmdir()


def end(path: Path, state: str, reason: str | None) -> None:
    """Say how the run ended: complete, interrupted or failed. The first who says so knows best."""
    if read_info(path)["end"]["state"] is None:
        update(path, end={"state": state, "reason": reason})


def open_run(path: Path | str) -> RunFolder:
    """The run in that folder, or the newest one below it; sealed first if nobody has.

    Raises RunFolderError, one line with the mend, for whatever cannot be read.
    """
    folder = _find(Path(path))
    _readable(folder)
    seal_run(folder)
    run = RunFolder(folder, _readable(folder))
    if not run.events.is_file():
        raise RunFolderError(f"{folder} holds no events; it was never played, or its events were deleted")
    if not _is_parquet(run.events):
        raise RunFolderError(f"{run.events} is truncated or no Parquet file; restore it or play the run again")
    return run


def _readable(folder: Path) -> dict[str, Any]:
    """run.json, if the run can be read by it; of a fault that is written by hand its start is enough."""
    info, file = read_info(folder), folder / "run.json"
    unmeasured = [name for name in MEASURES if not isinstance(info.get(name), int | float)]
    if unmeasured:
        raise RunFolderError(f"{file} does not say {', '.join(unmeasured)}; add it, or play the run again")
    odd = [name for name, kind in KINDS.items() if not isinstance(info.get(name), kind | None)]
    if odd:
        raise RunFolderError(f"{file} has another kind of {', '.join(odd)} than runs have; restore it, or leave it out")
    windows = info.get("fault_windows") or []
    if not all(isinstance(each, dict) and isinstance(each.get("start_ns"), int) for each in windows):
        raise RunFolderError(f"{file} has fault_windows without start_ns; give each party, name, start_ns and end_ns")
    filled = [{"party": None, "name": "fault", "end_ns": each["start_ns"], **each} for each in windows]
    return {**info, "fault_windows": filled}


def seal_run(path: Path) -> None:
    """Make events.parquet of what was recorded, if that was not done. Raises RunFolderError."""
    recorded = list((path / "events").glob("*.jsonl"))
    if not recorded:
        return
    if any(map(is_recorded, recorded)):
        raise RunFolderError(f"{path} is still being played; wait for its end")
    from loadtests.seal import seal  # DuckDB is loaded by who reads, never by who records

    try:
        seal(path)
        (path / RESERVE).unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be sealed ({error.strerror or error}); mend that and read it again"
        ) from None


def _is_parquet(file: Path) -> bool:
    """Such a file begins and ends with its name."""
    with file.open("rb") as stream:
        begins = stream.read(4)
        stream.seek(-min(4, file.stat().st_size), os.SEEK_END)
        return begins == stream.read(4) == b"PAR1"


def _find(path: Path) -> Path:
    if not path.exists():
        raise RunFolderError(f"{path} does not exist; `entrega run` makes runs, by default below runs/")
    if not path.is_dir():
        raise RunFolderError(f"{path} is a file; give the folder that holds run.json")
    if (path / "run.json").exists() or (path / "events").is_dir() or (path / "events.parquet").exists():
        return path
    latest = path / "latest"
    if (latest / "run.json").exists():
        return latest.resolve()
    found = max(_runs_below(path), key=_newness, default=None)
    if found is None:
        raise RunFolderError(f"{path} holds no run; `entrega run` makes one")
    return found


def _runs_below(path: Path, levels: int = 3) -> Iterator[Path]:
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            if (child / "run.json").exists():
                yield child
            elif levels > 1:
                yield from _runs_below(child, levels - 1)


def _newness(folder: Path) -> tuple[float, str]:
    return (folder / "run.json").stat().st_mtime, folder.name
