"""What can be done to a party's network, seen from both ends: the client, and the server with its journal."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from tests import server_process
from tests.played import WITHIN_S, until
from tests.players import Player, Players, connect, emit, hurt, playing, put_box, swarms
from tests.server_client import Party, Rest
from tests.talking import CONNECTED, OPEN, speaking

PING_INTERVAL_S, PING_TIMEOUT_S = 1.0, 1.0
NOTICED_S = PING_INTERVAL_S + PING_TIMEOUT_S
GIVEN_UP_S = NOTICED_S + 1.0
BUSY_S = 0.7  # by which a machine with other things to do may be late
# A browser asks once more where a kept connection ended before an answer; who waits for that one hears nothing, when
# what the server had to say was all in the first.
POLL_CUT = ("transport error", "ping timeout")


@pytest.fixture(scope="module")
def clients() -> Iterator[Players]:
    with playing(swarms()) as players:
        yield players


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server_process.ServerProcess]:
    pings = ("--ping-interval", str(PING_INTERVAL_S), "--ping-timeout", str(PING_TIMEOUT_S))
    with server_process.running(tmp_path_factory.mktemp("server"), *pings) as running:
        yield running


@pytest.fixture(scope="module")
def rest(server: server_process.ServerProcess) -> Iterator[Rest]:
    client = Rest(server.url)
    yield client
    client.close()


class Talk:
    """A widget on a wire of ours that has joined, and what its server knows of it."""

    def __init__(self, server: server_process.ServerProcess, rest: Rest, clients: Players, **about: Any) -> None:
        self.server = server
        self.widget: Party = rest.widget()
        name = f"client-{len(clients.made)}"
        self.client: Player = clients.make(
            name, url=server.url, auth=[{"token": self.widget.token}], first_s=0.05, longest_s=0.2, deadline_s=0.5,
            given_up_s=GIVEN_UP_S, **about,
        )  # fmt: skip
        self.numbers = iter(range(100))
        self.client.do(connect())
        self.sid = self.client.hear("connected")["sid"]
        self.join()

    def join(self) -> dict[str, Any]:
        self.client.do(emit("join", {"room": self.widget.room, "after": 0}, number=next(self.numbers)))
        ack: dict[str, Any] = self.client.hear("acked", why=None)["args"][0]
        return ack

    def says(self, mid: str) -> int:
        """The agent's side: a message to the room; when it was sent."""
        sent_ns = time.monotonic_ns()
        assert self.widget.send(mid).status_code == 201
        return sent_ns

    def hears(self, mid: str) -> int:
        said = self.client.hear("event", event="new-message")
        assert said["args"][0]["message"]["clientId"] == mid
        return int(said["t_ns"])

    def gone(self) -> dict[str, Any]:
        """What the server says of the end of the first connection."""
        return until(
            lambda: [line for line in self._journal("sid_disconnected") if line["sid"] == self.sid], "its end"
        )[0]

    def written(self) -> list[str]:
        """The mids that were written to the first connection."""
        return [line["mid"] for line in self._journal("written") if line["sid"] == self.sid]

    def _journal(self, kind: str) -> list[dict[str, Any]]:
        return self.server.journal(kind)


@pytest.fixture
def talk(server: server_process.ServerProcess, rest: Rest, clients: Players) -> Talk:
    return Talk(server, rest, clients)


def test_close_is_known_to_both_ends_at_once(talk: Talk) -> None:
    began_ns = time.monotonic_ns()
    talk.client.do(hurt("close", away_s=0.3))
    assert talk.client.hear("disconnected")["reason"] == "transport close"
    assert talk.gone()["t"] - began_ns < BUSY_S * 1e9
    assert talk.client.hear("connect_failed")["reason"] == "the network is away"
    assert talk.client.hear("connected")["t_ns"] - began_ns > 0.3e9


def test_vanish_is_known_to_this_end_only(talk: Talk) -> None:
    began_ns = time.monotonic_ns()
    talk.client.do(hurt("vanish", away_s=0.3))
    assert talk.client.hear("disconnected")["t_ns"] - began_ns < BUSY_S * 1e9
    talk.says("r:0.w.0")  # the server still believes in the old connection
    again = talk.client.hear("connected")
    assert again["sid"] != talk.sid
    assert [message["clientId"] for message in talk.join()["messages"]] == ["r:0.w.0"]
    assert talk.gone()["t"] - began_ns > PING_TIMEOUT_S * 1e9
    assert talk.written() == ["r:0.w.0"]


