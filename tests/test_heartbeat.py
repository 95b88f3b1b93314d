"""A server that keeps a heartbeat of its own, longer than the scenario's: the run waits for as long as that takes."""

import subprocess
import sys
from pathlib import Path

from reports.confusion import SMALL
from reports.ledger import open_ledger
from tests.played import entrega, environment, free_port, settings_of, until

HEARTBEAT_S = {"ENTREGA_PING_INTERVAL": "5", "ENTREGA_PING_TIMEOUT": "4"}
LINKS_DIE = {f"faults.half-open.{field}": value for field, value in {"at_s": 2.0, "for_s": 4.0, "way": "down"}.items()}


def test_what_a_dead_link_took_is_recovered_when_the_server_s_heartbeat_has_told(tmp_path: Path) -> None:
    """And what is lost is lost, and not left open: it was waited for."""
    port, said = free_port(), tmp_path / "server.out"
    command = [sys.executable, "-m", "entrega", "serve", "--port", port, "--defect", "server.drop-emit=0.1"]
    with said.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, env=environment(**HEARTBEAT_S))
    try:
        until(lambda: b"http://" in said.read_bytes(), "the server is there")
        done = entrega(
            "run", "steady", "--seed", "7", "-H", f"http://127.0.0.1:{port}", "--out", tmp_path / "run",
            *settings_of({**SMALL, **LINKS_DIE}),
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait(30)
    assert done.returncode == 0, done.stderr
    summary = open_ledger(tmp_path / "run").summary
    assert summary.recovered > 0
    assert summary.lost > 0
    assert summary.unjudged == 0
