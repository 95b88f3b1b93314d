"""The swarm's client and servers that do not behave: every attempt ends with its reason, and is not the last."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pandas as pd
import pytest
from websockets.sync.server import ServerConnection

from loadtests import run_folder
from tests.played import WITHIN_S, environment
from tests.players import Players, connect, playing, swarms
from tests.talking import CONNECTED, OPEN, listens, speaking

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def clients() -> Iterator[Players]:
    with playing(swarms()) as players:
        yield players


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
    "sends a page without its length": ((b"HTTP/1.1 200 OK\r\n\r\n", HTML), "It works!", 200),
    "is in trouble": ((b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy",), "busy", 503),
    "closes in the middle of the handshake": ((SWITCHING,), "", None),
    "takes the key for granted": ((SWITCHING, b"Connection: Upgrade\r\n\r\n"), "", None),
    "speaks no HTTP": ((b"SSH-2.0-OpenSSH_9.2\r\n",), "", None),
    "hangs up at once": ((b"",), "", None),
}


@pytest.mark.parametrize(("parts", "reason", "status"), BAD_SERVERS.values(), ids=BAD_SERVERS)
def test_no_handshake_is_a_failed_attempt_and_not_the_last(
    clients: Players, parts: tuple[bytes, ...], reason: str, status: int | None
) -> None:
    with answering(*parts) as url:
        client = clients.client(url, deadline_s=0.5 if reason == "timeout" else WITHIN_S)
        client.do(connect())
        failed = client.hear("connect_failed", status=status)
        assert reason in failed["reason"]
        assert failed["reason"].strip()
        client.hear("connecting", attempt=3)
        client.ask("close")


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
    "no answer to CONNECT": ((OPEN % (200, 100),), "ping timeout"),
    "rubbish for an answer": ((OPEN % (60_000, 60_000), "4rubbish"), "parse error"),
    "an end for an answer": ((OPEN % (60_000, 60_000), "1"), "transport close"),
}


@pytest.mark.parametrize(("frames", "reason"), ODD_GREETINGS.values(), ids=ODD_GREETINGS)
def test_no_socket_io_is_a_failed_attempt_and_not_the_last(
    clients: Players, frames: tuple[str | bytes, ...], reason: str
) -> None:
    with speaking(greets_oddly(*frames)) as url:
        client = clients.client(url, deadline_s=0.5 if reason == "timeout" else WITHIN_S)
        client.do(connect())
        assert reason in client.hear("connect_failed", status=None)["reason"]
        client.hear("connecting", attempt=2)
        client.ask("close")


ENDS: dict[str, tuple[tuple[str, ...], str]] = {
    "rubbish": (("4rubbish",), "parse error"),
    "an event without a name": (("42[]",), "parse error"),
    "an event that is no list": (('42{"a":1}',), "parse error"),
    "half an attachment": (('451-["x",{"_placeholder":true,"num":0}]', "1"), "transport close"),
    "Engine.IO's end": (("1",), "transport close"),
}


@pytest.mark.parametrize(("frames", "reason"), ENDS.values(), ids=ENDS)
def test_a_connection_that_goes_wrong_ends_with_its_reason_and_is_made_again(
    clients: Players, frames: tuple[str, ...], reason: str
) -> None:
    with speaking(lambda connection: listens(connection, *frames)) as url:
        client = clients.client(url)
        client.do(connect())
        client.hear("connected")
        assert client.hear("disconnected")["reason"] == reason
        client.hear("connected")
        client.ask("close")


def test_silence_for_longer_than_the_server_promised_is_the_end(clients: Players) -> None:
    def falls_silent(connection: ServerConnection) -> None:
        connection.send('0{"sid":"e","upgrades":[],"pingInterval":200,"pingTimeout":100}')
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        for _ in connection:
            pass

    with speaking(falls_silent) as url:
        client = clients.client(url)
        client.do(connect())
        client.hear("connected")
        assert client.hear("disconnected")["reason"] == "ping timeout"
        client.hear("connecting")
        client.ask("close")


def test_pings_are_answered(clients: Players) -> None:
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
        client = clients.client(url)
        client.do(connect())
        assert [ponged.get(timeout=WITHIN_S) for _ in range(2)] == ["3", "3probe"]
        client.ask("close")


def test_a_server_that_sends_somebody_away_means_it(clients: Players) -> None:
    with speaking(lambda connection: listens(connection, "41")) as url:
        client = clients.client(url)
        client.do(connect())
        assert client.hear("disconnected")["reason"] == "io server disconnect"
        client.ask("close")
        assert sum(said["heard"] == "connecting" for said in client.heard) == 1


def test_what_comes_before_the_answer_to_connect_comes_before_connected(clients: Players) -> None:
    def talks_first(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        for frame in ('42["early",1]', CONNECTED, '42["late",2]'):
            connection.send(frame)
        for _ in connection:
            pass

    with speaking(talks_first) as url:
        client = clients.client(url)
        client.do(connect())
        client.hear("event", event="late")
        told = [said.get("event") or said["heard"] for said in client.heard]
        assert told == ["connecting", "early", "connected", "late"]
        client.ask("close")


def test_attachments_are_put_in_their_place(clients: Players) -> None:
    def attaches(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        connection.send('451-["file",{"data":{"_placeholder":true,"num":0}}]')
        connection.send(b"\x00\xff")
        for _ in connection:
            pass

    with speaking(attaches) as url:
        client = clients.client(url)
        client.do(connect())
        assert client.hear("event", event="file")["args"] == [{"data": {"$bytes": "00ff"}}]
        client.ask("close")


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
