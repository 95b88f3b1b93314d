"""TLS that cannot be: what is wrong is said so that a stranger understands it, and the next attempt is made."""

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.endured import Make, enduring
from tests.hostile_server import CHUNK_BYTES, HELLO, Act, Peer, Request, hostile, text
from tests.played import WITHIN_S


def certificate(folder: Path, name: str) -> Path:
    """A key and its certificate in one file, for a server of that name; signed by itself."""
    made = folder / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    about = ["-days", "2", "-subj", "/CN=entrega", "-addext", f"subjectAltName={name}", "-keyout", str(made)]
    done = subprocess.run([*command, *about], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    made.write_text(made.read_text() + done.stdout)
    return made


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("ours"), "IP:127.0.0.1")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("elsewhere"), "DNS:elsewhere.example")


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with enduring() as make:
        yield make


def serving(cert: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    return context


def nothing(peer: Peer, _: Request | None) -> None:
    """Is never done."""


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_certificate_that_nobody_vouches_for_is_not_accepted(clients: Make, ours: Path, transport: str) -> None:
    with hostile("never", nothing, tls=serving(ours)) as server:
        client = clients(server.url, transport, tls=True)
        reason = client.hear("connect_failed", status=None)["reason"]
        assert reason == "the server's certificate is not accepted: self-signed certificate"
        client.hear("connecting", attempt=3)
        client.do("disconnect")
    client.hear("gone")


def test_the_certificate_of_another_server_is_not_accepted(clients: Make, elsewhere: Path) -> None:
    with hostile("never", nothing, tls=serving(elsewhere)) as server:
        client = clients(server.url, tls=True, ca=str(elsewhere))
        reason = client.hear("connect_failed", status=None)["reason"]
        assert reason.startswith("the server's certificate is not accepted: IP address mismatch")
        assert "127.0.0.1" in reason
        client.do("disconnect")
    client.hear("gone")


def closes(peer: Peer, _: Request | None) -> None:
    assert peer.sock.recv(CHUNK_BYTES)  # unread, it would be a reset


def answers_plainly(peer: Peer, _: Request | None) -> None:
    peer.say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def says_nothing(peer: Peer, _: Request | None) -> None:
    peer.hold()


FAILED: dict[str, tuple[Act, str]] = {
    "plain HTTP": (answers_plainly, "the TLS handshake failed: wrong version number; is it plain HTTP?"),
    "a server that closes": (closes, "closed in the TLS handshake"),
    "a server that resets": (lambda peer, _: peer.reset(), "Connection reset by peer"),
    "a server that says nothing": (says_nothing, "timeout"),
    "an alert": (lambda peer, _: peer.say(b"\x15\x03\x03\x00\x02\x02\x28"), "the TLS handshake failed: "),
}


@pytest.mark.parametrize(("act", "reason"), FAILED.values(), ids=FAILED)
def test_no_tls_is_a_failed_attempt_and_not_the_last(clients: Make, ours: Path, act: Act, reason: str) -> None:
    with hostile("accept", act, tls=serving(ours)) as server:
        client = clients(server.url, tls=True, ca=str(ours), deadline_s=0.5 if reason == "timeout" else WITHIN_S)
        assert client.outcome()["reason"].startswith(reason)
        client.hear("event", event="hello")
        client.do("disconnect")
    client.hear("gone")


def test_plain_http_on_a_port_of_tls_is_a_failed_attempt(clients: Make, ours: Path) -> None:
    with hostile("never", nothing, tls=serving(ours)) as server:
        for transport in ("websocket", "polling"):
            client = clients(server.url, transport)
            assert client.outcome()["reason"]
            client.do("disconnect")
    client.hear("gone")


# -- a connection that goes wrong


def below(peer: Peer) -> socket.socket:
    """What is sent there goes past TLS."""
    return socket.socket(fileno=os.dup(peer.sock.fileno()))


def talks_and_then_rubbish(peer: Peer, _: Request | None) -> None:
    with below(peer) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # in one segment
        peer.say(text('42["last"]'))
        plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))


def cuts_a_record_off(peer: Peer, _: Request | None) -> None:
    with below(peer) as plain:
        peer.say(text('42["last"]'))
        plain.sendall(b"\x17\x03\x03\x40\x00" + bytes(32))


def says_goodbye_at_once(peer: Peer, _: Request | None) -> None:
    """close_notify behind the last message, and the connection stays."""
    assert isinstance(peer.sock, ssl.SSLSocket)
    peer.say(text('42["last"]'))
    try:
        peer.sock.unwrap()
    except OSError:
        pass  # the client has closed without one


ENDED = {"rubbish": talks_and_then_rubbish, "half a record": cuts_a_record_off, "a goodbye": says_goodbye_at_once}


@pytest.mark.parametrize("act", ENDED.values(), ids=ENDED)
def test_what_came_before_the_end_counts(clients: Make, ours: Path, act: Act) -> None:
    with hostile("hello", act, tls=serving(ours)) as server:
        client = clients(server.url, tls=True, ca=str(ours))
        client.hear("event", event="last")
        assert client.hear("disconnected")["reason"] == "transport close"
        client.hear("event", event="hello")
        client.do("disconnect")
    client.hear("gone")


def drips(peer: Peer, _: Request | None) -> None:
    """Each byte in a record of its own."""
    for byte in text('42["slow"]', HELLO):
        peer.say(bytes([byte]))
    peer.hold()


def test_tls_that_comes_byte_by_byte_is_only_slow(clients: Make, ours: Path) -> None:
    with hostile("hello", drips, tls=serving(ours)) as server:
        client = clients(server.url, tls=True, ca=str(ours))
        client.hear("event", event="slow")
        client.hear("event", event="hello")
        client.do("disconnect")
    client.hear("gone")


def test_a_server_that_reads_nothing_holds_up_nobody(clients: Make, ours: Path) -> None:
    over = Event()

    def reads_nothing(_: Peer, __: Request | None) -> None:
        over.wait(WITHIN_S)

    with hostile("hello", reads_nothing, tls=serving(ours)) as server:
        client = clients(server.url, tls=True, ca=str(ours))
        client.hear("connected")
        client.do("emit", event="say", size=100_000, times=400)
        assert client.hear("emitted")["took_s"] < 5
        assert client.hear("disconnected")["reason"] == "transport close"
        over.set()
        client.hear("event", event="hello")
        client.do("disconnect")
    client.hear("gone")
