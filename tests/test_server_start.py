"""The server's beginning and end: its options, what it refuses to start with, a kill, a restart, a prompt end."""

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.server_client import WITHIN_S, Polling, Rest
from tests.server_process import END_WITHIN_S, READY_WITHIN_S, ROOT, environment, running

MENDS = {
    "--port": ("--port", "many"),
    "no port": ("--port", "70000"),
    "there is no defect 'server.nothing'": ("--defect", "server.nothing"),
    "there is no defect 'widget.no-rejoin'": ("--defect", "widget.no-rejoin"),
    "share of messages, 0 to 1": ("--defect", "server.drop-emit=2"),
    "it takes milliseconds, 0 to 60000, as const:MS, uniform:LOW:HIGH, exp:MEAN": ("--defect", "server.delay=exp"),
    "takes no value": ("--defect", "server.origin=1"),
    "shorter than --ping-timeout": ("--defect", "server.join-delay=30000"),
    "'chat.db' names no SQLite file": ("--database", "chat.db"),
    "'postgresql://localhost/chat' names no SQLite file": ("--database", "postgresql://localhost/chat"),
    "'sqlite://' names no SQLite file": ("--database", "sqlite://"),
    "a folder that exists": ("--database", "sqlite:////nowhere/chat.db"),
    "whole seconds": ("--ping-interval", "0.5"),
    "is no origin": ("--origin", "shop.example"),
    "--journal": ("--journal", "/nowhere/journal.jsonl"),
    "--help": ("--colour", "blue"),
}


def _run(*options: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "server_under_test", *options],
        cwd=ROOT,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, str, str]]]:
    """Mend -> (exit status, stdout, stderr) of servers that must not start; all at once, for each takes a moment."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "text.db").write_text("this is no database, however long one looks at it " * 100)
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as stack:
        options = {
            **MENDS,
            "take another --port": ("--port", str(taken.getsockname()[1])),
            "not a database": ("--database", f"sqlite:///{folder}/text.db"),
        }
        files = ["--port", "0", "--database", f"sqlite:///{folder}/chat.db"]
        started = {mend: stack.enter_context(_run(*files, *more)) for mend, more in options.items()}
        yield {mend: (process.wait(3 * READY_WITHIN_S), *process.communicate()) for mend, process in started.items()}


@pytest.mark.parametrize("mend", [*MENDS, "take another --port", "not a database"])
def test_what_cannot_start_says_why_in_one_line(refused: dict[str, tuple[int, str, str]], mend: str) -> None:
    status, stdout, stderr = refused[mend]
    assert (status, stdout) == (2, "")
    assert mend in stderr
    assert len(stderr.splitlines()) == 1


def test_every_option_has_its_variable(tmp_path: Path) -> None:
    with _run(
        ENTREGA_PORT="0",
        ENTREGA_DATABASE=f"sqlite:///{tmp_path}/chat.db",
        ENTREGA_DEFECT="server.no-history,server.join-delay=5",
        ENTREGA_SEED="3",
        ENTREGA_JOURNAL=f"{tmp_path}/journal.jsonl",
        ENTREGA_INJECTED=f"{tmp_path}/injected.jsonl",
        ENTREGA_PING_INTERVAL="3.0",
        ENTREGA_PING_TIMEOUT="1.5",
        ENTREGA_ORIGIN="https://a.example,https://b.example",
        ENTREGA_HOST="127.0.0.1",
        ENTREGA_AGENT_SECRET="hush",
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("entrega server ready at ").strip()
        rest = Rest(url)
        with closing(rest):
            assert rest.call("POST", "/api/agents/token", body={"name": "rui", "secret": "entrega"}).status_code == 401
            assert rest.call("POST", "/api/agents/token", body={"name": "rui", "secret": "hush"}).status_code == 200
            widget = rest.widget()
            widget.send("r:0.w.0")
            assert widget.history()["messages"] == []
        process.send_signal(signal.SIGINT)
        assert (process.wait(END_WITHIN_S), process.stdout.read()) == (0, "")
    assert (tmp_path / "journal.jsonl").stat().st_size
    assert (tmp_path / "injected.jsonl").stat().st_size


def test_a_killed_server_comes_back_with_all_that_it_acked(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        rest = Rest(server.url)
        widget = rest.widget(metadata={"index": 1})
        agent = rest.agent(widget)
        acked = [party.send(f"r:0.x.{number}").json() for number, party in enumerate([widget, agent] * 5)]
        rest.close()
        server.stop(signal.SIGKILL)
        with running(tmp_path, "--port", str(server.port)) as again, closing(Rest(again.url)) as rest:
            assert again.url == server.url
            widget, agent = (type(party)(rest, party.session_id, party.token) for party in (widget, agent))
            assert widget.history()["messages"] == [each["message"] for each in acked]
            assert agent.send("r:0.x.9").json() == acked[9]  # a retry of what was stored before
            assert agent.send("r:0.x.10").json()["message"]["seq"] == 11
            with widget.socket() as socket:
                assert len(socket.join(widget.room, after=0)["messages"]) == 11
            boots = [line for line in again.journal() if line["kind"] == "server_started"]
    assert [line["n"] for line in boots] == [1, 1]
    assert len({line["boot"] for line in boots}) == 2


def test_a_database_that_fails_is_said_and_not_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as server, closing(Rest(server.url)) as rest:
        widget = rest.widget()
        widget.send("r:0.w.0", "x" * 10_000)
        pid, size = server.process.pid, (tmp_path / "chat.db-wal").stat().st_size
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))  # as if it were full
        failed = widget.send("r:0.w.1", "x" * 10_000)
        assert (failed.status_code, "database" in failed.json()["error"]) == (503, True)
        assert rest.call("POST", "", body={"name": "Ana"}).status_code == 503
        assert widget.history()["seq"] == 1
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert widget.send("r:0.w.1").json()["message"]["seq"] == 2
        assert [line["seq"] for line in server.journal("stored")] == [1, 2]
        assert server.stderr().startswith("entrega server: the database fails: disk I/O error\n")


def test_a_signal_ends_it_promptly_whoever_is_connected(tmp_path: Path) -> None:
    with running(tmp_path) as server, closing(Rest(server.url)) as rest, closing(Polling(server.url)) as polling:
        widget = rest.widget()
        polling.send("40" + json.dumps({"token": widget.token}))
        polling.receive()
        with widget.socket() as socket, ThreadPoolExecutor(1) as pool:
            socket.join(widget.room)
            pending = pool.submit(polling.receive)
            began_s = time.monotonic()
            assert server.stop(signal.SIGTERM) == 0
            assert time.monotonic() - began_s < 2.5
            assert pending.exception(WITHIN_S) is None
        assert {line["sid"] for line in server.journal("sid_connected")} == {
            line["sid"] for line in server.journal("sid_disconnected")
        }
        assert "Traceback" not in server.stderr()
