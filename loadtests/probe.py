"""probe(target) -> exit status: one session, shown step by step, by the swarm's client in a process of its own."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.address import CA_VARIABLE, check_url
from loadtests.bad_input import BadInput
from loadtests.reach import check_answers
from loadtests.server_process import ServerProcess
from loadtests.target import Target

SCRIPT = Path(__file__).parent / "swarm" / "probe.py"
WITHIN_S = 120.0
SERVER = {"ENTREGA_PORT": "0", "ENTREGA_PING_INTERVAL": "5", "ENTREGA_PING_TIMEOUT": "4"}


def probe(target: Target, host: str | None, allowed_hosts: tuple[str, ...], ca: Path | None, wait_s: float) -> int:
    """0: the server does what the target says; 1: it does not. Prints as it goes. Raises BadInput."""
    with tempfile.TemporaryDirectory(prefix="entrega-") as name:
        folder = Path(name)
        if host or target.start is None:
            url = check_url(host or target.url, allowed_hosts)
            check_answers(url, wait_s, ca)
            return _play(target, url, folder, ca)
        (folder / "logs").mkdir()
        (folder / "events").mkdir()
        environment = {**SERVER, "ENTREGA_DATABASE": f"sqlite:///{folder}/chat.db"}
        server = ServerProcess(target.start, environment, folder / "logs", target.folder)
        try:
            return _play(target, check_url(server.launch(), allowed_hosts), folder, ca)
        finally:
            server.stop()


def _play(target: Target, url: str, folder: Path, ca: Path | None) -> int:
    print(f"{target.name} at {url}", flush=True)
    asked = {"target": dataclasses.asdict(target), "url": url, "folder": str(folder)}
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "gevent.monkey", str(SCRIPT)],
            input=json.dumps(asked),
            text=True,
            env={**os.environ, CA_VARIABLE: str(ca or "")},
            timeout=WITHIN_S,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"the last step above was not over {WITHIN_S:.0f} s after the first began; where the target names code, "
            "let that give up sooner"
        ) from None
