"""docs/ci.md: its two files are YAML, and their shell lines run as they stand, with the bundled server as `npm start`.

Only what makes it short differs: the port, users, rate and run time, and the self-test's heartbeats and back-off.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import yaml

from loadtests import target_file as targets
from reports.confusion import SMALL
from tests.played import WITHIN_S, environment, free_port
from tests.test_readme import SHORTENED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "ci.md"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP_WITHIN_S = 180.0
NPM = """#!/bin/sh
test "$1" = start || exit 0
echo $$ > server.pid
exec entrega serve --host 127.0.0.1 --port "${ENTREGA_HOST##*:}" --ping-interval 1 --ping-timeout 1
"""


def files() -> list[dict[str, Any]]:
    """GitHub's, then GitLab's."""
    return [yaml.safe_load(block) for block in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def github(file: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The job's variables, and a script for each step: GitHub runs each in a shell of its own."""
    (job,) = file["jobs"].values()
    return {name: str(value) for name, value in job["env"].items()}, [s["run"] for s in job["steps"] if "run" in s]


def gitlab(file: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The job's variables, and one script: GitLab runs all lines in one shell."""
    (job,) = file.values()
    return {name: str(value) for name, value in job["variables"].items()}, ["\n".join(job["script"])]


@contextmanager
def own_repository(folder: Path) -> Iterator[Path]:
    """A folder with a target, and programs that stand for installing and starting; what was started ends with it."""
    programs = folder.with_name(f"{folder.name}-programs")
    for each in (folder, programs):
        each.mkdir()
    for name, script in (("npm", NPM), ("pip", "#!/bin/sh\n")):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    shutil.copy(targets.SHIPPED / "bundled.toml", folder / "entrega.toml")
    try:
        yield programs
    finally:
        if (folder / "server.pid").exists():
            with suppress(ProcessLookupError):
                os.kill(int((folder / "server.pid").read_text()), signal.SIGKILL)


def played(folder: Path, variables: dict[str, str], scripts: list[str]) -> list[int]:
    """The exit code of each script."""
    with own_repository(folder) as programs:
        short = {
            "ENTREGA_HOST": f"http://127.0.0.1:{free_port()}",
            "ENTREGA_USERS": "33",
            "ENTREGA_RUN_TIME": "11s",
            "ENTREGA_SPAWN_RATE": "30",
            "ENTREGA_SET": " ".join(f"{name}={SMALL[name]}" for name in SHORTENED),
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        }
        assert {"ENTREGA_HOST", "ENTREGA_RUN_TIME"} <= set(variables)
        codes = []
        for number, script in enumerate(scripts):
            with (folder / f"said-{number}").open("wb") as said:
                done = subprocess.run(
                    ["bash", "-e", "-c", script],
                    cwd=folder, env=environment(**{**variables, **short}), stdin=subprocess.DEVNULL,
                    stdout=said, stderr=said, timeout=STEP_WITHIN_S, check=False,
                )  # fmt: skip
            codes.append(done.returncode)
        return codes


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[int]]]:
    """Both, at once."""
    folder = tmp_path_factory.mktemp("ci")
    of_github, of_gitlab = files()
    with ThreadPoolExecutor() as at_once:
        done = {
            "github": at_once.submit(played, folder / "github", *github(of_github)),
            "gitlab": at_once.submit(played, folder / "gitlab", *gitlab(of_gitlab)),
        }
    return {name: (folder / name, each.result(WITHIN_S)) for name, each in done.items()}


@pytest.mark.parametrize(
    ("name", "scenarios"), [("github", ["early-reply", "short-drop"]), ("gitlab", ["early-reply"])]
)
def test_the_lines_of_a_ci_file_run(jobs: dict[str, tuple[Path, list[int]]], name: str, scenarios: list[str]) -> None:
    folder, codes = jobs[name]
    said = (folder / f"said-{len(codes) - 1}").read_text()
    assert set(codes[:-1]) <= {0}, said
    assert codes[-1] in (0, 3), said  # unknown where this machine had other things to do
    assert "Traceback" not in said
    suites = Xml.parse(folder / "check" / "junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == scenarios
    assert suites.get("failures") == "0"
    for scenario in scenarios:
        assert list((folder / "check" / scenario).glob("*/report/report.html"))
    assert (folder / "step.md").read_text() == (folder / "check" / "summary.md").read_text()


def test_it_is_installed_from_where_it_can_be_had() -> None:
    """Not by its bare name: it is on no package index."""
    installs = re.findall(r"pip install (.*)", PAGE.read_text(encoding="utf-8"))
    assert len(installs) == 3
    assert all(each.startswith(('"git+https://', "path/to/entrega")) for each in installs)


def test_what_is_kept_is_what_is_made() -> None:
    of_github, of_gitlab = files()
    (job,) = of_github["jobs"].values()
    (upload,) = (step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert (upload["if"], upload["with"]["path"].split()) == ("always()", ["check", "server.log"])
    (job,) = of_gitlab.values()
    assert (job["artifacts"]["when"], job["artifacts"]["paths"]) == ("always", ["check", "server.log"])
    assert job["artifacts"]["reports"]["junit"] == "check/junit.xml"
