"""docs/your-own-server.md: its file is a target, its class plays, and its shell lines run as they stand on node-chat.

Only what makes it short differs: users, rate and run time, and the scenario's heartbeats and back-off.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.target_file import load
from reports.confusion import SMALL
from tests.foreign import NODE_CHAT, install
from tests.node_process import node
from tests.played import ENDS_WITHIN_S, entrega, environment

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "your-own-server.md").read_text()
SHORT = " ".join(f"--set '{name}={json.dumps(value)}'" for name, value in SMALL.items() if name != "widgets")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their repository: the example's files, with the target under the page's name."""
    install()
    folder = tmp_path_factory.mktemp("own") / "chat"
    shutil.copytree(NODE_CHAT, folder)
    (folder / "target.toml").rename(folder / "entrega.toml")
    return folder


def test_the_file_is_a_target(tmp_path: Path) -> None:
    (file,) = blocks("toml")
    (tmp_path / "entrega.toml").write_text(file)
    target = load(str(tmp_path / "entrega.toml"))
    assert (target.start, target.widget.join.room, target.widget.send.session) == (
        "npm start",
        "chat:{session}",
        "chat",
    )


def test_the_lines_run(folder: Path) -> None:
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["probe", "run", "report", "gate"]
    (run,) = (line for line in lines if "-t 20s" in line)
    short = [line.replace(" -t 20s", f" {SHORT}").replace("--agents 3", "--agents 2") for line in lines]
    assert short != lines
    assert "first" in run
    path = f"{Path(sys.executable).parent}:{Path(node()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", "\n".join(short)], cwd=folder, env=environment(PATH=path), capture_output=True, text=True,
        timeout=ENDS_WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 3), (done.stdout, done.stderr)  # the gate's: passed, or a busy machine's latency
    assert "12. the session is closed" in done.stdout
    assert "30 widgets, 2 agents" in done.stdout
    assert (folder / "first" / "report" / "report.html").exists()


def test_the_class_plays(folder: Path) -> None:
    """Without the paths that it stands for."""
    (code,) = blocks("python")
    (folder / "chat.py").write_text(code)
    target = (folder / "entrega.toml").read_text()
    for path in ("/visitor/conversations", "/operators/session", "/conversations/{session}/messages"):
        assert f'path = "{path}' in target
        target = re.sub(rf'^path = "{re.escape(path)}(\?.*)?"\n', "", target, flags=re.MULTILINE)
    target = target.replace('path = "/rt/"', 'path = "/rt"')  # as the server's option has it
    (folder / "own.toml").write_text(f'code = "chat.py:Chat"\n{target}\n[client]\nrecover = "fetch"\n')
    done = entrega("probe", "--target", folder / "own.toml")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "both messages are in it" in done.stdout
    assert "what it missed came by history" in done.stdout


def test_what_the_class_raises_is_the_reason(folder: Path) -> None:
    (folder / "broken.py").write_text("class Chat:\n    def open_session(self, call, name):\n        return 1 / 0\n")
    (folder / "broken.toml").write_text('code = "broken.py:Chat"\n' + (folder / "entrega.toml").read_text())
    done = entrega("probe", "--target", folder / "broken.toml")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stdout
