"""The swarm's client on real sockets: it buffers, answers each emit once, says why it ended, comes back by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import server_process
from tests.driven import Make, driving
from tests.played import WITHIN_S
from tests.server_client import Party, Rest
from tests.talking import listens, speaking

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def clients() -> Iterator[Make]:
    with driving() as make:
        yield make


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


def test_what_is_emitted_while_down_waits_for_the_connection(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.emit(1, "join", {"room": widget.room, "after": 0})
    client.emit(2, "nonsense")
    client.do("start")
    assert client.hear("acked", number=1)["payload"]["ok"] is True
    assert client.hear("acked", number=2)["payload"]["ok"] is False
    kinds = [said["heard"] for said in client.heard]
    assert kinds[:2] == ["connecting", "connected"]


def test_events_come_to_who_joined(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    client.emit(1, "join", {"room": widget.room, "after": None})
    client.hear("acked", number=1, why=None)
    assert widget.send("run:0.w.0", "good day").status_code == 201
    payload = client.hear("event", event="new-message")["payload"]
    assert payload["message"]["text"] == "good day"


def test_a_reset_is_followed_by_another_connection(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    first = client.hear("connected")
    client.do("reset", away_s=0.3)
    ended = client.hear("disconnected")
    assert ended["reason"] == "transport close"
    assert isinstance(ended["last_frame_ns"], int)
    assert client.hear("connect_failed")["reason"] == "the network is away"
    assert client.hear("connected")["sid"] != first["sid"]
    attempts = [said["attempt"] for said in client.heard if said["heard"] == "connecting"]
    assert attempts == [1, *range(1, len(attempts))]


def test_a_server_that_was_killed_is_found_again(clients: Make, tmp_path: Path) -> None:
    with server_process.running(tmp_path) as first:
        rest = Rest(first.url)
        widget = rest.widget()
        client = clients(first.url, widget.token, SHOP)
        client.do("start")
        client.hear("connected")
        first.process.kill()
        first.process.wait(WITHIN_S)
        assert client.hear("disconnected")["reason"] == "transport close"
        client.hear("connect_failed", reason="Connection refused", status=None)
        client.emit(1, "join", {"room": widget.room, "after": 0})
        with server_process.running(tmp_path, "--port", str(first.port)):
            client.hear("connected")
            assert client.hear("acked", number=1)["payload"]["ok"] is True
        rest.close()
        client.do("close")
        client.hear("closed")


def test_a_wrong_origin_is_told_with_status_and_reason(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, "https://elsewhere.example")
    client.do("start")
    failed = client.hear("connect_failed")
    assert failed["status"] == 400
    assert "https://elsewhere.example" in failed["reason"]
    client.hear("connecting", attempt=3)  # it may be put on the list meanwhile


def test_a_wrong_token_is_final(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, "not-a-token", SHOP)
    client.do("start")
    failed = client.hear("connect_failed", status=None)
    assert "token" in failed["reason"]
    client.do("close")
    client.hear("closed")
    assert [said["heard"] for said in client.heard] == ["connecting", "connect_failed", "closed"]


def test_who_leaves_is_told_so(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.do("start")
    client.hear("connected")
    client.do("close")
    assert client.hear("disconnected")["reason"] == "io client disconnect"
    client.hear("closed")


# -- emits that are never acknowledged


def test_an_emit_that_never_leaves_is_answered_at_its_deadline(clients: Make, widget: Party) -> None:
    client = clients(widget.rest.url, widget.token, SHOP)
    client.emit(1, "join", deadline_s=0.1)
    client.hear("acked", number=1, why="never connected")
    client.do("start")
    client.hear("connected")
    client.emit(2, "nonsense")
    client.hear("acked", number=2, why=None)
    assert [said["number"] for said in client.heard if said["heard"] == "acked"] == [1, 2]


def test_an_emit_without_an_ack_ends_at_its_deadline_or_with_the_connection(clients: Make) -> None:
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


def test_an_ack_counts_once_and_one_that_nobody_waits_for_not_at_all(clients: Make) -> None:
    with speaking(lambda connection: listens(connection, '4399["stray"]', '42["hello"]')) as url:
        client = clients(url)
        client.do("start")
        assert client.hear("event")["payload"] is None
        assert not [said for said in client.heard if said["heard"] == "acked"]
        client.do("close")
        client.hear("closed")
