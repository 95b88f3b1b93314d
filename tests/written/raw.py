"""Runs written line by line, as somebody who has read no more than the table of events would write them.

    0     w session_opened index=0       w: party=widget-0 view=1 session=s0; a: agent-0; w1 and a1: those of s1
    3     a sent a0 due_ns=3             a0: mid=abc:0.a.0, the 0 being who says it; 1.a0 names another session's
    3.1   w displayed a0 #1 c1 via=live  #1: seq=1; c1: conn=1; v2: view=2
    4     j stored a0 #1                 j: the journal; j2: that of the second boot; l: the launcher

Four words stand for several lines: `comes` connects and joins, `says` sends and is accepted, `gets` receives and
displays, `audit` reads what is stored. Nothing else is added, but the first line of a journal and the sentinels.
"""

import json
import shlex
from pathlib import Path
from typing import Any

from loadtests.events import FIELDS, FORMAT
from tests.written.history import RUN, ns

MINIMAL = {"format": FORMAT, "run": RUN, "horizon_s": 20.0, "late_after_s": 2.0}
OF_NO_SESSION = ("connecting", "connected", "connect_failed", "disconnected")  # an agent's lines of these kinds
SHORT = {"#": "seq", "c": "conn", "v": "view"}
NUMBERS = ("BIGINT", "INTEGER")


def lines(told: str, ends: float | None = 60.0) -> dict[str, list[dict[str, Any]]]:
    """The lines of each file. `ends`: when the recorders were closed; None: they were not."""
    files: dict[str, list[dict[str, Any]]] = {}
    for line in told.strip().splitlines():
        at, who, kind, *words = shlex.split(line) or ("", "", "")
        if at:
            for source, event in _events(float(at), who, kind, words):
                files.setdefault(source, []).append(event)
    if "journal-1" in files and not any(event["kind"] == "server_started" for event in files["journal-1"]):
        files["journal-1"].insert(0, {"t": ns(-5), "kind": "server_started", "boot": "b1"})
    if ends is not None:
        files.setdefault("swarm-1", [])
        for source in files:
            if source.startswith("swarm"):
                files[source].append({"t": ns(ends), "kind": "sentinel"})
    return files


