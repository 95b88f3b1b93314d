"""The shell lines of README.md run as they stand: every ```sh block, in order, in one folder that is empty at first.

Lines that set up, or that open something and wait, are left out (NOT_RUN). ENTREGA_SET shortens heartbeats, deadlines
and back-off to those of the self-test, so that a run with losses does not wait long for them; nothing else is changed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports.confusion import SMALL

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = ("git clone ", "cd ", "make ", "python3 -m venv ", ". .venv/", ".venv/bin/pip ", "pip ", "jupyter ")
SHORTENED = ("ping_interval_s", "ping_timeout_s", "connect_deadline_s", "join_deadline_s", "backoff_s", "backoff_max_s")
WITHIN_S = 180

# What a command may end with beside 0. 2 is wrong usage, which no line of a README may be; 127 is no command at all.
VERDICTS = {"entrega run": {3}, "entrega gate": {1, 3}, "entrega check": {1, 3}}
TOLD = """
entrega() { command entrega "$@"; local code=$?; echo "$code entrega $*" >> "$TOLD"; return $code; }
command_not_found_handle() { echo "127 $*" >> "$TOLD"; return 127; }
"""


def blocks(readme: str) -> list[str]:
    """The ```sh blocks, without the lines that are not run."""
    kept = ([line for line in block.splitlines() if not line.startswith(NOT_RUN)] for block in BLOCK.findall(readme))
    return ["\n".join(lines) for lines in kept if any(lines)]


def run(block: str, folder: Path) -> list[str]:
    """`CODE COMMAND` for each command of ours that the block ran, and for each that there is not."""
    told = folder.with_suffix(".told")
    told.write_text("", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ENTREGA_", "PYTHON"))}
    programs = str(Path(sys.executable).parent)
    own = {
        "PATH": f"{programs}:{clean['PATH']}",
        "TOLD": str(told),
        "ENTREGA_SET": " ".join(f"{name}={SMALL[name]}" for name in SHORTENED),
    }
    done = subprocess.run(
        ["bash", "-u", "-c", TOLD + block],
        cwd=folder, env={**clean, **own}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 3), f"{block}\n{done.stdout}\n{done.stderr}"
    return told.read_text(encoding="utf-8").splitlines()


def wrong(told: list[str]) -> list[str]:
    """Those that ended otherwise than a README may show."""
    return [line for line in told if not _may_be_shown(*line.split())]


def _may_be_shown(code: str, *words: str) -> bool:
    return int(code) in {0, *VERDICTS.get(" ".join(words[:2]), ())}


def test_the_lines_of_the_readme_run(tmp_path: Path) -> None:
    readme = blocks(README.read_text(encoding="utf-8"))
    if not readme:
        pytest.skip("README.md shows no ```sh block")
    folder = tmp_path / "empty"
    folder.mkdir()
    told = [line for block in readme for line in run(block, folder)]
    assert wrong(told) == []
    commands = {line.split()[2] for line in told}
    assert {"run", "report", "gate"} <= commands, "the README no longer shows how to run, read and gate"


def test_entrega_is_made_a_command_before_the_first_line_that_wants_it() -> None:
    lines = [line for block in BLOCK.findall(README.read_text(encoding="utf-8")) for line in block.splitlines()]
    assert [line.split("  ")[0] for line in lines][:1] == [". .venv/bin/activate"]


def test_what_sets_up_is_left_out() -> None:
    readme = (
        "# x\n\n```sh\nmake demo\nentrega list causes\n```\n\n```sh\ngit clone x\n```\n\n```python\nimport x\n```\n"
    )
    assert blocks(readme) == ["entrega list causes"]


def test_a_line_that_cannot_be_right_is_found(tmp_path: Path) -> None:
    told = run("entrega list nonsense || true\nentregga list\ntrue", tmp_path)
    assert wrong(told) == ["2 entrega list nonsense", "127 entregga list"]
