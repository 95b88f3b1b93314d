"""The swarm's client on real sockets: it buffers, answers each emit once, says why it ended, comes back by itself."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pandas as pd
import pytest
from websockets.sync.server import ServerConnection, serve

from loadtests import run_folder
from tests import server_process
from tests.played import WITHIN_S, environment
from tests.server_client import Party, Rest

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 1.0  # of a connection attempt
AMPLE_S = 30.0  # for an ack that is to come
SHOP = "https://shop.example"
OPEN = '0{"sid":"e","upgrades":[],"pingInterval":%d,"pingTimeout":%d}'
CONNECTED = '40{"sid":"s"}'


@dataclass(slots=True)
class Driven:
    """One client in the driven process: it is told what to do, and tells what it heard."""

    name: str
    tell: Callable[[dict[str, Any]], None]
    told: "Queue[dict[str, Any]]" = field(default_factory=Queue)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def do(self, verb: str, **about: Any) -> None:
        self.tell({"client": self.name, "do": verb, "about": about})

    def emit(self, number: int, event: str, payload: Any = None, deadline_s: float = AMPLE_S) -> None:
        self.do("emit", number=number, event=event, payload=payload, deadline_s=deadline_s)

    def hear(self, what: str, **fields: Any) -> dict[str, Any]:
        """The next thing of that kind with those fields; what came before it is in `heard`."""
        deadline_s = time.monotonic() + WITHIN_S
        while True:
            try:
                said = self.told.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {what} {fields} among {self.heard[-20:]}") from None
            self.heard.append(said)
            if said["heard"] == what and fields.items() <= said.items():
                return said


@pytest.fixture(scope="module")
def clients() -> Iterator[Callable[..., Driven]]:
    """Makes clients, all in one process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.client"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    made: dict[str, Driven] = {}

    def tell(order: dict[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            made[said.pop("client")].told.put(said)

    def make(url: str, token: str = "", origin: str | None = None, deadline_s: float = DEADLINE_S) -> Driven:
        driven = Driven(f"client-{len(made)}", tell)
        made[driven.name] = driven
        driven.do("make", url=url, token=token, origin=origin, deadline_s=deadline_s)
        return driven

    listening = Thread(target=listen)
    listening.start()
    yield make
    for driven in made.values():
        driven.do("close")
    for driven in made.values():
        driven.hear("closed")
    process.kill()
    process.wait(WITHIN_S)
    listening.join(WITHIN_S)
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server_process.ServerProcess]:
    with server_process.running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def widget(server: server_process.ServerProcess) -> Iterator[Party]:
    rest = Rest(server.url)
    yield rest.widget()
    rest.close()


# -- against the bundled server


def test_what_is_emitted_while_down_waits_for_the_connection(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.emit(1, "join", {"room": widget.room, "after": 0})
    client.emit(2, "nonsense")
    client.do("start")
    assert client.hear("acked", number=1)["payload"]["ok"] is True
    assert client.hear("acked", number=2)["payload"]["ok"] is False
    kinds = [said["heard"] for said in client.heard]
    assert kinds[:2] == ["connecting", "connected"]


def test_events_come_to_who_joined(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    client.emit(1, "join", {"room": widget.room, "after": None})
    client.hear("acked", number=1, why=None)
    assert widget.send("run:0.w.0", "good day").status_code == 201
    payload = client.hear("event", event="new-message")["payload"]
    assert payload["message"]["text"] == "good day"


def test_a_reset_is_followed_by_another_connection(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    first = client.hear("connected")
    client.do("reset", away_s=0.3)
    ended = client.hear("disconnected")
    assert ended["reason"] == "transport error"
    assert isinstance(ended["last_frame_ns"], int)
    assert client.hear("connect_failed")["reason"] == "the network is away"
    assert client.hear("connected")["sid"] != first["sid"]
    attempts = [said["attempt"] for said in client.heard if said["heard"] == "connecting"]
    assert attempts == [1, *range(1, len(attempts))]


def test_a_server_that_was_killed_is_found_again(clients: Any, tmp_path: Path) -> None:
    with server_process.running(tmp_path) as first:
        rest = Rest(first.url)
        widget = rest.widget()
        client = clients(first.url, widget.token, SHOP)
        client.do("start")
        client.hear("connected")
        first.process.kill()
        first.process.wait(WITHIN_S)
        assert client.hear("disconnected")["reason"] in ("transport close", "transport error")
        client.hear("connect_failed", reason="Connection refused", status=None)
        client.emit(1, "join", {"room": widget.room, "after": 0})
        with server_process.running(tmp_path, "--port", str(first.port)):
            client.hear("connected")
            assert client.hear("acked", number=1)["payload"]["ok"] is True
        rest.close()
        client.do("close")
        client.hear("closed")


def test_a_wrong_origin_is_told_with_status_and_reason(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, "https://elsewhere.example")
    client.do("start")
    failed = client.hear("connect_failed")
    assert failed["status"] == 400
    assert "https://elsewhere.example" in failed["reason"]
    client.hear("connecting", attempt=3)  # it may be put on the list meanwhile


def test_a_wrong_token_is_final(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, "not-a-token", SHOP)
    client.do("start")
    failed = client.hear("connect_failed", status=None)
    assert "token" in failed["reason"]
    client.do("close")
    client.hear("closed")
    assert [said["heard"] for said in client.heard] == ["connecting", "connect_failed", "closed"]


def test_who_leaves_is_told_so(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    client.hear("connected")
    client.do("close")
    assert client.hear("disconnected")["reason"] == "io client disconnect"
    client.hear("closed")


# -- emits that are never acknowledged


def test_an_emit_that_never_leaves_is_answered_at_its_deadline(clients: Any, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.emit(1, "join", deadline_s=0.1)
    client.hear("acked", number=1, why="never connected")
    client.do("start")
    client.hear("connected")
    client.emit(2, "nonsense")
    client.hear("acked", number=2, why=None)
    assert [said["number"] for said in client.heard if said["heard"] == "acked"] == [1, 2]


@contextmanager
def speaking(talk: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A websocket server that talks so with everybody."""
    with serve(talk, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join(WITHIN_S)


def listens(connection: ServerConnection, *greeting: str, ping_s: int = 60) -> None:
    """Handshake, greeting, and then only what keeps a connection open."""
    connection.send(OPEN % (ping_s * 1000, ping_s * 1000))
    assert str(connection.recv(WITHIN_S)).startswith("40")
    for frame in (CONNECTED, *greeting):
        connection.send(frame)
    for _ in connection:
        pass


def test_an_emit_without_an_ack_ends_at_its_deadline_or_with_the_connection(clients: Any) -> None:
    with speaking(listens) as url:
        client = clients(url)
        client.do("start")
        client.hear("connected")
        client.emit(1, "join", deadline_s=0.1)
        client.hear("acked", number=1, payload=None, why="timeout")
        client.emit(2, "join")
        client.emit(3, "join")
        client.do("reset", away_s=0)
        client.hear("disconnected")
        client.hear("acked", number=2, payload=None, why="disconnected")
        client.hear("acked", number=3, payload=None, why="disconnected")
        client.hear("connected")
        client.do("close")
        client.hear("closed")
        assert sum(said["heard"] == "acked" for said in client.heard) == 3


def test_an_ack_counts_once_and_one_that_nobody_waits_for_not_at_all(clients: Any) -> None:
    with speaking(lambda connection: listens(connection, '4399["stray"]', '42["hello"]')) as url:
        client = clients(url)
        client.do("start")
        assert client.hear("event")["payload"] is None
        assert not [said for said in client.heard if said["heard"] == "acked"]
        client.do("close")
        client.hear("closed")


# -- servers that do not behave


@contextmanager
def answering(*parts: bytes) -> Iterator[str]:
    """A TCP server that reads what comes and says those bytes, then hangs up; without any it says nothing at all."""
    held = []

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if not parts:
                held.append(connection)
                continue
            with connection:
                connection.recv(65536)
                connection.sendall(b"".join(parts))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(WITHIN_S)
    for connection in held:
        connection.close()


HTML = b"<html><body>It works!</body></html>"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
BAD_SERVERS: dict[str, tuple[tuple[bytes, ...], str, int | None]] = {
    "says nothing": ((), "timeout", None),
    "sends a page": ((b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(HTML), HTML), "It works!", 200),
    "sends a page without its length": ((b"HTTP/1.1 200 OK\r\n\r\n", HTML), "HTTP 200", 200),
    "is in trouble": ((b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy",), "busy", 503),
    "closes in the middle of the handshake": ((SWITCHING,), "", None),
    "takes the key for granted": ((SWITCHING, b"Connection: Upgrade\r\n\r\n"), "", None),
    "speaks no HTTP": ((b"SSH-2.0-OpenSSH_9.2\r\n",), "", None),
    "hangs up at once": ((b"",), "", None),
}


@pytest.mark.parametrize(("parts", "reason", "status"), BAD_SERVERS.values(), ids=BAD_SERVERS)
def test_no_handshake_is_a_failed_attempt_and_not_the_last(
    clients: Any, parts: tuple[bytes, ...], reason: str, status: int | None
) -> None:
    with answering(*parts) as url:
        client = clients(url, deadline_s=0.5)
        client.do("start")
        failed = client.hear("connect_failed", status=status)
        assert reason in failed["reason"]
        assert failed["reason"].strip()
        client.hear("connecting", attempt=3)
        client.do("close")
        client.hear("closed")


def greets_oddly(*frames: str | bytes) -> Callable[[ServerConnection], None]:
    def talk(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(frame)
        for _ in connection:
            pass

    return talk


ODD_GREETINGS: dict[str, tuple[tuple[str | bytes, ...], str]] = {
    "no OPEN": (("hello",), "no Engine.IO handshake"),
    "an OPEN without times": (('0{"sid":"e"}',), "no Engine.IO handshake"),
    "an OPEN that is not JSON": (("0{",), "no Engine.IO handshake"),
    "an OPEN of another shape": (("0[]",), "no Engine.IO handshake"),
    "a binary OPEN": ((b"0{}",), "no Engine.IO handshake"),
    "no answer to CONNECT": ((OPEN % (60_000, 60_000),), "timeout"),
    "rubbish for an answer": ((OPEN % (60_000, 60_000), "4rubbish"), "parse error"),
    "an end for an answer": ((OPEN % (60_000, 60_000), "1"), "transport close"),
}


@pytest.mark.parametrize(("frames", "reason"), ODD_GREETINGS.values(), ids=ODD_GREETINGS)
def test_no_socket_io_is_a_failed_attempt_and_not_the_last(
    clients: Any, frames: tuple[str | bytes, ...], reason: str
) -> None:
    with speaking(greets_oddly(*frames)) as url:
        client = clients(url, deadline_s=0.5)
        client.do("start")
        assert reason in client.hear("connect_failed", status=None)["reason"]
        client.hear("connecting", attempt=2)
        client.do("close")
        client.hear("closed")


ENDS: dict[str, tuple[tuple[str, ...], str]] = {
    "rubbish": (("4rubbish",), "parse error"),
    "an event without a name": (("42[]",), "parse error"),
    "an event that is no list": (('42{"a":1}',), "parse error"),
    "half an attachment": (('451-["x",{"_placeholder":true,"num":0}]', "1"), "transport close"),
    "Engine.IO's end": (("1",), "transport close"),
}


@pytest.mark.parametrize(("frames", "reason"), ENDS.values(), ids=ENDS)
def test_a_connection_that_goes_wrong_ends_with_its_reason_and_is_made_again(
    clients: Any, frames: tuple[str, ...], reason: str
) -> None:
    with speaking(lambda connection: listens(connection, *frames)) as url:
        client = clients(url)
        client.do("start")
        client.hear("connected")
        assert client.hear("disconnected")["reason"] == reason
        client.hear("connected")
        client.do("close")
        client.hear("closed")


def test_silence_for_longer_than_the_server_promised_is_the_end(clients: Any) -> None:
    def falls_silent(connection: ServerConnection) -> None:
        connection.send('0{"sid":"e","upgrades":[],"pingInterval":200,"pingTimeout":100}')
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        for _ in connection:
            pass

    with speaking(falls_silent) as url:
        client = clients(url)
        client.do("start")
        client.hear("connected")
        assert client.hear("disconnected")["reason"] == "ping timeout"
        client.hear("connecting")
        client.do("close")
        client.hear("closed")


def test_pings_are_answered(clients: Any) -> None:
    ponged: Queue[str] = Queue()

    def pings(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        connection.send("2")
        connection.send("2probe")
        for frame in connection:
            ponged.put(str(frame))

    with speaking(pings) as url:
        client = clients(url)
        client.do("start")
        assert [ponged.get(timeout=WITHIN_S) for _ in range(2)] == ["3", "3probe"]
        client.do("close")
        client.hear("closed")


def test_a_server_that_sends_somebody_away_means_it(clients: Any) -> None:
    with speaking(lambda connection: listens(connection, "41")) as url:
        client = clients(url)
        client.do("start")
        assert client.hear("disconnected")["reason"] == "io server disconnect"
        client.do("close")
        client.hear("closed")
        assert sum(said["heard"] == "connecting" for said in client.heard) == 1


def test_what_comes_before_the_answer_to_connect_comes_before_connected(clients: Any) -> None:
    def talks_first(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        for frame in ('42["early",1]', CONNECTED, '42["late",2]'):
            connection.send(frame)
        for _ in connection:
            pass

    with speaking(talks_first) as url:
        client = clients(url)
        client.do("start")
        client.hear("event", event="late")
        told = [said.get("event") or said["heard"] for said in client.heard]
        assert told == ["connecting", "early", "connected", "late"]
        client.do("close")
        client.hear("closed")


def test_attachments_are_put_in_their_place(clients: Any) -> None:
    def attaches(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        connection.send('451-["file",{"data":{"_placeholder":true,"num":0}}]')
        connection.send(b"\x00\xff")
        for _ in connection:
            pass

    with speaking(attaches) as url:
        client = clients(url)
        client.do("start")
        assert client.hear("event", event="file")["payload"] == {"data": repr(b"\x00\xff")}
        client.do("close")
        client.hear("closed")


# -- payloads that do not behave


def test_any_payload_is_recorded_and_the_party_goes_on(tmp_path: Path) -> None:
    run_folder.create(tmp_path / "run", {"format": 1, "run": "r", "horizon_s": 1, "late_after_s": 1})
    script = [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.odd_payloads"]
    said = subprocess.run(
        [*script, str(tmp_path / "run")], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    run = run_folder.open_run(tmp_path / "run")
    events = pd.read_parquet(run.events)
    payloads = json.loads(said.stdout)["payloads"]
    live = events[(events["kind"] == "received") & (events["via"] == "live")]
    assert len(live) + run.info["sealed"]["garbage"] >= 2 * payloads + 1
    assert run.info["sealed"]["garbage"] < 20  # half characters, which no table can hold
    assert events["kind"].iloc[-1] == "sentinel"
    assert events[events["kind"] == "displayed"]["mid"].iloc[-1] == "r:0.a.1"
