"""The houses hold: who loads what, who is called what, and what a notebook may do.

import-linter keeps the arrows between the packages (`make check`); here is what it cannot see: the front door, the
notebooks, what an import really loads, and whether what is imported is declared.
"""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("loadtests", "reports", "server_under_test")
FRONT_DOOR = sorted(ROOT.glob("entrega*.py"))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))

# Imports every module of the houses named, then prints what is loaded.
LOAD_ALL = """
import importlib, pkgutil, sys
for house in sys.argv[1:]:
    package = importlib.import_module(house)
    for module in pkgutil.iter_modules(getattr(package, "__path__", ()), house + "."):
        if not module.name.endswith((".swarm", ".locustfile", ".__main__")):
            importlib.import_module(module.name)
print(*sys.modules)
"""


def loaded_by(*houses: str, cwd: Path) -> set[str]:
    """Names of all modules in a fresh interpreter that imported these houses with all their modules."""
    run = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, *houses], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a piece of code imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(names: Iterable[str], packages: Iterable[str]) -> set[str]:
    """Those names that are one of the packages or lie in one."""
    return {name for name in names for package in packages if f"{name}.".startswith(f"{package}.")}


def cells(notebook: Path) -> list[dict[str, object]]:
    """The code cells of a notebook."""
    read = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in read["cells"] if cell["cell_type"] == "code"]


def code(notebook: Path) -> ast.Module:
    """The code of a notebook, without the lines that speak to IPython."""
    lines = [line for cell in cells(notebook) for line in [*"".join(cell["source"]).splitlines(), ""]]
    return ast.parse("\n".join(line for line in lines if not line.lstrip().startswith(("%", "!"))))


def test_front_door_and_reports_load_neither_the_swarm_nor_the_server(tmp_path: Path) -> None:
    loaded = loaded_by("entrega", "loadtests", "reports", cwd=tmp_path)
    assert within(loaded, ["gevent", "locust", "loadtests.swarm"]) == set()
    assert within(loaded, ["server_under_test", "fastapi", "uvicorn", "sqlalchemy"]) == set()


def test_server_loads_nothing_else_of_ours(tmp_path: Path) -> None:
    loaded = loaded_by("server_under_test", cwd=tmp_path)
    assert within(loaded, ["gevent", "locust", "entrega", "loadtests", "reports"]) == set()


def test_import_entrega_is_light(tmp_path: Path) -> None:
    loaded = loaded_by("entrega", cwd=tmp_path)
    assert within(loaded, ["pandas", "pyarrow", "duckdb", "matplotlib", "scipy"]) == set()


def test_front_door_never_enters_the_swarm() -> None:
    named = chain.from_iterable(imports(ast.parse(path.read_text(encoding="utf-8"))) for path in FRONT_DOOR)
    assert within(named, ["gevent", "locust", "loadtests.swarm", "loadtests.locustfile"]) == set()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_calls_and_defines_nothing(notebook: Path) -> None:
    tree = code(notebook)
    defined = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assert [node.name for node in defined] == []
    assert within(imports(tree), ["gevent", "locust", *HOUSES]) == set()


def test_no_module_is_a_drawer_for_anything() -> None:
    drawers = {"common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"}
    modules = [path for house in (*HOUSES, "tests") for path in (ROOT / house).rglob("*.py")]
    assert [path for path in modules if drawers & {path.stem, path.parent.name}] == []


def declared(extra: str | None = None) -> set[str]:
    """Distributions that pyproject.toml asks for: the core's, or an extra's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {entry.split(">=")[0].split("[")[0].lower() for entry in asked}


@pytest.mark.parametrize(
    ("patterns", "extra"),
    [(["entrega*.py", "loadtests/**/*.py", "reports/**/*.py"], None), (["server_under_test/**/*.py"], "server")],
    ids=["core", "server"],
)
def test_what_is_imported_is_declared(patterns: list[str], extra: str | None) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for pattern in patterns for path in ROOT.glob(pattern)]
    named = {name.split(".")[0] for tree in trees for name in imports(tree)}
    foreign = named - set(sys.stdlib_module_names) - {*(path.stem for path in FRONT_DOOR), *HOUSES}
    distributions = packages_distributions()
    undeclared = {name for name in foreign if not {d.lower() for d in distributions.get(name, [])} & declared(extra)}
    assert undeclared == set()
