"""Defects that would hide one another, each on a server of its own: what it breaks, what it says of it, and no more."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from socketio.exceptions import TimeoutError as NothingCame

from server_under_test.defects import draw
from tests.played import until
from tests.server_client import WITHIN_S, Party, Rest, Socket, raw_socket
from tests.server_process import ServerProcess, running

SEED = 7
MIDS = [f"r:0.a.{number}" for number in range(12)]


class Broken:
    """A server with one defect, a widget and its agent."""

    def __init__(self, server: ServerProcess, defect: str) -> None:
        self.server = server
        self.name, _, value = defect.partition("=")
        self.share = float(value or 1)
        self.rest = Rest(server.url)
        self.widget = self.rest.widget()

    def strikes(self, mid: str) -> bool:
        return draw(SEED, self.name, mid) < self.share

    @property
    def struck(self) -> list[str]:
        """What is to be struck of MIDS; some are, and some are not."""
        struck = [mid for mid in MIDS if self.strikes(mid)]
        assert 0 < len(struck) < len(MIDS)
        return struck

    def key(self) -> list[tuple[str, str | None, str | None]]:
        """Scope, session and mid of each line of the answer key, which knows no other defect."""
        lines = self.server.injected()
        assert {(line["kind"], line["name"]) for line in lines} <= {("defect", self.name)}
        return [(line["scope"], line.get("session"), line.get("mid")) for line in lines]

    def key_of(self, mids: list[str]) -> list[tuple[str, str, str]]:
        return [("mid", self.widget.session_id, mid) for mid in mids]


@pytest.fixture
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    defect = request.param
    with running(tmp_path_factory.mktemp("defect"), "--seed", str(SEED), "--defect", defect) as server:
        found = Broken(server, defect)
        yield found
        found.rest.close()


def by(defect: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("broken", [defect], indirect=True, ids=[defect])


@by("server.recovery-window=0.4")
def test_recovery_window_hands_over_what_is_young(broken: Broken) -> None:
    agent = broken.rest.agent(broken.widget)
    old = agent.send(MIDS[0]).json()["message"]
    until(lambda: time.time() > _seconds(old["createdAt"]) + 0.5, "the first one is old")
    young = agent.send(MIDS[1]).json()["message"]
    with broken.widget.socket() as socket:
        joined = socket.join(broken.widget.room, after=0)
        assert (joined["messages"], joined["seq"]) == ([young], 2)
    assert agent.history()["messages"] == [old, young]
    assert broken.key() == broken.key_of(MIDS[:1])


@by("server.namespace")
def test_namespace_emits_where_nobody_is(broken: Broken) -> None:
    with broken.widget.socket() as socket:
        assert socket.join(broken.widget.room)["members"] == 1
        message = broken.widget.send(MIDS[0]).json()["message"]
        assert socket.join(broken.widget.room, after=0)["messages"] == [message]
        assert not socket.input_buffer  # the ack would have come after it
    [published] = broken.server.journal("published")
    assert (published["namespace"], published["room"], published["members"]) == ("/support", broken.widget.room, 0)
    assert broken.key() == broken.key_of(MIDS[:1])


@by("server.new-session-on-escalate")
def test_new_session_on_escalate_leaves_who_had_joined_in_the_old_room(broken: Broken) -> None:
    widget = broken.widget
    with widget.socket() as before, broken.rest.widget().socket() as other:
        assert before.join(widget.room)["room"] == widget.room
        assert not broken.key()
        agent = broken.rest.agent(widget)
        with agent.socket() as desk:
            joined = desk.join(widget.room)
            assert (joined["room"], joined["members"]) == (f"{widget.room}-human", 1)
            message = agent.send(MIDS[0]).json()["message"]
            assert desk.next()["message"] == message
            again = before.join(widget.room, after=0)
            assert (again["room"], again["members"], again["messages"]) == (f"{widget.room}-human", 2, [message])
            assert not before.input_buffer
            assert before.call("leave", widget.room, timeout=WITHIN_S)["ok"]
            assert desk.join(widget.room)["members"] == 1
        assert not other.input_buffer
    assert broken.key() == [("session", widget.session_id, None)]
    assert "end_ns" not in broken.server.injected()[0]


@by("server.no-dedupe")
def test_no_dedupe_stores_what_is_sent_again(broken: Broken) -> None:
    widget = broken.widget
    with widget.socket() as socket:
        socket.join(widget.room)
        first, second = widget.send(MIDS[0]), widget.send(MIDS[0])
        third = _sent(socket, widget, MIDS[0])["message"]
        stored = [first.json()["message"], second.json()["message"], third]
        assert (first.status_code, second.status_code) == (201, 201)
        assert [socket.next()["message"] for _ in stored] == stored
    assert [message["seq"] for message in stored] == [1, 2, 3]
    assert len({message["id"] for message in stored}) == 3
    assert widget.history() == {"messages": stored, "seq": 3}
    assert broken.rest.widget().send(MIDS[0]).status_code == 201  # another session's
    assert broken.key() == broken.key_of(MIDS[:1] * 2)


@by("server.token-ttl=0.5")
def test_token_ttl_refuses_a_widget_s_old_token_and_cuts_nobody(broken: Broken) -> None:
    agent = broken.rest.agent(broken.widget)
    began_s = time.time()
    with broken.widget.socket() as socket:
        socket.join(broken.widget.room)
        until(lambda: time.time() > began_s + 0.6, "the token is old")
        with raw_socket(broken.server.url) as again:
            assert again.connect({"token": broken.widget.token}) == '44{"message":"The token has expired."}'
        message = agent.send(MIDS[0]).json()["message"]
        assert socket.next()["message"] == message
    assert broken.widget.send(MIDS[1]).status_code == 401
    with broken.rest.widget().socket(), agent.socket():
        pass
    [refused] = broken.server.journal("auth_refused")
    assert refused["reason"] == "The token has expired."
    assert broken.key() == [("connection", broken.widget.session_id, None)] * 2


@by("server.kick=0.3")
def test_kick_ends_the_widget_s_connection_as_the_message_comes(broken: Broken) -> None:
    agent = broken.rest.agent(broken.widget)
    own = next(mid for number in range(100) if broken.strikes(mid := f"r:0.w.{number}"))
    spared, struck = next(mid for mid in MIDS if not broken.strikes(mid)), broken.struck[0]
    with broken.widget.socket() as socket, agent.socket() as desk:
        desk.join(broken.widget.room)
        socket.join(broken.widget.room)
        for sender, mid in ((broken.widget, own), (agent, spared), (agent, struck)):
            assert sender.send(mid).status_code == 201
            assert desk.next()["message"]["clientId"] == mid
        assert [socket.next()["message"]["clientId"] for _ in range(2)] == [own, spared]
        until(lambda: not socket.connected, "the widget hears of its end")
        assert not socket.input_buffer
        assert desk.join(broken.widget.room)["members"] == 1
    [gone] = [line for line in broken.server.journal("sid_disconnected") if line.get("session")]
    assert gone["reason"] == "server disconnect"
    assert broken.key() == [("connection", broken.widget.session_id, None)]


@by("server.ack-lost=0.5")
def test_ack_lost_takes_the_first_answer_only(broken: Broken) -> None:
    struck, spared = broken.struck[:2], [mid for mid in MIDS if not broken.strikes(mid)][:2]
    with broken.widget.socket() as socket:
        socket.join(broken.widget.room)
        assert [broken.widget.send(mid).status_code for mid in (struck[0], spared[0])] == [504, 201]
        with pytest.raises(NothingCame):
            _sent(socket, broken.widget, struck[1], within_s=0.5)
        assert _sent(socket, broken.widget, spared[1])["message"]["seq"] == 4
        order = [struck[0], spared[0], struck[1], spared[1]]
        live = [socket.next()["message"] for _ in order]
        assert [message["clientId"] for message in live] == order
        assert broken.widget.send(struck[0]).status_code == 200
        assert _sent(socket, broken.widget, struck[1])["message"] == live[2]
        assert not socket.input_buffer
    assert broken.widget.history()["messages"] == live
    assert broken.key() == broken.key_of(struck)


@by("server.duplicate-emit=0.5")
def test_duplicate_emit_emits_twice_and_stores_once(broken: Broken) -> None:
    with broken.widget.socket() as socket:
        socket.join(broken.widget.room)
        expected = [mid for mid in MIDS for _ in range(2 if broken.strikes(mid) else 1)]
        for mid in MIDS:
            assert broken.widget.send(mid).status_code == 201
        assert [socket.next()["message"]["clientId"] for _ in expected] == expected
    assert [message["clientId"] for message in broken.widget.history()["messages"]] == MIDS
    assert broken.key() == broken.key_of(broken.struck)


@by("server.reorder=0.5")
def test_reorder_lets_the_next_one_go_first(broken: Broken) -> None:
    expected: list[str] = []
    held: list[str] = []
    overtaken: list[str] = []
    for mid in MIDS:
        if held or not broken.strikes(mid):
            expected += [mid, *held]
            overtaken += held
            held = []
        else:
            held = [mid]
    with broken.widget.socket() as socket:
        socket.join(broken.widget.room)
        for mid in MIDS:
            assert broken.widget.send(mid).status_code == 201
        assert [socket.next()["message"]["clientId"] for _ in MIDS] == [*expected, *held]  # the last after a while
    assert [message["clientId"] for message in broken.widget.history()["messages"]] == MIDS
    assert overtaken
    assert broken.key() == broken.key_of(overtaken)


@by("server.leak=0.5")
def test_leak_emits_to_everybody(broken: Broken) -> None:
    other = broken.rest.widget()
    with broken.widget.socket() as socket, other.socket() as stranger:
        socket.join(broken.widget.room)
        stranger.join(other.room)
        for mid in MIDS:
            assert broken.widget.send(mid).status_code == 201
        assert [socket.next()["message"]["clientId"] for _ in MIDS] == MIDS
        assert [stranger.next()["message"]["clientId"] for _ in broken.struck] == broken.struck
        stranger.join(other.room)
        assert not stranger.input_buffer
    members = {line["mid"]: line["members"] for line in broken.server.journal("published")}
    assert members == {mid: 2 if broken.strikes(mid) else 1 for mid in MIDS}
    assert broken.key() == broken.key_of(broken.struck)


@by("server.emit-before-store=0.5")
def test_emit_before_store_shows_and_acks_what_is_never_stored(broken: Broken) -> None:
    stored = [mid for mid in MIDS if not broken.strikes(mid)]
    with broken.widget.socket() as socket:
        socket.join(broken.widget.room)
        for mid in MIDS:
            assert broken.widget.send(mid).status_code == 201
        live = [socket.next()["message"] for _ in MIDS]
    assert [message["clientId"] for message in live] == MIDS
    assert [message["seq"] for message in live if message["clientId"] not in stored] == [None] * len(broken.struck)
    assert broken.widget.history()["messages"] == [message for message in live if message["clientId"] in stored]
    assert [message["seq"] for message in broken.widget.history()["messages"]] == list(range(1, len(stored) + 1))
    assert [line["mid"] for line in broken.server.journal("stored")] == stored
    stranger = Party(broken.rest, broken.widget.session_id, broken.rest.widget().token)
    assert stranger.send(broken.struck[0]).status_code == 403
    assert broken.key() == broken.key_of(broken.struck)


@by("server.forget-room=0.2")
def test_forget_room_takes_out_who_is_connected_still(broken: Broken) -> None:
    agent = broken.rest.agent(broken.widget)
    with broken.widget.socket() as socket:
        assert socket.join(broken.widget.room)["members"] == 1
        until(broken.server.injected, "the room is forgotten")
        agent.send(MIDS[0])
    [published] = broken.server.journal("published")
    assert (published["room"], published["members"]) == (broken.widget.room, 0)
    assert broken.key() == [("session", broken.widget.session_id, None)]


@by("server.ghost")
def test_ghost_leaves_who_has_gone_in_its_rooms(broken: Broken) -> None:
    agent = broken.rest.agent(broken.widget)
    with agent.socket() as desk:
        desk.join(broken.widget.room)
        with broken.widget.socket() as socket:
            sid = socket.client.get_sid()
            assert socket.join(broken.widget.room)["members"] == 2
        until(lambda: broken.server.journal("sid_disconnected"), "the server has noticed")
        message = agent.send(MIDS[0]).json()["message"]
        assert desk.next()["message"] == message
    [published] = broken.server.journal("published")
    [in_vain] = broken.server.journal("not_enqueued")
    assert (published["members"], sid in published["sids"]) == (2, True)
    assert (in_vain["sid"], in_vain["why"], in_vain["mid"]) == (sid, "no-socket", MIDS[0])
    assert not [line for line in broken.server.journal("room_left") if line["sid"] == sid]
    assert broken.key()[0] == ("connection", broken.widget.session_id, None)


@by("server.slow-handshake=300")
def test_slow_handshake_makes_connections_wait_for_each_other(broken: Broken) -> None:
    began_s = time.monotonic()
    with ThreadPoolExecutor(3) as pool, contextlib.ExitStack() as open_sockets:
        connecting = [pool.submit(open_sockets.enter_context, broken.widget.socket()) for _ in range(3)]
        assert broken.widget.send(MIDS[0]).status_code == 201
        assert time.monotonic() - began_s < 0.6  # others are served meanwhile
        sockets = [each.result(WITHIN_S) for each in connecting]
        assert time.monotonic() - began_s > 0.85
        joined_s = time.monotonic()
        assert [socket.join(broken.widget.room)["members"] for socket in sockets] == [1, 2, 3]
        assert time.monotonic() - joined_s < 0.3
    lines = broken.server.injected()
    assert [line["end_ns"] - line["start_ns"] for line in lines] == [300_000_000] * 3
    assert broken.key() == [("connection", None, None)] * 3


def _sent(socket: Socket, party: Party, mid: str, within_s: float = WITHIN_S) -> Any:
    """The ack of a message by socket."""
    message = {"sessionId": party.session_id, "text": "hello", "clientId": mid}
    return socket.call("send-message", message, timeout=within_s)


def _seconds(created_at: str) -> float:
    return datetime.fromisoformat(created_at).timestamp()