@pytest.mark.parametrize("way", ["down", "both"])
def test_what_is_swallowed_on_its_way_down_is_noticed_by_silence(talk: Talk, way: str) -> None:
    talk.client.do(hurt("swallow", way=way, for_s=0.5))
    talk.says("r:0.w.0")
    talk.client.do(emit("send-message", talk_message(talk, "r:0.w.1"), number=50))
    ended = talk.client.hear("disconnected")
    assert ended["reason"] == "ping timeout"
    assert NOTICED_S - 0.1 < (ended["t_ns"] - ended["last_frame_ns"]) / 1e9 < NOTICED_S + BUSY_S
    assert "r:0.w.0" in talk.written()  # so the server believes
    talk.client.hear("connected")
    came = [message["clientId"] for message in talk.join()["messages"]]
    assert came == (["r:0.w.0", "r:0.w.1"] if way == "down" else ["r:0.w.0"])


def test_what_is_swallowed_on_its_way_up_is_noticed_by_the_server(talk: Talk) -> None:
    talk.client.do(hurt("swallow", way="up", for_s=0.5), emit("send-message", talk_message(talk, "r:0.w.1"), number=50))
    talk.says("r:0.w.0")
    talk.hears("r:0.w.0")  # down it goes on
    gone = talk.gone()
    assert gone["t"] - gone["last_frame_ns"] > (NOTICED_S - PING_INTERVAL_S) * 1e9
    assert talk.client.hear("disconnected")["t_ns"] > gone["t"]  # told by a close frame, whose answer is swallowed
    assert talk.client.hear("acked", number=50)["why"] == "disconnected"
    talk.client.hear("connected")
    assert [message["clientId"] for message in talk.join()["messages"]] == ["r:0.w.0"]


def test_a_dead_path_lets_no_new_connection_through_until_it_heals(talk: Talk) -> None:
    began_ns = time.monotonic_ns()
    talk.client.do(hurt("swallow", way="both", for_s=NOTICED_S + 1.5))
    talk.client.hear("disconnected")
    assert talk.client.hear("connect_failed")["reason"] == "timeout"
    assert talk.client.hear("connected")["t_ns"] - began_ns > (NOTICED_S + 1.5) * 1e9


def test_a_slow_reader_gets_all_late_and_then_catches_up(talk: Talk) -> None:
    talk.client.do(hurt("slow", bytes_per_s=500, for_s=1.5))
    mids = [f"r:0.w.{number}" for number in range(4)]
    sent_ns = [talk.says(mid) for mid in mids]
    late_s = [(talk.hears(mid) - t_ns) / 1e9 for mid, t_ns in zip(mids, sent_ns, strict=True)]
    assert late_s == sorted(late_s)
    assert late_s[0] > 0.2
    assert late_s[-1] < 1.5 + BUSY_S
    talk.says("r:0.w.4")
    talk.hears("r:0.w.4")


def test_who_read_slowly_reads_as_fast_as_before_then(clients: Players) -> None:
    """What its kernel takes ahead is made small for it, and must not stay so: that is 50 kB a second at best."""

    def tells_much(connection: ServerConnection) -> None:
        connection.send(OPEN % (60_000, 60_000))
        connection.recv(WITHIN_S)
        connection.send(CONNECTED)
        connection.recv(WITHIN_S)  # what it asks when it reads slowly
        connection.send(f'42["much","{"x" * 5_000_000}"]')
        for _ in connection:
            pass

    with speaking(tells_much) as url:
        client = clients.client(url)
        client.do(connect())
        client.hear("connected")
        client.do(hurt("slow", bytes_per_s=500, for_s=0.5), emit("more"))
        assert len(client.hear("event", event="much")["args"][0]) == 5_000_000
        client.ask("close")


