"""One customer who is handed whatever a foreign server may send, without a network. `python ... FOLDER`."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from loadtests import scenario
from loadtests import target_file as targets
from loadtests.events import Recorder
from loadtests.plan import plan
from loadtests.swarm.badge import Badge
from loadtests.swarm.chat import Draft
from loadtests.swarm.message import text_of
from loadtests.swarm.parties import Customer
from loadtests.swarm.rest import Answer
from loadtests.swarm.screen import NOTHING
from loadtests.swarm.stage import Stage

MID = "r:0.a.0"
GOOD = {"id": "x", "clientId": MID, "seq": 1, "sessionId": "s1", "text": text_of(MID, 5)}
ODD: tuple[Any, ...] = (
    *(None, True, 5, -1, 2**70, 1.5, float("inf"), "", "text", "\ud800", b"\xff", [], [1], {}, {"message": 5}),
    *({"message": {**GOOD, name: odd}} for name in GOOD for odd in (None, True, -5, 2**70, "\ud800", [], {}, b"\xff")),
    *({"ok": True, name: odd} for name in ("messages", "room", "members") for odd in (None, 5, "text", [5], {}, 2**70)),
    {"ok": False, "error": {"why": ["a", "list"]}},
    {"ok": False, "error": "x" * 10**6},
)


def main(folder: Path) -> None:
    stage = Stage(
        folder=folder,
        run="r",
        url="http://127.0.0.1:1",
        scenario=scenario.load("steady"),
        target=targets.load("bundled"),
        t0_ns=time.monotonic_ns(),
        limit=1,
        defects={},
        recorder=Recorder(folder / "events" / "swarm-1.jsonl"),
        row=lambda *_: None,
    )
    customer = Customer(stage, 0, "s1", Badge(stage.target.widget.auth, "token"), None)
    page = customer.open_page()
    pane = customer.sit(plan(stage.scenario, 0), "s1", time.monotonic_ns(), "a", range(1), len(ODD) + 1).panes[0]
    draft = Draft(pane, "r:0.w.0", time.monotonic_ns(), "socket", "", 0)
    page.connecting(1)
    page.connected("sid", "websocket", False)
    for odd in ODD:
        page.event("new-message", (odd,), 0)
        page.event("typing", (odd,), 0)
        page._join_answered(pane, 1, NOTHING, time.monotonic_ns(), (odd,), None)
        customer._answered(draft, Answer(200, odd))
        customer._answered(draft, Answer(422, odd))
    page.event("new-message", ({"message": {**GOOD, "clientId": "r:0.a.1", "id": "last", "seq": 2}},), 0)
    stage.recorder.close()
    print(json.dumps({"payloads": len(ODD)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
