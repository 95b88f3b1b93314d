"""What is shown of delivery while a run is played: figures of the rigs' lines, and the tab in Locust's web UI."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtests.delivery import COLUMNS, rows
from loadtests.events import Recorder
from loadtests.progress import Tail
from reports.confusion import SMALL
from reports.ledger import open_ledger
from tests.chromium import Page, chromium, page
from tests.played import WITHIN_S, free_port, play, until

S = 10**9
LATE_AFTER_S = 2.0


def rig(at_s: float, **counts: Any) -> str:
    """A rig's line, of which nothing happened but what is said."""
    line = {"t": round(at_s * S), "kind": "rig", "lag_ms": 1.0, "latencies_ms": None}
    zero = dict.fromkeys(("asked", "connected", "joined", "sent", "accepted", "displayed", "caught_up"), 0)
    return json.dumps({**line, **zero, **counts}, separators=(",", ":")) + "\n"


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """Append lines to a process's file."""

    def tell(process: int, *lines: str) -> None:
        with (tmp_path / f"swarm-{process}.jsonl").open("a") as file:
            file.writelines(lines)

    return tell


def test_before_anything_was_said_there_is_nothing(tmp_path: Path) -> None:
    (row,) = rows(Tail(tmp_path, LATE_AFTER_S), 0)
    assert (row["name"], row["accepted"], row["delivered"], row["p50"], row["lag"]) == ("all", 0, None, None, None)


def test_one_process_has_one_row_and_a_second_one_its_own(tmp_path: Path, told: Any) -> None:
    """What one has sent another one may show, so that only together they know what is behind."""
    tail = Tail(tmp_path, LATE_AFTER_S)
    told(1, rig(1, sent=4, accepted=4, displayed=1))
    assert [row["name"] for row in rows(tail, 1 * S)] == ["all"]
    told(2, rig(1, sent=1, accepted=0, displayed=2))
    first, second, every = rows(tail, 4 * S)
    assert [row["name"] for row in (first, second, every)] == ["1", "2", "all"]
    assert (first["overdue"], first["delivered"]) == (None, None)
    assert (every["sent"], every["accepted"], every["displayed"]) == (5, 4, 3)
    assert (every["overdue"], every["delivered"]) == (1, 75.0)
    assert all(set(row) == set(COLUMNS) for row in (first, second, every))


def test_overdue_is_what_was_accepted_long_ago_also_when_nobody_had_asked(tmp_path: Path, told: Any) -> None:
    tail = Tail(tmp_path, LATE_AFTER_S)
    told(1, rig(1, accepted=5), rig(3, accepted=9, displayed=2), rig(3.5, accepted=9, displayed=3))
    assert [rows(tail, round(at_s * S))[0]["overdue"] for at_s in (2.9, 3.1, 5.1)] == [0, 2, 6]


def test_what_may_be_late_for_long_is_overdue_all_the_same(tmp_path: Path, told: Any) -> None:
    tail = Tail(tmp_path, 40.0)
    told(1, *(rig(at_s, accepted=at_s) for at_s in range(100)))
    assert [rows(tail, round(at_s * S))[0]["overdue"] for at_s in (99.1, 99.6)] == [59, 59]


def test_rates_and_quantiles_are_of_the_last_half_minute(tmp_path: Path, told: Any) -> None:
    tail = Tail(tmp_path, LATE_AFTER_S)
    told(1, rig(1, displayed=0, latencies_ms=[9e9], lag_ms=500.0))
    told(1, *(rig(40 + at_s, displayed=10 * at_s, latencies_ms=[10.0 * at_s + 1]) for at_s in range(21)))
    (row,) = rows(tail, 60 * S)
    assert (row["rate"], row["lag"]) == (10.0, 1.0)
    assert (row["p50"], row["p95"], row["p99"], row["slowest"]) == (101.0, 191.0, 201.0, 201.0)


def test_a_line_that_is_not_whole_yet_is_read_when_it_is(tmp_path: Path, told: Any) -> None:
    tail = Tail(tmp_path, LATE_AFTER_S)
    line = rig(1, displayed=7)
    told(1, line[:40])
    assert rows(tail, 1 * S)[0]["displayed"] == 0
    told(1, line[40:])
    assert rows(tail, 1 * S)[0]["displayed"] == 7


def test_it_reads_what_a_recorder_writes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    line = json.loads(rig(0, displayed=3))
    t_ns = recorder.append("rig", **{name: value for name, value in line.items() if name not in ("t", "kind")})
    recorder.close()
    assert rows(Tail(tmp_path, LATE_AFTER_S), t_ns)[0]["displayed"] == 3


# -- in the web UI

KILLED = {**SMALL, "run_time_s": 12.0, "faults.kill-server.at_s": 5.0, "faults.kill-server.for_s": 4.0}
OFFLINE = {"faults.offline.at_s": 1.0, "faults.offline.for_s": 2.0}  # a server that is away accepts nothing to recover


def shown(watched: Page) -> dict[str, str]:
    """The row of all processes, by the titles of its columns; nothing while there is none."""
    table = re.search(r"^Process\t.*(?:\n.*\t.*)*", watched.text().replace("\n\t", "\t"), re.MULTILINE)
    rows = [line.split("\t") for line in table[0].splitlines()] if table else []
    titles = rows[0] if rows else []
    return next((dict(zip(titles, row, strict=False)) for row in rows if row[0] == "all"), {})


def test_the_tab_shows_it_live_while_a_server_is_killed(tmp_path: Path) -> None:
    """One page, opened once: what was missed offline is recovered, and with no server there nobody is connected."""
    chromium()
    port = free_port()
    options = ("--web-port", port, "--csv", str(tmp_path / "figures"), "--html", str(tmp_path / "figures.html"))
    played = play(tmp_path / "run", "steady", "--processes", "2", "--", *options, settings=KILLED | OFFLINE)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: plays(url), "the run has begun")  # a page opened before it shows a form for good
        with page(f"{url}/?tab=delivery", tmp_path / "profile") as watched:
            first = until(lambda: shown(watched), "figures are shown")
            until(lambda: int(shown(watched).get("Displayed", 0)) > int(first["Displayed"]), "they go on")
            until(lambda: shown(watched)["Connected"] == "0", "all are cut off")
            until(lambda: int(shown(watched)["Connected"]) > 0, "they are back")
            until(lambda: int(shown(watched)["Recovered"]) > 0, "what was missed is recovered")
            last = shown(watched)
            (tmp_path / "tab.png").write_bytes(base64.b64decode(watched.picture()))
        assert played.wait() == 0, played.stderr()
        assert {"figures.html", "figures_stats.csv"} <= {path.name for path in tmp_path.iterdir()}
        assert int(last["Displayed"]) <= open_ledger(played.folder).summary.owed
    finally:
        played.end()


def plays(url: str) -> bool:
    try:
        return httpx.get(f"{url}/stats/requests", timeout=WITHIN_S).json()["state"] == "running"
    except httpx.HTTPError:
        return False
