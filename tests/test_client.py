"""The swarm's client on real sockets: it buffers, answers each emit once, says why it ended, comes back by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import server_process
from tests.played import WITHIN_S
from tests.players import Players, connect, disconnect, emit, playing, reset, swarms
from tests.server_client import Party, Rest
from tests.talking import listens, speaking

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def clients() -> Iterator[Players]:
    with playing(swarms()) as players:
        yield players


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


def test_what_is_emitted_while_down_waits_for_the_connection(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, SHOP)
    client.do(emit("join", {"room": widget.room, "after": 0}, number=1))
    client.do(emit("nonsense", number=2))
    client.do(connect())
    assert client.hear("acked", number=1)["args"][0]["ok"] is True
    assert client.hear("acked", number=2)["args"][0]["ok"] is False
    kinds = [said["heard"] for said in client.heard]
    assert kinds[:2] == ["connecting", "connected"]


def test_events_come_to_who_joined(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, SHOP)
    client.do(connect())
    client.do(emit("join", {"room": widget.room, "after": None}, number=1))
    client.hear("acked", number=1, why=None)
    assert widget.send("run:0.w.0", "good day").status_code == 201
    payload = client.hear("event", event="new-message")["args"][0]
    assert payload["message"]["text"] == "good day"


def test_a_reset_is_followed_by_another_connection(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, SHOP)
    client.do(connect())
    first = client.hear("connected")
    client.do(reset(0.3))
    ended = client.hear("disconnected")
    assert ended["reason"] == "transport close"
    assert isinstance(ended["last_frame_ns"], int)
    assert client.hear("connect_failed")["reason"] == "the network is away"
    assert client.hear("connected")["sid"] != first["sid"]
    attempts = [said["attempt"] for said in client.heard if said["heard"] == "connecting"]
    assert attempts == [1, *range(1, len(attempts))]


def test_a_server_that_was_killed_is_found_again(clients: Players, tmp_path: Path) -> None:
    with server_process.running(tmp_path) as first:
        rest = Rest(first.url)
        widget = rest.widget()
        client = clients.client(first.url, widget.token, SHOP)
        client.do(connect())
        client.hear("connected")
        first.process.kill()
        first.process.wait(WITHIN_S)
        assert client.hear("disconnected")["reason"] == "transport close"
        client.hear("connect_failed", reason="Connection refused", status=None)
        client.do(emit("join", {"room": widget.room, "after": 0}, number=1))
        with server_process.running(tmp_path, "--port", str(first.port)):
            client.hear("connected")
            assert client.hear("acked", number=1)["args"][0]["ok"] is True
        rest.close()
        client.ask("close")


def test_a_wrong_origin_is_told_with_status_and_reason(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, "https://elsewhere.example")
    client.do(connect())
    failed = client.hear("connect_failed")
    assert failed["status"] == 400
    assert "https://elsewhere.example" in failed["reason"]
    client.hear("connecting", attempt=3)  # it may be put on the list meanwhile


def test_a_wrong_token_is_final(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, "not-a-token", SHOP)
    client.do(connect())
    failed = client.hear("connect_failed", status=None)
    assert "token" in failed["reason"]
    client.ask("close")
    assert [said["heard"] for said in client.heard] == ["connecting", "connect_failed", "close"]


def test_who_leaves_is_told_so(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, SHOP)
    client.do(connect())
    client.hear("connected")
    client.do(disconnect())
    assert client.hear("disconnected")["reason"] == "io client disconnect"


# -- emits that are never acknowledged


def test_an_emit_that_never_leaves_is_answered_at_its_deadline(clients: Players, widget: Party) -> None:
    client = clients.client(widget.rest.url, widget.token, SHOP)
    client.do(emit("join", number=1, deadline_s=0.1))
    client.hear("acked", number=1, why="never connected")
    client.do(connect())
    client.hear("connected")
    client.do(emit("nonsense", number=2))
    client.hear("acked", number=2, why=None)
    assert [said["number"] for said in client.heard if said["heard"] == "acked"] == [1, 2]


def test_an_emit_without_an_ack_ends_at_its_deadline_or_with_the_connection(clients: Players) -> None:
    with speaking(listens) as url:
        client = clients.client(url)
        client.do(connect())
        client.hear("connected")
        client.do(emit("join", number=1, deadline_s=0.1))
        client.hear("acked", number=1, args=None, why="timeout")
        client.do(emit("join", number=2))
        client.do(emit("join", number=3))
        client.do(reset(0))
        client.hear("disconnected")
        client.hear("acked", number=2, args=None, why="disconnected")
        client.hear("acked", number=3, args=None, why="disconnected")
        client.hear("connected")
        client.ask("close")
        assert sum(said["heard"] == "acked" for said in client.heard) == 3


def test_an_ack_counts_once_and_one_that_nobody_waits_for_not_at_all(clients: Players) -> None:
    with speaking(lambda connection: listens(connection, '4399["stray"]', '42["hello"]')) as url:
        client = clients.client(url)
        client.do(connect())
        assert client.hear("event")["args"] == []
        assert not [said for said in client.heard if said["heard"] == "acked"]
        client.ask("close")
