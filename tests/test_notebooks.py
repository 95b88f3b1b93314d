"""Notebooks run, not merely shown: executed headless with small parameters, and committed as executed."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from entrega import open_ledger
from loadtests.order import order
from reports.absences import absences
from reports.confusion import SMALL
from reports.race import race
from reports.steps import AGENT, AWAY, CONNECTED, JOINED, LANES, SERVER, WIDGET
from reports.trace import Step, Trace

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
FIRST_RUN, LEDGER, TIMING, RECONNECTS = NOTEBOOKS
WITHIN_S = 120
A_FOLDER_OF_SOME_MACHINE = re.compile(r"(?<![\w./:])/(home|root|tmp|work|usr|var|opt|mnt|Users)/")
MAY_IMPORT = {"entrega", "IPython.display"}

Notebook = Any  # nbformat has no types


def read(path: Path) -> Notebook:
    import nbformat  # here, since it takes seconds, and every process that runs tests collects them all

    return nbformat.read(path, as_version=4)


def execute(path: Path, folder: Path, **parameters: Any) -> Notebook:
    """The notebook as it stands after a run in that folder, with these parameters instead of its own."""
    from nbclient import NotebookClient

    notebook = read(path)
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=WITHIN_S, resources=where, store_widget_state=False).execute()
    return notebook


def code(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: Notebook, kind: str) -> list[str]:
    """What its cells show in that form (text/html, image/png, ...), stdout for text that is printed."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    if kind == "stdout":
        return ["".join(output.text) for output in outputs if output.output_type == "stream" and output.name == kind]
    return ["".join(output.data[kind]) for output in outputs if kind in output.get("data", {})]