def test_a_frozen_page_runs_no_timer_and_reads_what_came_when_it_thaws(talk: Talk) -> None:
    for_s = 0.8
    began_ns = time.monotonic_ns()
    talk.client.do(hurt("freeze", for_s=for_s))
    talk.client.do(emit("nonsense", number=60, deadline_s=0.2))  # its deadline passes meanwhile
    talk.says("r:0.w.0")
    answer = talk.client.hear("acked", number=60)
    assert answer["why"] is None  # it had come before the timer ran
    assert answer["t_ns"] - began_ns >= for_s * 1e9
    assert talk.hears("r:0.w.0") - began_ns >= for_s * 1e9
    assert talk.join()["ok"]  # the same connection goes on
    assert not [said for said in talk.client.heard if said["heard"] == "disconnected"]


def test_a_page_that_is_frozen_for_too_long_is_given_up_by_the_server(talk: Talk) -> None:
    for_s = NOTICED_S + 1.0
    began_ns = time.monotonic_ns()
    talk.client.do(hurt("freeze", for_s=for_s))
    gone = talk.gone()
    assert PING_TIMEOUT_S < (gone["t"] - began_ns) / 1e9 < for_s
    ended = talk.client.hear("disconnected")
    assert ended["t_ns"] - began_ns >= for_s * 1e9
    assert talk.client.hear("connected")["sid"] != talk.sid


def test_a_box_closes_who_is_silent_for_longer_than_it_allows(talk: Talk) -> None:
    talk.client.do(put_box("IdleLimit", for_s=1.5, limit_s=0.5))
    ends = [talk.client.hear("disconnected") for _ in range(2)]
    for end in ends:
        assert end["reason"] == "transport close"
        assert 0.4 < (end["t_ns"] - end["last_frame_ns"]) / 1e9 < 0.5 + BUSY_S
    talk.client.hear("connected")
    time_over = until(lambda: time.monotonic_ns() > ends[0]["t_ns"] + 1.5e9, "the box is gone")
    assert time_over
    assert talk.join()["ok"]


def test_a_box_lets_no_upgrade_happen_and_the_server_waits_for_it(
    server: server_process.ServerProcess, rest: Rest, clients: Players
) -> None:
    widget = rest.widget()
    client = clients.make(
        "cut", url=server.url, auth=[{"token": widget.token}], first_s=0.05, longest_s=0.2, deadline_s=0.5,
        transports=("polling", "websocket"), given_up_s=GIVEN_UP_S,
    )  # fmt: skip
    client.do(put_box("websocket_cut", for_s=1.0), connect())
    first = client.hear("connected")
    assert first["transport"] == "polling"
    client.hear("disconnected")  # the server held everything back until it gave up
    stuck = [line for line in server.journal("queue") if line["sid"] == first["sid"]]
    assert any(line.get("upgrading") for line in stuck)
    client.hear("upgraded", transport="websocket")


def test_a_box_takes_the_answer_to_a_poll_along(
    server: server_process.ServerProcess, rest: Rest, clients: Players
) -> None:
    talk = Talk(server, rest, clients, transports=("polling",))
    talk.client.do(put_box("poll_cut", for_s=3.0))
    talk.says("r:0.w.0")
    assert talk.client.hear("disconnected")["reason"] in POLL_CUT
    talk.client.hear("connected")
    assert [message["clientId"] for message in talk.join()["messages"]] == ["r:0.w.0"]
    assert talk.written() == ["r:0.w.0"]
    assert not [said for said in talk.client.heard if said["heard"] == "event"]


def test_a_box_that_takes_polls_along_lets_through_what_is_sent(
    tmp_path_factory: pytest.TempPathFactory, clients: Players
) -> None:
    """A page sends again what met a connection that was closed; a server that does not mind stores it twice."""
    with server_process.running(tmp_path_factory.mktemp("twice"), "--defect", "server.no-dedupe") as server:
        rest = Rest(server.url)
        talk = Talk(server, rest, clients, transports=("polling",))
        said = {"sessionId": talk.widget.session_id, "text": "hello", "clientId": "r:0.w.0"}
        talk.client.do(put_box("poll_cut", for_s=1.0), emit("send-message", said, number=next(talk.numbers)))
        assert talk.client.hear("disconnected")["reason"] in POLL_CUT
        talk.client.hear("connected")
        talk.client.do(hurt("close", away_s=0.0))
        rest.close()
    assert [line["mid"] for line in server.journal("stored")] == ["r:0.w.0"]


def talk_message(talk: Talk, mid: str) -> dict[str, str]:
    return {"sessionId": talk.widget.session_id, "clientId": mid, "text": "hello"}
