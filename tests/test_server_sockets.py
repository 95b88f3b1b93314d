"""The bundled server's sockets: who gets in, what a join brings, what reaches whom and in which order."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.played import until
from tests.server_client import WITHIN_S, Party, Polling, Rest, Socket, handshake, raw_socket
from tests.server_process import ServerProcess, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("sockets"), "--ping-interval", "5", "--ping-timeout", "4") as process:
        yield process
        process.stop()
        assert "Traceback" not in process.stderr()


@pytest.fixture
def rest(server: ServerProcess) -> Iterator[Rest]:
    client = Rest(server.url)
    yield client
    client.close()


def test_what_an_agent_sends_by_rest_reaches_the_widget(rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    with widget.socket() as socket:
        joined = {"ok": True, "room": widget.room, "members": 1, "seq": 0, "messages": []}
        assert socket.call("join", widget.room, timeout=WITHIN_S) == joined
        message = agent.send("r:0.a.0", "on its way").json()["message"]
        assert socket.next() == {"message": message, "from": "agent"}


def test_polling_does_all_that_a_websocket_does(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with closing(Polling(server.url)) as polling:
        polling.send("40" + json.dumps({"token": widget.token}))
        assert polling.receive()[0].startswith('40{"sid":')
        polling.send(f'420["join","{widget.room}"]')
        assert polling.receive()[0].startswith('430[{"ok":true')
        message = widget.send("r:0.w.0").json()["message"]
        event, payload = json.loads(polling.receive()[0].removeprefix("42"))
        assert (event, payload) == ("new-message", {"message": message, "from": "widget"})
    until(lambda: len(server.journal("written")) == len(server.journal("published")), "what was published is written")


def test_what_is_sent_by_socket_reaches_both_parties(rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    with widget.socket() as theirs, agent.socket() as desk:
        assert theirs.join(widget.room)["members"] == 1
        assert desk.join(widget.room)["members"] == 2
        sent = {"sessionId": widget.session_id, "text": "hello", "clientId": "r:0.w.0"}
        ack = theirs.call("send-message", sent, timeout=WITHIN_S)
        assert (ack["ok"], ack["message"]["seq"], ack["message"]["sender"]) == (True, 1, "widget")
        assert theirs.next() == desk.next() == {"message": ack["message"], "from": "widget"}
        assert theirs.call("send-message", sent, timeout=WITHIN_S) == ack  # a retry is acked and not published again
        assert desk.call("send-message", {**sent, "clientId": "r:0.a.0"}, timeout=WITHIN_S)["message"]["seq"] == 2
        assert theirs.next()["message"]["clientId"] == desk.next()["message"]["clientId"] == "r:0.a.0"


def test_a_join_brings_what_was_missed(rest: Rest) -> None:
    widget = rest.widget()
    for number in range(4):
        widget.send(f"r:0.w.{number}")
    with widget.socket() as socket:
        assert [message["seq"] for message in socket.join(widget.room, after=1)["messages"]] == [2, 3, 4]
        assert (socket.join(widget.room)["messages"], socket.join(widget.room)["seq"]) == ([], 4)
        assert socket.join(widget.room, after=0)["messages"] == widget.history()["messages"]


def test_whoever_left_gets_no_more(rest: Rest) -> None:
    widget = rest.widget()
    with widget.socket() as first, widget.socket() as second:
        assert (first.join(widget.room)["members"], second.join(widget.room)["members"]) == (1, 2)
        assert second.call("leave", widget.room, timeout=WITHIN_S) == {"ok": True, "room": widget.room}
        widget.send("r:0.w.0")
        assert first.next()["message"]["clientId"] == "r:0.w.0"
        assert second.join(widget.room)["members"] == 2
        widget.send("r:0.w.1")
        assert second.next()["message"]["clientId"] == "r:0.w.1"


def test_messages_come_in_the_order_of_their_seq(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    with ExitStack() as stack:
        # raw ones, since python-socketio's client hands each event to a thread of its own and mixes them up itself
        sockets = [stack.enter_context(raw_socket(server.url)) for _ in range(3)]
        for socket, party in zip(sockets, (widget, widget, agent), strict=True):
            socket.connect({"token": party.token})
            socket.send(f'420["join","{widget.room}"]')
            socket.receive()
        with ThreadPoolExecutor(12) as pool:
            sent = pool.map(lambda number: (widget, agent)[number % 2].send(f"r:0.x.{number}"), range(120))
            assert {answer.status_code for answer in sent} == {201}
        for socket in sockets:
            events = [json.loads(socket.receive().removeprefix("42")) for _ in range(120)]
            assert [payload["message"]["seq"] for _, payload in events] == list(range(1, 121))


def test_one_connection_s_events_are_done_in_their_order(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with raw_socket(server.url) as raw:
        raw.connect({"token": widget.token})
        for number in range(20):  # without waiting for any ack
            sent = {"sessionId": widget.session_id, "text": "hello", "clientId": str(number)}
            raw.send(f"42{number}" + json.dumps(["send-message", sent]))
        raw.send(f'4220["join","{widget.room}"]')
        acks = [raw.receive() for _ in range(21)]
    assert [ack.partition("[")[0] for ack in acks] == [f"43{number}" for number in range(21)]
    assert [message["clientId"] for message in widget.history()["messages"]] == [str(number) for number in range(20)]


def test_agents_hear_of_a_session_that_waits(rest: Rest) -> None:
    widget = rest.widget(metadata={"index": 3})
    with Party(rest, "", rest.agent_token("eva")).socket() as desk:
        session = widget.step("escalate").json()["session"]
        assert desk.next("session-waiting") == {"session": session}
        assert session["metadata"] == {"index": 3}


def test_rooms_are_for_the_session_s_two_parties(rest: Rest) -> None:
    mine, theirs = rest.widget(), rest.widget()
    with mine.socket() as widget, Party(rest, "", rest.agent_token("eva")).socket() as agent:
        for socket in (widget, agent):
            ack = socket.join(theirs.room)
            assert (ack["ok"], "does not open" in ack["error"]) == (False, True) or "no such session" in ack["error"]
            assert not socket.join("chat:nothing")["ok"]
            assert not socket.join("agents")["ok"]
            sent = {"sessionId": theirs.session_id, "text": "hello", "clientId": "r:0.w.0"}
            assert not socket.call("send-message", sent, timeout=WITHIN_S)["ok"]
        assert theirs.send("r:0.w.1").status_code == 201
        assert mine.send("r:0.w.2").status_code == 201
        assert widget.join(mine.room, after=0)["seq"] == 1  # and what comes next is the ack's, not theirs
    assert theirs.history()["seq"] == 1


def test_an_unknown_event_gets_an_error_ack(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with widget.socket() as socket:
        for name in ("join-chat", "connect", "disconnect", "message", "*"):
            ack = socket.call(name, {"room": widget.room}, timeout=WITHIN_S)
            assert (ack["ok"], repr(name) in ack["error"]) == (False, True)
        assert socket.join(widget.room)["ok"]
    events = [line["event"] for line in server.journal("unknown_event") if line["session"] == widget.session_id]
    assert events == ["join-chat", "connect", "disconnect", "message", "*"]


@pytest.mark.parametrize("auth", [None, {}, {"token": None}, {"token": "rubbish"}, {"token": {"a": 1}}, "token", [1]])
def test_a_connection_without_a_good_token_is_refused(server: ServerProcess, auth: object) -> None:
    before = len(server.journal("auth_refused"))
    with raw_socket(server.url) as raw:
        answer = raw.connect(auth)
    refused = server.journal("auth_refused")[before:]
    assert [json.loads(answer.removeprefix("44"))] == [{"message": line["reason"]} for line in refused]
    assert "token" in answer


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_foreign_origin_is_refused_with_the_reason(server: ServerProcess, transport: str) -> None:
    before = len(server.journal("origin_refused"))
    status, body = handshake(server.url, transport, "https://evil.example")
    assert (status, "https://evil.example is not an accepted origin" in body) == (400, True)
    assert [line["origin"] for line in server.journal("origin_refused")[before:]] == ["https://evil.example"]
    for origin in (None, "https://shop.example", server.url):
        assert handshake(server.url, transport, origin)[0] == (101 if transport == "websocket" else 200)
    assert len(server.journal("origin_refused")) == before + 1


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_another_protocol_version_is_refused_with_the_reason(server: ServerProcess, transport: str) -> None:
    status, body = handshake(server.url, transport, version=3)
    assert (status, "unsupported version" in body) == (400, True)


def test_the_handshake_tells_the_ping_times_of_the_settings(server: ServerProcess) -> None:
    packet = json.loads(handshake(server.url, "polling")[1].removeprefix("0"))
    assert (packet["pingInterval"], packet["pingTimeout"]) == (5000, 4000)


def test_an_oversize_packet_ends_its_connection_only(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with widget.socket() as bystander, widget.socket() as talker, raw_socket(server.url) as raw:
        bystander.join(widget.room)
        long = {"sessionId": widget.session_id, "text": "x" * 10_001, "clientId": "r:0.w.0"}
        assert "10000" in talker.call("send-message", long, timeout=WITHIN_S)["error"]
        longest = {**long, "text": "\N{GRINNING FACE}" * 10_000}
        assert talker.call("send-message", longest, timeout=WITHIN_S)["ok"]
        assert len(bystander.next()["message"]["text"]) == 10_000
        raw.send('42["send-message","' + "x" * 200_000 + '"]')
        with pytest.raises(ConnectionClosed, match="1009"):
            raw.receive()
        widget.send("r:0.w.1")
        assert bystander.next()["message"]["clientId"] == "r:0.w.1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=st.sampled_from(["join", "leave", "send-message", "nonsense"]), payload=json_values)
def test_a_malformed_event_gets_an_error_ack(chatter: Socket, event: str, payload: object) -> None:
    ack = chatter.call(event, payload, timeout=WITHIN_S)
    assert ack["ok"] is False
    assert ack["error"].endswith(".")


@pytest.fixture(scope="module")
def chatter(server: ServerProcess) -> Iterator[Socket]:
    client = Rest(server.url)
    with client.widget().socket() as socket:
        yield socket
    client.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.text(max_size=30) | st.sampled_from(["42", "42{}", '42[["a"]]', "42[]", "45", "451-[]", "4" + "[" * 9999])
)
def test_a_malformed_frame_does_not_trouble_the_others(server: ServerProcess, chatter: Socket, frame: str) -> None:
    with raw_socket(server.url) as raw:
        raw.send(frame)
    assert chatter.call("nonsense", timeout=WITHIN_S)["ok"] is False


def test_whoever_sends_rubbish_is_gone_from_the_room(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with raw_socket(server.url) as raw:
        raw.connect({"token": widget.token})
        raw.send(f'420["join","{widget.room}"]')
        raw.receive()
        raw.send("42" + "[" * 9999)  # no event, and the connection goes on
        raw.send(f'421["leave","{widget.room}"]')
        assert raw.receive().startswith('431[{"ok":true')
        raw.send(f'422["join","{widget.room}"]')
        raw.receive()
        raw.send("rubbish")  # not even a packet
        with pytest.raises(ConnectionClosed):
            raw.receive()
    with widget.socket() as socket:
        assert socket.join(widget.room)["members"] == 1
    lines = [line for line in server.journal() if line.get("session") == widget.session_id]
    assert {"kind": "unknown_event", "event": None} in [
        {"kind": line["kind"], "event": line.get("event")} for line in lines
    ]


def test_a_large_batch_by_polling_is_taken_whole(server: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with closing(Polling(server.url)) as polling:
        polling.send("40" + json.dumps({"token": widget.token}))
        sent = [{"sessionId": widget.session_id, "text": "hello", "clientId": str(number)} for number in range(40)]
        polling.send("\x1e".join("42" + json.dumps(["send-message", each]) for each in sent))
    assert widget.history()["seq"] == 40