def rows(html: str) -> list[list[str]]:
    """The rows of a table as pandas shows it, each with its name first."""
    body = html.partition("<tbody>")[2]
    return [
        re.findall(r"<t[dh]>(.*?)</t[dh]>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebook is executed, with a scenario whose heartbeats are short."""
    here = tmp_path_factory.mktemp("notebook")
    quick = {name: value for name, value in SMALL.items() if name.endswith("_s") and name != "run_time_s"}
    fields = "".join(f"{name} = {json.dumps(value)}\n" for name, value in quick.items())
    (here / "quick.toml").write_text(f'from = "early-reply"\n{fields}', encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def played(folder: Path) -> Notebook:
    small = {"scenario": "quick.toml", "widgets": 8, "agents": 2, "seconds": 8}
    return execute(FIRST_RUN, folder, **small)


def test_the_first_run_plays_and_shows_what_the_ledger_says(played: Notebook, folder: Path) -> None:
    summary = open_ledger(folder / "runs").summary
    assert summary.lost > 0
    assert shown(played, "stdout")[0] == f"{summary.headline}\n"
    assert shown(played, "stdout")[-1].startswith("fail\npermanent_loss: ")
    assert len(shown(played, "image/png")) == 3
    deliveries, counts, timeline = shown(played, "text/html")
    assert "join_offset_ms" in deliveries
    assert f"<td>{summary.lost}</td>" in counts
    assert next(iter(summary.samples.values())) in timeline
    assert "MISSING: received" in timeline


def test_what_people_type_is_text_in_a_timeline() -> None:
    typed = "<img src=x>"
    step = Step(None, None, WIDGET, typed, "message", dict.fromkeys(LANES, JOINED))
    lanes = {WIDGET: typed, AGENT: typed}
    found = Trace(typed, typed, typed, typed, typed, lanes, typed, None, (step,), (typed,))
    assert "<img" not in found._repr_html_()
    assert found._repr_html_().count("&lt;img src=x&gt;") == 10


def test_a_notebooks_lanes_show_what_each_connection_was_doing() -> None:
    step = Step(None, 1.0, SERVER, "stored", "message", {WIDGET: AWAY, SERVER: JOINED, AGENT: CONNECTED})
    found = Trace("m", "agent-0", "widget-0", "s", None, {WIDGET: "w", AGENT: "a"}, "live", None, (step,), ())
    row = found._repr_html_().partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.findall(r"border-left: ([^\"]+)\">(\w*)", row) == [
        ("2px dotted", ""),
        ("4px solid", "stored"),
        ("1px solid", ""),
    ]


def test_progress_leaves_one_line_of_text_and_no_widget(played: Notebook) -> None:
    (progress,) = (output for output in code(played)[1].outputs if output.output_type == "display_data")
    assert list(progress.data) == ["text/plain"]
    assert re.fullmatch(r"played for \d+ s: \d+ sent, \d+ displayed, \d+ overdue", progress.data["text/plain"])


@pytest.mark.usefixtures("played")
def test_the_first_run_reads_a_recorded_run(folder: Path, tmp_path: Path) -> None:
    recorded = open_ledger(folder / "runs")
    read = execute(FIRST_RUN, tmp_path, recorded_run=str(recorded.run.path))
    assert shown(read, "stdout")[0] == f"{recorded.summary.headline}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("played")
def test_the_ledgers_page_says_what_the_ledger_says(folder: Path, tmp_path: Path) -> None:
    recorded = open_ledger(folder / "runs")
    read = execute(LEDGER, tmp_path, recorded_run=str(recorded.run.path))
    outcomes, causes, timeline, reasons = shown(read, "text/html")
    assert sum(int(each) for row in rows(outcomes) for each in row[2:4]) == len(recorded.deliveries)
    assert sum(int(row[4]) for row in rows(causes)) == recorded.summary.recovered + recorded.summary.lost
    assert "MISSING: received" in timeline
    assert "io client disconnect" in reasons
    assert len(shown(read, "image/png")) == 3
    assert shown(read, "stdout")[-1].startswith("fail\npermanent_loss: ")
    assert list(tmp_path.iterdir()) == []


def test_the_timings_page_plays_a_sweep_and_finds_the_window(tmp_path: Path) -> None:
    played = execute(TIMING, tmp_path, join_delays_ms=[250], widgets=24, agents=2, seconds=7)
    ledger = open_ledger(tmp_path / "runs")
    found = race(ledger, 250)
    assert found.missed.n == ledger.summary.owed == 24
    assert found.window is not None
    assert found.window.high_ms > 250
    ((name, scenario, _, owed, recovered, *_),) = rows(shown(played, "text/html")[0])
    assert (name, scenario, int(owed), int(recovered)) == ("250", "early-reply", 24, found.missed.k)
    assert len(shown(played, "image/png")) == 3


@pytest.mark.usefixtures("played")
def test_the_reconnects_page_reads_runs_and_plays_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    names = calls_of(RECONNECTS)
    recorded = {name: str(folder / "runs") for name in names if name != "offline"}
    played = execute(RECONNECTS, tmp_path, recorded_runs=recorded, widgets=8, agents=2, away_s=[0.3, 2.0])
    assert [row[0] for row in rows(shown(played, "text/html")[0])] == list(names)
    assert len(shown(played, "image/png")) == 5
    assert set(absences(open_ledger(tmp_path / "runs"))["fault"]) == {"offline"}


def test_what_the_reconnects_page_plays_can_be_ordered() -> None:
    for call in calls_of(RECONNECTS).values():
        order(call["scenario"], call["settings"], defects=call.get("defects", ()))


def calls_of(notebook: Path) -> dict[str, Any]:
    """The runs that its cells are about to play, by name."""
    cells = {cell.id: cell.source for cell in read(notebook).cells}
    said: dict[str, Any] = {}
    exec(cells["parameters"] + "\n" + cells["run"].partition("\nledgers = ")[0], said)
    return dict(said["calls"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_as_it_was_executed(path: Path) -> None:
    import nbformat

    notebook = read(path)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    kinds = {output.output_type if output.output_type != "stream" else output.name for cell in code(notebook)
             for output in cell.outputs}  # fmt: skip
    assert kinds <= {"display_data", "execute_result", "stdout"}
    assert [cell.id for cell in code(notebook) if not cell.outputs] == ["parameters"]
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert {tuple(cell.metadata) for cell in notebook.cells} == {(), ("tags",)}
    assert sum(cell.metadata.get("tags") == ["parameters"] for cell in notebook.cells) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_names_no_folder_of_a_machine(path: Path) -> None:
    notebook = read(path)
    for cell in notebook.cells:
        texts = [cell.source, *(json.dumps(output) for output in cell.get("outputs", []))]
        assert [match[0] for text in texts for match in A_FOLDER_OF_SOME_MACHINE.finditer(text)] == [], cell.id
    assert "widget-view" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_calls_and_defines_nothing(path: Path) -> None:
    tree = ast.parse("\n".join(cell.source for cell in code(read(path))))
    nodes = list(ast.walk(tree))
    assert [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)] == []
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported <= MAY_IMPORT


def test_a_machines_folder_would_be_found() -> None:
    assert A_FOLDER_OF_SOME_MACHINE.search('"' + "/home" + '/ana/runs"')
    assert not A_FOLDER_OF_SOME_MACHINE.search("runs/early-reply/20251122T134200-7 http://127.0.0.1:8000/home/")
