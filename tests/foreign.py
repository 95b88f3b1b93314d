"""Servers that are not ours: examples/node-chat and those of tests/node, and small runs against them."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reports.confusion import SMALL, TIMES
from tests.node_process import node, npm_ci
from tests.played import Play, settings_of, start, until

NODE_CHAT = Path(__file__).resolve().parent.parent / "examples" / "node-chat"
ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Small:
    """A small run; `options` of `entrega run`, `variables` of the environment, the server's included."""

    scenario: str
    target: Path
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def install() -> None:
    """Skips the test where there is no Node.js."""
    node()
    npm_ci(NODE_CHAT)


@contextmanager
def played(runs: Mapping[str, Small], folder: Path) -> Iterator[dict[str, Play]]:
    """All at once, to their ends: each of them mostly waits."""
    plays: dict[str, Play] = {}
    try:
        for name, run in runs.items():
            command = [sys.executable, "-m", "entrega", "run", run.scenario, "--seed", "7"]
            command += ["--target", str(run.target), "--out", str(folder / name)]
            command += settings_of({**SMALL, **TIMES.get(run.scenario, {})})
            plays[name] = start([*command, *run.options], folder / name, folder / f"{name}-said", **run.variables)
        for play in plays.values():
            assert play.wait() in (0, 3), play.stderr()
        yield plays
    finally:
        for play in plays.values():
            play.end()


@contextmanager
def served(script: Path, folder: Path, **variables: str) -> Iterator[str]:
    """The address of that server, on any port."""
    server = start([node(), str(script)], folder, folder / script.stem, PORT="0", ENTREGA_PORT="0", **variables)
    try:
        found = until(lambda: ADDRESS.search(server.stdout()), f"{script.name} listens; {server.stderr()}")
        yield found[0]
    finally:
        server.end()
