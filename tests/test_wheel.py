"""The wheel: all of the houses and nothing else, and it finds them wherever it is run.

It is installed without its dependencies into a fresh environment. A .pth line there lends it the packages of the
environment that runs the tests; .pth files of a folder lent like that are not read, so the checkout that is installed
there in editable form stays out of sight (one test looks).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.server_process import running

ROOT = Path(__file__).resolve().parent.parent
FROM_LOCUST = ROOT / "docs" / "from-locust.md"
HOUSES = ("loadtests", "reports", "server_under_test")
FRONT_DOOR = ("entrega.py", "entrega_lists.py", "entrega_options.py")
PARTS = ("pyproject.toml", "README.md", "LICENSE", "tests", "notebooks", *FRONT_DOOR, *HOUSES)
IGNORED = shutil.ignore_patterns("__pycache__", "node_modules", ".ipynb_checkpoints")


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would who has no PYTHONPATH; the assertion shows what it said when it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what could go into the wheel: setuptools would mix an older build/ of the checkout into it."""
    copy = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=IGNORED)
        elif (ROOT / part).exists():
            shutil.copy(ROOT / part, copy / part)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """The wheel, built with the tools at hand."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", source / "dist", source, cwd=source)
    (built,) = (source / "dist").glob("entrega-*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment that holds the wheel."""
    environment = tmp_path_factory.mktemp("fresh")
    venv.create(environment, symlinks=True)
    programs = environment / "bin"
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", "--no-deps", "--no-index",
        "--disable-pip-version-check", wheel, cwd=environment)  # fmt: skip
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's own project, whose folders are called as ours are."""
    for name in (*HOUSES, "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise ImportError('this is the user\\'s own')\n", encoding="utf-8"
        )
    return tmp_path


def test_wheel_holds_the_houses_and_nothing_else(source: Path, wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {path for house in HOUSES for path in (source / house).rglob("*") if path.is_file()}
    assert held == {*FRONT_DOOR, *(str(path.relative_to(source)) for path in ours)}


def test_wheel_holds_the_data(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    for folder in ("loadtests/scenarios/", "loadtests/targets/", "reports/templates/"):
        assert any(name.startswith(folder) for name in held), folder


def test_fresh_environment_runs_the_wheel_not_the_checkout(fresh: Path, elsewhere: Path) -> None:
    said = run(fresh / "python", "-c", "import entrega, sys; print(entrega.__file__, *sys.meta_path)", cwd=elsewhere)
    assert said.stdout.startswith(str(fresh.parent))
    assert "__editable__" not in said.stdout


@pytest.mark.parametrize("name", ["open_ledger", "run", "judge", "runs", "figures"])
def test_the_users_own_folders_shadow_nothing(fresh: Path, elsewhere: Path, name: str) -> None:
    run(fresh / "python", "-c", f"import entrega; entrega.{name}", cwd=elsewhere)


def test_the_users_own_folders_shadow_nothing_of_a_checkout(elsewhere: Path) -> None:
    run(sys.executable, "-c", "import entrega; entrega.open_ledger", cwd=elsewhere)


def test_the_users_own_folders_stay_importable_without_us(fresh: Path, elsewhere: Path) -> None:
    (elsewhere / "tests" / "__init__.py").write_text("WHOSE = 'the user'\n", encoding="utf-8")
    run(fresh / "python", "-c", "import entrega, tests; assert tests.WHOSE == 'the user'", cwd=elsewhere)


def test_commands_answer_from_the_wheel(fresh: Path, elsewhere: Path) -> None:
    assert "report" in run(fresh / "entrega", "--help", cwd=elsewhere).stdout
    assert "early-reply" in run(fresh / "entrega", "list", "scenarios", cwd=elsewhere).stdout
    assert "early-reply" in run(fresh / "python", "-m", "entrega", "list", "scenarios", cwd=elsewhere).stdout


def test_a_locustfile_of_ones_own_needs_the_wheel_only(
    fresh: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first example of docs/from-locust.md, as it stands, in a folder that is empty otherwise."""
    example = re.search(r"^```python\n(.*?)^```$", FROM_LOCUST.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert example is not None
    (tmp_path / "locustfile.py").write_text(example[1], encoding="utf-8")
    with running(tmp_path_factory.mktemp("server")) as server:
        options = ["--headless", "-u", "2", "-r", "5", "-t", "6s", "-H", server.url, "--only-summary"]
        said = run(fresh / "python", "-m", "locust", *options, cwd=tmp_path)
    assert '"Shopper": 1' in said.stderr
    (folder,) = said.stdout.splitlines()[-1:]
    assert json.loads((tmp_path / folder / "run.json").read_text(encoding="utf-8"))["end"]["state"] == "complete"


def test_a_run_from_the_wheel_is_played_and_reported(fresh: Path, elsewhere: Path) -> None:
    small = ["--widgets", "1", "--agents", "1", "-t", "7s", "--out", "played"]
    said = run(fresh / "entrega", "run", "steady", *small, cwd=elsewhere).stdout
    assert (elsewhere / said.splitlines()[-1]).samefile(elsewhere / "played")
    run(fresh / "entrega", "report", "played", cwd=elsewhere)
    assert json.loads((elsewhere / "played" / "report" / "summary.json").read_text(encoding="utf-8"))["sent"] > 0
    assert (elsewhere / "played" / "report" / "report.html").is_file()
