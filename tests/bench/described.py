"""What a target costs while it is played: to say one message, to read one and one answer, by several descriptions."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {
    "bundled": "bundled",
    "node_chat": str(ROOT / "examples" / "node-chat" / "target.toml"),
    "bare": str(ROOT / "tests" / "node" / "bare.toml"),
}
# In a process of its own, since the swarm loads gevent.
SCRIPT = """
import sys
from timeit import repeat
from loadtests.swarm.message import text_of
from loadtests.swarm.talk import Talk
from loadtests.target_file import load

side = load(sys.argv[1]).widget
talk, text = Talk(side), text_of("9fd02a11:17.a.3", 10**15)
names = side.message
message = text if names.text == "." else {names.text: text}
made = {names.id: "4f1d", names.mid: "9fd02a11:17.a.3", names.session: "s1"}
made[names.seq] = 4 if names.seq_is == "count" else "2026-01-01T00:00:00.000Z"
if isinstance(message, dict):
    message |= {name: value for name, value in made.items() if name}
payload = message if names.body == "." else {names.body: message}

def once():
    talk.emit(text, "9fd02a11:17.w.3", "s1")
    talk.said((None, message))
    talk.reader.read(talk.live(payload))

assert talk.reader.read(talk.live(payload)).whole
print(min(repeat(once, number=20_000, repeat=7)) / 20_000 * 1e6)
"""


def measure() -> Mapping[str, float]:
    return {f"{name}_us": round(_us(target), 2) for name, target in TARGETS.items()}


def _us(target: str) -> float:
    command = [sys.executable, "-c", SCRIPT, target]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
