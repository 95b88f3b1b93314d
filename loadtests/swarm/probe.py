"""One session of one customer and one agent, step by step, each shown with what was sent and what came.

A script: `python -P -m gevent.monkey .../probe.py`, with {target, url, folder} as JSON on stdin. Ends with 0 when every
step went well, else with 1 after the first that did not, with the key of the target that mends it.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # our houses, whatever folder this is started in

from loadtests import target_file as targets
from loadtests.swarm.probe_steps import Steps
from loadtests.swarm.probed import Failed


def probe(steps: Steps) -> int:
    """Take them one after the other and tell; the exit status."""
    tape = steps.tape
    for number, (title, step) in enumerate(steps.titled(), 1):
        steps.begin()
        print(f"{number:>2}. {title}", flush=True)
        try:
            said = step()
        except Failed as failed:
            tape.show()
            print(f"    FAILED: {tape.masked(failed.wrong)}")
            print(f"    mend:   {failed.key}: {tape.masked(failed.mend)}", flush=True)
            return 1
        tape.show()
        print(f"    ok: {tape.masked(said)}", flush=True)
    return 0


def main() -> int:
    asked = json.load(sys.stdin)
    target = targets.from_table(asked["target"], asked["target"]["name"])
    return probe(Steps(Path(asked["folder"]), asked["url"], target))


if __name__ == "__main__":
    sys.exit(main())
