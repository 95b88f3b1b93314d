"""An error of the load's own code ends the run, so that no server is blamed for what its widgets did not do."""

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from reports.confusion import SMALL
from reports.ledger import open_ledger
from tests.played import Play, start
from tests.server_process import running

ROOT = Path(__file__).resolve().parent.parent
LOCUSTFILE = """
import sys
sys.path.insert(0, {root!r})
from loadtests.locustfile import Agent, Widget
from loadtests.swarm.chat import Party
from loadtests.swarm.screen import Screen

def broken(method):
    def breaks(*about, **more):
        if {when}:
            raise ValueError("a mistake of ours")
        return method(*about, **more)
    return breaks

{what}.{method} = broken({what}.{method})
"""
BY_LOCUST = ("widgets", "agents", "run_time_s", "arrivals_per_s")  # what -u, -t and -r say
# The transport, what breaks and when; where the run says that it was.
SPOTS = {
    "reader": ("websocket", "Screen", "show", first_answer := "str(about[1].mid).endswith(':3.a.0')", "page.py"),
    "poll": ("polling", "Screen", "show", first_answer, "page.py"),
    "story": ("websocket", "Widget", "acts", "about[-1].index == 3", "users.py"),
    "beside": ("websocket", "Party", "takes_step", "about[1] == 'escalate'", "parties.py"),
}
TALKS_S = 90


def played(folder: Path, url: str, spot: str) -> Play:
    """To its end, which comes long before that of the talk."""
    transport, what, method, when, _ = SPOTS[spot]
    folder.mkdir()
    file, scenario = folder / "locustfile.py", folder / "brisk.toml"
    file.write_text(LOCUSTFILE.format(root=str(ROOT), what=what, method=method, when=when))
    scenario.write_text(
        f'from = "steady"\ntransport = "{transport}"\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in SMALL.items() if name not in BY_LOCUST)
    )
    command = [sys.executable, "-P", "-m", "locust", "-f", str(file), "--headless", "-u", "11", "-r", "20"]
    run = start(
        [*command, "-t", f"{TALKS_S}s", "-H", url], folder, folder / "said", cwd=folder, ENTREGA_SCENARIO=str(scenario)
    )
    try:
        run.wait(TALKS_S / 2)
    finally:
        run.end()
    return replace(run, folder=(folder / "runs" / "latest").resolve())


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[Play]"]]:
    folder = tmp_path_factory.mktemp("own-errors")
    with running(folder, "--ping-interval", "1", "--ping-timeout", "1") as server, ThreadPoolExecutor(2) as at_once:
        yield {spot: at_once.submit(played, folder / spot, server.url, spot) for spot in SPOTS}


@pytest.mark.parametrize("spot", SPOTS)
def test_it_ends_the_run_and_nobody_is_blamed(ended: dict[str, "Future[Play]"], spot: str) -> None:
    run = ended[spot].result()
    (line,) = [line for line in run.stderr().splitlines() if line.startswith("entrega: ")]
    assert re.fullmatch(
        rf"entrega: an error of entrega's own, ValueError in {SPOTS[spot][-1]}, line \d+; please report it with the "
        "traceback in the log",
        line,
    )
    assert "a mistake of ours" in run.stderr()
    assert run.info()["end"] == {"state": "failed", "reason": line.removeprefix("entrega: ")}
    summary = open_ledger(run.folder).summary
    assert (summary.lost, summary.unexplained, summary.missed_because) == (0, 0, {})
    assert summary.verdict == "unknown"
    run.assert_nothing_left()
