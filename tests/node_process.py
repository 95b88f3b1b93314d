"""Node.js and what tests and examples take from npm: probed, and in CI installed, so that none is left out there."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.alone import alone

NODE = Path(__file__).resolve().parent / "node"
INSTALL_WITHIN_S = 300
OLDEST = 18


@cache
def node() -> str:
    """The node that can play what is in tests/node; skips the test, with the mend, where a user has none."""
    with alone("apt"):
        if os.environ.get("CI") and (missing := _missing()):
            _run("apt-get", "update", "-qq")
            _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)
    if missing := _missing():
        pytest.skip(f"no {' and no '.join(missing)} on this machine; apt-get install {' '.join(missing)}")
    found = str(shutil.which("node"))
    version = _run(found, "--version").lstrip("v")
    if int(version.partition(".")[0]) < OLDEST:
        pytest.skip(f"node {version} is older than {OLDEST}")
    npm_ci(NODE)
    return found


def _missing() -> list[str]:
    return [name for package, name in (("node", "nodejs"), ("npm", "npm")) if shutil.which(package) is None]


def npm_ci(folder: Path) -> None:
    """Where the folder's lock has changed since the last one."""
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    with alone("npm"):
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            _run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
            installed.touch()


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
    return done.stdout.strip()
