"""Each defect does what its sentence says, writes down what it did, and is off until it is asked for."""

import time
from collections.abc import Iterator

import pytest

from loadtests import target_file as target
from server_under_test.defects import DEFECTS, DefectError, draw, parse
from tests.played import until
from tests.server_client import WITHIN_S, Rest, handshake
from tests.server_process import ServerProcess, running

TOGETHER = ["server.no-history", "server.join-event", "server.payload-shape", "server.origin", "server.drop-emit=0.5"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with every defect that leaves the others to be seen."""
    defects = [option for text in [*TOGETHER, "server.join-delay=300"] for option in ("--defect", text)]
    with running(tmp_path_factory.mktemp("defects"), "--seed", "7", *defects) as process:
        yield process


@pytest.fixture
def rest(broken: ServerProcess) -> Iterator[Rest]:
    client = Rest(broken.url)
    yield client
    client.close()


def test_no_history_withholds_what_was_missed_from_the_widget(broken: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    mids = [f"r:0.a.{number}" for number in range(3)]
    messages = [agent.send(mid).json()["message"] for mid in mids]
    with widget.socket() as socket:
        joined = socket.join(widget.room, after=1, event="join-chat")
        assert (joined["ok"], joined["messages"], joined["seq"]) == (True, [], 3)
    assert widget.history() == {"messages": [], "seq": 3}
    assert agent.history() == {"messages": messages, "seq": 3}
    assert _mids(broken, "server.no-history", widget.session_id) == [*mids[1:], *mids]


def test_join_event_knows_join_chat_only(broken: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    with widget.socket() as socket:
        assert "join-chat" in socket.join(widget.room)["error"]
        assert socket.join(widget.room, event="join-chat")["members"] == 1
    [unknown] = [line for line in broken.journal("unknown_event") if line["session"] == widget.session_id]
    [told] = [line for line in broken.injected() if line["name"] == "server.join-event"]
    assert (unknown["event"], told["scope"], told["session"]) == ("join", "connection", widget.session_id)


def test_payload_shape_changes_the_live_event_only(broken: ServerProcess, rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    with widget.socket() as socket:
        socket.join(widget.room, event="join-chat")
        mid = next(mid for number in range(100) if draw(7, "server.drop-emit", mid := f"r:0.a.{number}") >= 0.5)
        message = agent.send(mid).json()["message"]
        assert socket.next() == {"id": message["id"], "text": "hello", "sender": "agent"}
    assert set(message) > {"clientId", "seq", "metadata"}
    assert _mids(broken, "server.payload-shape", widget.session_id) == [mid]


def test_drop_emit_drops_the_same_keys_in_every_run(broken: ServerProcess, rest: Rest) -> None:
    dropped = {}
    for run in ("first", "second"):
        widget = rest.widget()
        keys = [f"0.w.{number}" for number in range(60)]
        for key in keys:
            assert widget.send(f"{run}:{key}").status_code == 201
        dropped[run] = {mid.partition(":")[2] for mid in _mids(broken, "server.drop-emit", widget.session_id)}
        published = {line["mid"] for line in broken.journal("published") if line["session"] == widget.session_id}
        stored = {line["mid"] for line in broken.journal("stored") if line["session"] == widget.session_id}
        assert stored == {f"{run}:{key}" for key in keys}
        assert published == stored - {f"{run}:{key}" for key in dropped[run]}
    assert dropped["first"] == dropped["second"]
    assert 15 < len(dropped["first"]) < 45


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_origin_shuts_out_the_widget_s_page(broken: ServerProcess, transport: str) -> None:
    before = _count(broken, "server.origin")
    assert handshake(broken.url, transport, "https://shop.example")[0] == 400
    assert handshake(broken.url, transport)[0] in (101, 200)
    assert _count(broken, "server.origin") == before + 1
    assert broken.journal("origin_refused")[-1]["origin"] == "https://shop.example"


def test_join_delay_lets_others_go_on(broken: ServerProcess, rest: Rest) -> None:
    slow, other = rest.widget(), rest.widget()
    with slow.socket() as waiting, other.socket() as talking:
        began_s = time.monotonic()
        waiting.emit("join-chat", slow.room)
        sent = {"sessionId": other.session_id, "text": "hello", "clientId": "r:1.w.0"}
        assert talking.call("send-message", sent, timeout=WITHIN_S)["ok"]
        assert waiting.join(slow.room, event="join-chat")["ok"]
        assert time.monotonic() - began_s > 0.55  # one connection's events keep their order
    lines = broken.journal("stored", "room_entered")
    order = [line["session"] for line in lines if line["session"] in (slow.session_id, other.session_id)]
    assert order == [other.session_id, slow.session_id, slow.session_id]
    told = [line for line in broken.injected() if line["name"] == "server.join-delay"]
    told = [line for line in told if line["session"] == slow.session_id]
    assert [line["end_ns"] - line["start_ns"] for line in told] == [300_000_000, 300_000_000]


def test_room_format_emits_where_nobody_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("room"), "--defect", "server.room-format") as server:
        rest = Rest(server.url)
        widget = rest.widget()
        with widget.socket() as socket:
            assert socket.join(widget.room)["members"] == 1
            widget.send("r:0.w.0")
            assert [message["seq"] for message in socket.join(widget.room, after=0)["messages"]] == [1]
        rest.close()
        [published] = server.journal("published")
        assert (published["room"], published["members"]) == (widget.session_id, 0)
        assert _mids(server, "server.room-format", widget.session_id) == ["r:0.w.0"]


def test_delay_holds_the_emit_back_and_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    sent = [f"r:0.a.{number}" for number in range(20)]
    with running(tmp_path_factory.mktemp("delay"), "--seed", "7", "--defect", "server.delay=uniform:100:400") as server:
        rest = Rest(server.url)
        slow, other = rest.widget(), rest.widget("Bo")
        agent = rest.agent(slow)
        with slow.socket() as socket:
            socket.join(slow.room)
            messages = [agent.send(mid).json()["message"] for mid in sent]
            assert agent.history()["messages"] == messages  # stored and answered before any was emitted
            assert not server.journal("published") or len(server.journal("stored")) == len(sent)
            other.send("r:1.w.0")
            got = [socket.next()["message"]["clientId"] for _ in sent]
            until(lambda: len(server.journal("published")) == len(sent) + 1, "the other session's is published as well")
        rest.close()
        assert got == sent  # a session's order is kept
        key = {line["mid"]: line for line in server.injected() if line["name"] == "server.delay"}
        published = {line["mid"]: line["t"] for line in server.journal("published")}
        stored = {line["mid"]: line["t"] for line in server.journal("stored")}
    assert {(line["kind"], line["scope"]) for line in key.values()} == {("defect", "mid")}
    for mid in sent:
        start_ns, end_ns = key[mid]["start_ns"], key[mid]["end_ns"]
        assert stored[mid] <= start_ns < end_ns <= published[mid]
        assert end_ns - start_ns >= DEFECTS["server.delay"].read("uniform:100:400")(draw(7, "server.delay", mid)) * 1e6
    assert published["r:1.w.0"] != sorted(published.values())[-1] or key["r:1.w.0"]["end_ns"] > key[sent[-1]]["end_ns"]


@pytest.mark.parametrize(
    ("text", "mean", "low", "high"),
    [("const:50", 50, 50, 50), ("uniform:5:80", 42.5, 5, 80), ("exp:40", 40, 0, 40 * 38), ("uniform:7:7", 7, 7, 7)],
)
def test_a_delay_is_drawn_as_it_says(text: str, mean: float, low: float, high: float) -> None:
    delay = DEFECTS["server.delay"].read(text)
    drawn = [delay(draw(1, "server.delay", f"run:{number}.a.0")) for number in range(2_000)]
    assert all(low <= each <= high for each in drawn)
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.1)


def test_a_defect_s_text_is_parsed() -> None:
    assert parse([]) == {}
    assert parse(["server.origin", "server.drop-emit=0.25"]) == {"server.origin": 1.0, "server.drop-emit": 0.25}
    assert parse(["server.drop-emit", " server.join-delay=0"]) == {"server.drop-emit": 0.1, "server.join-delay": 0.0}
    for text in (
        "server.nothing",
        "widget.no-rejoin",
        "",
        "server.origin=1",
        "server.drop-emit=",
        "server.drop-emit=2",
        "server.delay=",
        "server.delay=50",
        "server.delay=const",
        "server.delay=const:1:2",
        "server.delay=const:-1",
        "server.delay=const:nan",
        "server.delay=exp:70000",
        "server.delay=uniform:80:5",
        "server.delay=normal:5:80",
    ):
        with pytest.raises(DefectError, match=r"\bno\b|takes"):
            parse([text])
    with pytest.raises(DefectError, match="milliseconds"):
        parse(["server.join-delay=nan"])


def test_the_table_says_what_each_defect_is() -> None:
    assert all(name == defect.name and defect.sentence for name, defect in DEFECTS.items())
    others = {name: defect for name, defect in DEFECTS.items() if name != "server.delay"}
    assert all(parse([name]) == {name: defect.read(defect.default)} for name, defect in others.items())
    assert parse(["server.delay"])["server.delay"](0.5) == DEFECTS["server.delay"].read("exp:40")(0.5)
    assert set(target.load("bundled").defects) == set(DEFECTS)


def test_draws_are_spread_evenly_and_depend_on_seed_and_key_only() -> None:
    draws = [draw(1, "server.leak", f"run:{number}.a.0") for number in range(2_000)]
    assert all(0 <= each < 1 for each in draws)
    assert 0.45 < sum(each < 0.5 for each in draws) / len(draws) < 0.55
    one = draw(1, "server.leak", "run:0.a.0")
    assert one == draw(1, "server.leak", "another:0.a.0") == draw(1, "server.leak", "0.a.0")
    assert one != draw(2, "server.leak", "0.a.0")
    assert one != draw(1, "server.kick", "0.a.0")  # defects that are on together strike each their own


def _mids(server: ServerProcess, name: str, session_id: str) -> list[str]:
    """What the answer key says that the defect did to the session's messages."""
    lines = [line for line in server.injected() if (line["name"], line.get("session")) == (name, session_id)]
    assert {(line["kind"], line["scope"]) for line in lines} <= {("defect", "mid")}
    return [line["mid"] for line in lines]


def _count(server: ServerProcess, name: str) -> int:
    return sum(line["name"] == name for line in server.injected())