def write(folder: Path, files: dict[str, list[dict[str, Any]]], **info: Any) -> Path:
    (folder / "events").mkdir(parents=True)
    for source, events in files.items():
        (folder / "events" / f"{source}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (folder / "run.json").write_text(json.dumps({**MINIMAL, **info}))
    return folder


def _events(at: float, who: str, kind: str, words: list[str]) -> list[tuple[str, dict[str, Any]]]:
    who, _, session = who.partition("@")
    if who[0] in "jl":
        index = (session or "s0")[1:]
        source = "launcher" if who == "l" else f"journal-{who[1:] or 1}"
        of_session = kind in ("stored", "published", "written", "room_entered") and "session=null" not in words
        about = {"session": session or "s0"} if of_session else {}
        return [(source, {"t": ns(at), "kind": kind, **about, **_fields(words, index)})]
    index = session[1:] or who[1:] or "0"
    party = {"w": f"widget-{who[1:] or 0}", "a": f"agent-{who[1:] or 0}"}[who[0]]
    about = {"party": party, "session": f"s{index}", **({"view": 1} if who[0] == "w" else {})}
    if kind in MACROS:
        return MACROS[kind](at, about, index, words)
    if who[0] == "a" and kind in OF_NO_SESSION:
        del about["session"]
    return [("swarm-1", {"t": ns(at), "kind": kind, **about, **_fields(words, index)})]


def _fields(words: list[str], index: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, given, value = word.partition("=")
        if given:
            found[name] = _value(name, value)
        elif name[0] in SHORT and name[1:].isdigit():
            found[SHORT[name[0]]] = int(name[1:])
        else:
            found["mid"] = _mid(name, index)
    return {name: value for name, value in found.items() if value is not None}


def _value(name: str, value: str) -> Any:
    if name.endswith("_ns"):
        return ns(float(value)) if value != "null" else None
    if name == "sids":
        return value.split(",") if value else []
    if value in ("null", "true", "false"):
        return json.loads(value)
    return int(value) if (name in FIELDS and FIELDS[name].type in NUMBERS) or name in SHORT.values() else value


def _mid(word: str, index: str) -> str:
    index, _, key = word.rpartition(".") if "." in word else (index, "", word)
    return f"{RUN}:{index}.{key[0]}.{key[1:]}"


def _comes(at: float, about: dict[str, Any], index: str, words: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Connects at once and joins 0.1 s later, in 50 ms each; `sid`, `after`, `count` and `members` may be given."""
    said = {"after": 0, "count": 0, "members": 1, **_fields(words, index)}
    said = {name: value for name, value in said.items() if f"{name}=null" not in words}
    sid, room = said.pop("sid", None), {"room": f"chat:s{index}"}
    conn = {"conn": said["conn"]}
    whose = {name: value for name, value in about.items() if name != "session" or "view" in about}
    asked = {name: value for name, value in said.items() if name in ("conn", "after")}
    told = [
        ("swarm-1", {"t": ns(at), "kind": "connecting", "attempt": 1, **whose, **conn}),
        ("swarm-1", {"t": ns(at + 0.05), "kind": "connected", "sid": sid, "transport": "websocket", **whose, **conn}),
        ("swarm-1", {"t": ns(at + 0.1), "kind": "join_sent", **about, **asked, **room}),
        ("swarm-1", {"t": ns(at + 0.15), "kind": "joined", **about, **said, **room}),
    ]
    if sid:
        told.append(("journal-1", {"t": ns(at + 0.04), "kind": "sid_connected", "sid": sid}))
        entered = {"t": ns(at + 0.12), "kind": "room_entered", "sid": sid, "session": about["session"], **room}
        told.append(("journal-1", entered))
    return told


def _says(at: float, about: dict[str, Any], index: str, words: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Sent when due, stored 5 ms and published 6 ms later `to` those, accepted after 30 ms, by id `id-KEY`."""
    said = _fields(words, index)
    to = str(said.pop("to", "")).split(",") if "to" in said else None
    mid, seq = {"mid": said["mid"], "session": about["session"]}, {"seq": said.get("seq")}
    server_id = {"id": "id-" + mid["mid"]}
    told = [
        ("swarm-1", {"t": ns(at), "kind": "sent", "due_ns": ns(at), "via": "rest", **about, **mid}),
        ("swarm-1", {"t": ns(at + 0.03), "kind": "accepted", "status": 201, **about, **mid, **seq, **server_id}),
    ]
    if to is not None:
        sids = [sid for sid in to if sid]
        room = {"room": f"chat:s{index}", "members": len(sids), "sids": sids}
        told.append(("journal-1", {"t": ns(at + 0.005), "kind": "stored", **mid, **seq, **server_id}))
        told.append(("journal-1", {"t": ns(at + 0.006), "kind": "published", **mid, **room, **server_id}))
        told += [("journal-1", {"t": ns(at + 0.007), "kind": "written", "sid": sid, **mid}) for sid in sids]
    return told


def _gets(at: float, about: dict[str, Any], index: str, words: list[str]) -> list[tuple[str, dict[str, Any]]]:
    said = {"via": "live", **_fields(words, index)}
    server_id = {"id": "id-" + said["mid"]}
    return [
        ("swarm-1", {"t": ns(at), "kind": "received", **about, **said, **server_id}),
        ("swarm-1", {"t": ns(at), "kind": "displayed", **about, **said}),
    ]


def _audit(at: float, about: dict[str, Any], index: str, words: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """`a0#1 w0#2`: these were in the reply."""
    read = {"kind": "history_read", "after": 0, "count": len(words), "audit": True}
    told = [("swarm-1", {"t": ns(at), **read, **about})]
    for word in words:
        key, _, seq = word.partition("#")
        line = {"kind": "received", "via": "audit", "mid": _mid(key, index), "seq": int(seq)}
        told.append(("swarm-1", {"t": ns(at), **line, **about}))
    return told


MACROS = {"comes": _comes, "says": _says, "gets": _gets, "audit": _audit}
