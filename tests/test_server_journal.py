"""The journal: written in the table's own words, numbered, and in the file before its effect can be seen."""

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from loadtests.events import ENVELOPE, FORMAT, KINDS
from tests.server_client import WITHIN_S, Party, Polling, Rest, handshake, raw_socket
from tests.server_process import ServerProcess, running

JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "BIGINT": int,
    "INTEGER": int,
    "DOUBLE": (int, float),
    "VARCHAR": str,
    "VARCHAR[]": list,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("journal"), "--ping-interval", "1", "--ping-timeout", "1") as process:
        yield process


@pytest.fixture
def rest(server: ServerProcess) -> Iterator[Rest]:
    client = Rest(server.url)
    yield client
    client.close()


def test_every_kind_is_written_in_the_table_s_fields(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    handshake(server.url, "websocket", "https://evil.example")
    with raw_socket(server.url) as raw:
        raw.connect({"token": "rubbish"})
    with widget.socket() as socket, agent.socket() as desk:
        desk.join(widget.room)
        socket.join(widget.room)
        socket.call("nonsense", timeout=WITHIN_S)
        agent.send("r:0.a.0")
        socket.next()
        socket.call("leave", widget.room, timeout=WITHIN_S)
    fall_silent(server, rest)
    wanted = {kind.name for kind in KINDS.values() if kind.writer == "server"}
    lines = _until(server, lambda lines: wanted <= {line["kind"] for line in lines})
    assert FORMAT == 1
    for line in lines:
        fields = {field.name: field.type for field in (*ENVELOPE.values(), *KINDS[line["kind"]].fields)}
        for name, value in line.items():
            assert isinstance(value, JSON_TYPES[fields[name]]), (line, name)
    assert {line["kind"] for line in lines} == wanted


def fall_silent(server: ServerProcess, rest: Rest) -> None:
    """A page that polls no more: its queue grows, and once its pong is overdue it is emitted to in vain."""
    deadline_s = time.monotonic() + WITHIN_S
    while not server.journal("queue") or not server.journal("not_enqueued"):
        assert time.monotonic() < deadline_s, server.journal()[-20:]
        widget = rest.widget()
        silent = Polling(server.url)
        silent.send("40" + json.dumps({"token": widget.token}))
        silent.send("42" + json.dumps(["join", {"room": widget.room}]))
        sid = server.journal("sid_connected")[-1]["sid"]
        for number in count():
            widget.send(f"r:0.w.{number}")
            if any(line["sid"] == sid for line in server.journal("sid_disconnected", "not_enqueued")):
                break
        silent.close()


def test_lines_are_numbered_from_the_boot_on(server: ServerProcess) -> None:
    lines = server.journal()
    assert lines[0]["kind"] == "server_started"
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)


def test_what_was_accepted_stands_in_the_journal(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    with widget.socket() as socket:
        sid = socket.client.get_sid()
        socket.join(widget.room)
        assert _last(server, "room_entered", widget)["sid"] == sid
        for number in range(5):
            message = agent.send(f"{widget.session_id}:0.a.{number}").json()["message"]
            told = {
                "session": widget.session_id,
                "mid": f"{widget.session_id}:0.a.{number}",
                "seq": number + 1,
                "id": message["id"],
            }
            published = _last(server, "published", widget)
            assert told.items() <= _last(server, "stored", widget).items()
            assert {**told, "room": widget.room, "members": 1, "sids": [sid]}.items() <= published.items()
            socket.next()
            written = _until(server, lambda lines, told=told: _of(lines, "written", told["mid"]))
            assert {**told, "sid": sid}.items() <= _of(written, "written", told["mid"])[0].items()
    lines = _until(server, lambda lines: _of(lines, "sid_disconnected", None, sid))
    for number in range(5):
        order = [
            line["kind"]
            for line in lines
            if line.get("mid") == f"{widget.session_id}:0.a.{number}" and line["session"] == widget.session_id
        ]
        assert order == ["stored", "published", "written"]
    assert [line["kind"] for line in lines if line.get("sid") == sid and line["kind"] not in ("written", "queue")] == [
        "sid_connected",
        "room_entered",
        "room_left",
        "sid_disconnected",
    ]


def test_an_emit_to_nobody_says_so(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    widget.send("r:0.w.0")
    assert (_last(server, "published", widget)["members"], _last(server, "published", widget)["sids"]) == (0, [])


def test_a_retry_is_neither_stored_nor_published_again(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    for _ in range(2):
        widget.send("r:0.w.0")
    kinds = [line["kind"] for line in server.journal() if line.get("session") == widget.session_id]
    assert kinds == ["stored", "published"]


def test_a_disk_that_is_full_ends_the_journal_and_not_the_server(tmp_path: Path) -> None:
    with running(tmp_path, "--journal", "/dev/full") as server:
        rest = Rest(server.url)
        widget = rest.widget()
        assert [widget.send(f"r:0.w.{number}").status_code for number in range(3)] == [201, 201, 201]
        rest.close()
        server.stop()
        assert server.stderr().count("/dev/full takes no more lines (No space left on device); serving goes on") == 1
        assert len(server.stderr().splitlines()) == 1


def _last(server: ServerProcess, kind: str, party: Party) -> dict[str, Any]:
    return [line for line in server.journal(kind) if line.get("session") == party.session_id][-1]


def _of(lines: list[dict[str, Any]], kind: str, mid: str | None, sid: str | None = None) -> list[dict[str, Any]]:
    return [
        line
        for line in lines
        if line["kind"] == kind and mid in (None, line.get("mid")) and sid in (None, line.get("sid"))
    ]


def _until(server: ServerProcess, condition: Any) -> list[dict[str, Any]]:
    """The journal once the condition holds of it."""
    deadline = time.monotonic() + WITHIN_S
    while not condition(lines := server.journal()):
        assert time.monotonic() < deadline, lines[-20:]
    return lines
