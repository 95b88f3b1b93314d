"""The test of the tester: play every case of the confusion table, read each run with and without journal, compare.

Runs are kept in a folder, so that a selftest that was interrupted goes on with what it had played.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from loadtests.bad_input import BadInput
from loadtests.machine import cores
from loadtests.run_folder import read_info
from loadtests.run_json import RunFolderError
from reports.confusion import Case
from reports.reading import Result, not_played, read

SEED = 7
AT_ONCE_A_CORE = 2  # a case mostly waits
CASE_DEADLINE_S = 120.0  # beyond its run time
END_WITHIN_S = 30.0
UNFINISHED, FINISHED = "unfinished", "finished"


@dataclass(slots=True)
class _Play:
    case: Case
    seed: int
    attempt: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None  # null: it was played before
    deadline_s: float = 0.0


def play(plays: list[tuple[Case, int]], out: Path) -> tuple[list[Result], list[Result]]:
    """Play each case with its seed; the results, and those of runs that were not valid.

    Each of these is played once more, and its second result stands. Raises BadInput for a folder of something else.
    """
    _open(out)
    waiting = [(*each, 1) for each in plays]
    waiting.sort(key=lambda play: (-_run_time_s(play[0]), play[0].healthy))  # the longest first
    results, invalid = {}, []
    tty = sys.stderr.isatty()
    bar = tqdm(total=len(waiting), desc="cases", mininterval=0.5 if tty else 30, file=sys.stderr)
    try:
        with bar, closing(_played(waiting, out)) as every:
            for played in every:
                result = _result(played)
                if result.invalid and played.attempt == 1:
                    invalid.append(result)
                    waiting.append((played.case, played.seed, 2))
                    continue
                results[played.case.name, _run_time_s(played.case), played.seed] = result
                bar.update()
    except BaseException as stopped:
        stopped.add_note(f"the same command goes on with what {out} holds")
        raise
    return [results[case.name, _run_time_s(case), seed] for case, seed in plays], invalid


def _run_time_s(case: Case) -> float:
    return float(case.settings["run_time_s"])


def _result(play: _Play) -> Result:
    failure = _failure(play)
    return not_played(play.case, play.seed, failure) if failure else read(play.case, play.seed, play.folder)


def finish(out: Path) -> None:
    """The next selftest in that folder begins anew."""
    (out / UNFINISHED).replace(out / FINISHED)


def _open(out: Path) -> None:
    unfinished, made_of = out / UNFINISHED, _made_of()
    if unfinished.exists() and unfinished.read_text() == made_of:
        return
    if out.exists() and any(out.iterdir()) and not (unfinished.exists() or (out / FINISHED).exists()):
        raise BadInput(f"{out} holds something else than a selftest's runs; name another folder with --out")
    for run in out.glob("*/run.json"):
        shutil.rmtree(run.parent)
    out.mkdir(parents=True, exist_ok=True)
    unfinished.write_text(made_of)


def _made_of() -> str:
    """Of all that plays: a run of other code is no part of this selftest."""
    here = Path(__file__).parent.parent
    houses = ("loadtests/**/*.py", "loadtests/**/*.toml", "server_under_test/**/*.py", "reports/confusion.py")
    files = sorted(file for house in houses for file in here.glob(house))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _played(waiting: list[tuple[Case, int, int]], out: Path) -> Generator[_Play, None, None]:
    """Every play once it has ended, several side by side as the cores allow."""
    running: list[_Play] = []
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE_A_CORE * cores():
                running.append(_start(*waiting.pop(0), out))
            for each in [each for each in running if _has_ended(each)]:
                running.remove(each)
                yield each
            time.sleep(0.1)
    finally:
        _end([each.process for each in running if each.process is not None])


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Politely first: a run closes its books within seconds, and what it started ends with it."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_WITHIN_S)


def _has_ended(play: _Play) -> bool:
    if play.process is None:
        return True
    if play.process.poll() is None and time.monotonic() > play.deadline_s:
        _end([play.process])
    return play.process.poll() is not None


def _start(case: Case, seed: int, attempt: int, out: Path) -> _Play:
    name = f"{case.name.replace(' + ', '+').replace(':', '-')}-{_run_time_s(case):g}s-{seed}"
    folder = out / (name if attempt == 1 else f"{name}-again")
    if _is_complete(folder):
        return _Play(case, seed, attempt, folder)
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "entrega", "run", case.scenario, "--seed", str(seed), "--out", str(folder)]
    for field_name, value in case.settings.items():
        command += ["--set", f"{field_name}={json.dumps(value)}"]
    for defect in case.defects:
        command += ["--defect", defect]
    with folder.with_name(f"{folder.name}.err").open("wb") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL)
    until_s = time.monotonic() + CASE_DEADLINE_S + _run_time_s(case)
    return _Play(case, seed, attempt, folder, process, until_s)


def _is_complete(folder: Path) -> bool:
    try:
        return bool(read_info(folder)["end"]["state"] == "complete")
    except RunFolderError:
        return False


def _failure(play: _Play) -> str | None:
    """A run that is not valid (3) is judged as it is: what was broken must be found all the same."""
    if play.process is None or play.process.returncode in (0, 3):
        return None
    said = play.folder.with_name(f"{play.folder.name}.err").read_text(errors="replace").strip().splitlines()
    return f"the run ended with {play.process.returncode}: {said[-1] if said else 'it said nothing'}"
