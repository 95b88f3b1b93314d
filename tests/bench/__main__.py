"""`python -m tests.bench [WHAT]`: what the parts cost on this machine. Measurements; no test reads them.

A line per figure, its unit in its name (`cpu` is a share of one core); the last line is all of them as one JSON object,
of a single WHAT without its name around them. Some minutes, during which nothing else should run here. WHAT is one of
BENCHES.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping

from loadtests.machine import cores
from tests.bench import client, described, ledger, many, recorder, server, swarm, truth

Figures = Mapping[str, float | str | None]

BENCHES: dict[str, tuple[str, Callable[[], Figures]]] = {
    "server": ("the bundled server: REST messages stored, journalled and emitted", server.measure),
    "swarm": ("the load: a run of `steady`, with the server on the same machine", swarm.measure),
    "client": (
        "the client beside Locust's and the browser's, against one Node.js server; four minutes",
        client.measure,
    ),
    "target": ("one message said, answered and read, by different descriptions of a server", described.measure),
    "recorder": ("one event, recorded", recorder.measure),
    "ledger": ("the ledger of 0.1, 1 and 10 million messages, a fifth of them missed", ledger.measure),
    "truth": ("what is known beforehand beside what runs say of it; five minutes", truth.measure),
    "10k": ("ten thousand widgets joined at once, the bundled server beside them; ten minutes and more", many.measure),
}
ASKED_FOR_ONLY = {"10k"}  # too long to run unasked


def main(asked: list[str]) -> int:
    """Measure and print; the exit code."""
    if unknown := set(asked) - set(BENCHES):
        print(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    machine = {
        "cores": cores(),
        "python": platform.python_version(),
        "load_before": round(load, 2),
    }
    print(f"{machine['cores']:g} cores, Python {machine['python']}, load before {load:.2f}", flush=True)
    measured: dict[str, Figures] = {}
    for name in asked or [name for name in BENCHES if name not in ASKED_FOR_ONLY]:
        title, measure = BENCHES[name]
        print(f"\n{title}", flush=True)
        measured[name] = measure()
        for figure, value in measured[name].items():
            print(f"  {figure.replace('_', ' '):<32} {_said(value):>12}", flush=True)
    figures = measured[asked[0]] if len(asked) == 1 else measured
    print(f"\n{json.dumps({'machine': machine, **figures})}")
    return 1 if any(figures.get("broken", "nothing") != "nothing" for figures in measured.values()) else 0


def _said(value: float | str | None) -> str:
    """Three figures and more, without a pretence of precision."""
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
