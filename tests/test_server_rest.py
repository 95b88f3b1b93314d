"""The bundled server's REST: every route, every refusal, and what a retry gets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server_client import Party, Rest
from tests.server_process import running


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    folder: Path = tmp_path_factory.mktemp("rest")
    with running(folder) as server:
        client = Rest(server.url)
        yield client
        client.close()
        server.stop()
        assert server.stderr() == ""


def test_it_says_that_it_is_well(rest: Rest) -> None:
    assert rest.call("GET", "/healthz").json() == {"ok": True}


def test_open_gives_a_session_and_its_token(rest: Rest) -> None:
    answer = rest.call("POST", "", body={"name": "Ana", "email": "ana@shop.example", "metadata": {"index": 3}})
    assert answer.status_code == 201
    session = answer.json()["session"]
    assert session == {
        "id": session["id"],
        "name": "Ana",
        "email": "ana@shop.example",
        "metadata": {"index": 3},
        "status": "open",
        "agent": None,
        "createdAt": session["createdAt"],
    }
    assert answer.json()["token"]


def test_a_session_is_escalated_assumed_and_closed(rest: Rest) -> None:
    widget = rest.widget(metadata={"index": 7})
    token = rest.agent_token()
    agent = Party(rest, widget.session_id, token)
    early = agent.step("assume")
    assert (early.status_code, "not asked for a human" in early.json()["error"]) == (409, True)
    assert widget.step("escalate").json()["session"]["status"] == "waiting"
    waiting = rest.call("GET", "?status=waiting", token).json()["sessions"]
    assert [each["metadata"] for each in waiting if each["id"] == widget.session_id] == [{"index": 7}]
    assumed = agent.step("assume").json()["session"]
    assert (assumed["status"], assumed["agent"]) == ("assumed", "rui")
    assert all(
        each["id"] != widget.session_id for each in rest.call("GET", "?status=waiting", token).json()["sessions"]
    )
    assert widget.step("close").json()["session"]["status"] == "closed"


def test_steps_may_be_repeated_after_a_lost_answer(rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    assert agent.step("assume").json()["session"]["agent"] == "rui"
    assert widget.step("escalate").json()["session"]["status"] == "assumed"
    assert [widget.step("close").status_code for _ in range(2)] == [200, 200]


def test_only_one_agent_takes_a_session(rest: Rest) -> None:
    widget = rest.widget()
    rest.agent(widget, "rui")
    answer = Party(rest, widget.session_id, rest.agent_token("eva")).step("assume")
    assert answer.status_code == 409
    assert "taken" in answer.json()["error"]


def test_a_session_is_handed_over_to_one_agent_only(rest: Rest) -> None:
    widget = rest.widget()
    first = rest.agent(widget, "rui")
    second, third = (Party(rest, widget.session_id, rest.agent_token(name)) for name in ("eva", "ada"))
    assert second.step("transfer", {"agent": "eva"}).status_code == 403  # it is not hers to give
    assert widget.step("transfer", {"agent": "eva"}).status_code == 403
    assert first.step("transfer", {}).status_code == 422
    handed = first.step("transfer", {"agent": "eva"}).json()["session"]
    assert (handed["status"], handed["agent"]) == ("waiting", "eva")
    assert first.step("transfer", {"agent": "eva"}).status_code == 200  # its answer may have been lost
    refused = [first.send("r:9.a.0"), first.step("assume"), third.step("assume"), first.step("close")]
    assert [answer.status_code for answer in refused] == [403, 409, 409, 403]
    assert second.step("assume").json()["session"]["status"] == "assumed"
    assert first.step("transfer", {"agent": "eva"}).json()["session"]["status"] == "assumed"
    assert second.send("r:9.a.0").status_code == 201


def test_both_sides_send_and_seq_counts_the_session(rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    first, second = widget.send("r:0.w.0", "where is my parcel?"), agent.send("r:0.a.0", "on its way")
    assert [first.status_code, second.status_code] == [201, 201]
    message = second.json()["message"]
    assert message == {
        "id": message["id"],
        "clientId": "r:0.a.0",
        "seq": 2,
        "sessionId": widget.session_id,
        "text": "on its way",
        "sender": "agent",
        "metadata": {},
        "createdAt": message["createdAt"],
    }
    assert widget.history() == {"messages": [first.json()["message"], message], "seq": 2}
    assert agent.history(after=1) == {"messages": [message], "seq": 2}
    assert agent.history(after=2) == {"messages": [], "seq": 2}


def test_a_known_client_id_is_stored_once(rest: Rest) -> None:
    widget, other = rest.widget(), rest.widget()
    first, again = widget.send("r:1.w.0", "once"), widget.send("r:1.w.0", "twice")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert other.send("r:1.w.0").status_code == 201  # unique within a session, not beyond
    assert widget.history()["seq"] == 1
    widget.step("close")
    assert widget.send("r:1.w.0").status_code == 200  # what was accepted stays accepted


def test_many_senders_get_every_seq_once_and_one_message_for_each_client_id(rest: Rest) -> None:
    widget = rest.widget()
    names = [f"r:2.w.{number % 40}" for number in range(120)]  # each is sent three times, at the same time
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(widget.send, names))
    assert sorted(answer.status_code for answer in answers) == [200] * 80 + [201] * 40
    history = widget.history()
    assert [message["seq"] for message in history["messages"]] == list(range(1, 41))
    assert {message["clientId"] for message in history["messages"]} == set(names)


def test_a_closed_session_takes_no_more(rest: Rest) -> None:
    widget = rest.widget()
    agent = rest.agent(widget)
    agent.step("close")
    refused = [agent.send("r:3.a.0"), widget.step("escalate"), agent.step("assume")]
    assert [answer.status_code for answer in refused] == [409, 409, 409]
    assert all("closed" in answer.json()["error"] for answer in refused)


def test_a_token_is_needed(rest: Rest) -> None:
    widget = rest.widget()
    forged = widget.token[:-1] + ("0" if widget.token[-1] != "0" else "1")
    paths = ["/x/escalate", "/x/assume", "/x/close"]
    for token in (None, "", "rubbish", "widget..", forged, "é"):
        answers = [rest.call("POST", path, token) for path in paths if token != "é"]
        answers.append(
            rest.raw(f"/api/chat/sessions/{widget.session_id}/escalate", (token or "").encode("latin-1"), b"")
        )
        assert {answer.status_code for answer in answers} == {401}
        assert all("token" in answer.json()["error"] for answer in answers)
    assert rest.call("GET", "?status=waiting").status_code == 401
    assert rest.call("GET", f"/{widget.session_id}/messages").status_code == 401


def test_agents_log_in_with_the_secret(rest: Rest) -> None:
    answer = rest.call("POST", "/api/agents/token", body={"name": "rui", "secret": "guessed"})
    assert (answer.status_code, "secret" in answer.json()["error"]) == (401, True)


def test_another_session_stays_shut(rest: Rest) -> None:
    mine, theirs = rest.widget(), rest.widget()
    intruder = Party(rest, theirs.session_id, mine.token)
    bystander = Party(rest, theirs.session_id, rest.agent_token("eva"))
    refused = [intruder.send("r:4.w.0"), intruder.step("escalate"), intruder.step("close"), intruder.step("assume")]
    refused += [bystander.send("r:4.a.0"), bystander.step("escalate"), bystander.step("close")]
    refused += [rest.call("GET", f"/{theirs.session_id}/messages", mine.token), rest.call("GET", "", mine.token)]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert all(answer.json()["error"] for answer in refused)
    assert theirs.history() == {"messages": [], "seq": 0}
    assert bystander.history() == {"messages": [], "seq": 0}  # the audit reads with any agent's token


def test_an_unknown_session_or_path_is_not_found(rest: Rest) -> None:
    agent = Party(rest, "nothing", rest.agent_token())
    answers = [agent.send("r:5.a.0"), agent.step("assume"), agent.step("close")]
    answers += [rest.call("GET", "/nothing/messages", agent.token), rest.call("GET", "/api/nothing")]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert all(answer.json()["error"].endswith(".") for answer in answers)
    assert rest.call("DELETE", "").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "hello"},
        {"clientId": "r:6.w.0"},
        {"text": "", "clientId": "r:6.w.0"},
        {"text": "x" * 10_001, "clientId": "r:6.w.0"},
        {"text": "hello", "clientId": ""},
        {"text": "hello", "clientId": "x" * 201},
        {"text": 5, "clientId": "r:6.w.0"},
        {"text": "hello", "clientId": "r:6.w.0", "metadata": []},
        {"text": "hello", "clientId": "r:6.w.0", "metadata": {"much": "x" * 5_000}},
        {"text": "hello", "clientId": "r:6.w.0", "metadata": {"large": 2**80}},
        ["text"],
    ],
)
def test_a_malformed_message_is_unprocessable(rest: Rest, body: object) -> None:
    widget = rest.widget()
    answer = rest.call("POST", f"/{widget.session_id}/messages", widget.token, body)
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_what_is_no_json_is_unprocessable(rest: Rest) -> None:
    widget = rest.widget()
    for content in (b"", b"{", b"\xff\xfe", b'{"text": "\\ud800", "clientId": "r:7.w.0"}', b"[" * 5_000):
        answer = rest.raw(f"/api/chat/sessions/{widget.session_id}/messages", widget.token, content)
        assert (answer.status_code, bool(answer.json()["error"])) == (422, True), content[:40]
    for after in ("-1", "x", str(2**70)):
        assert rest.call("GET", f"/{widget.session_id}/messages?after={after}", widget.token).status_code == 422
    assert rest.call("GET", "?status=lost", rest.agent_token()).status_code == 422


def test_an_oversize_body_is_refused_before_it_is_read(rest: Rest) -> None:
    widget = rest.widget()
    path = f"/api/chat/sessions/{widget.session_id}/messages"
    told = rest.raw(path, widget.token, b" " * 70_000)
    assert (told.status_code, bool(told.json()["error"])) == (413, True)
    large = b'{"text": "' + "é".encode() * 10_000 + b'", "clientId": "r:8.w.0"}'
    assert rest.raw(path, widget.token, large).status_code == 201


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), tail=st.text(max_size=20))
def test_rubbish_gets_a_4xx_and_the_server_goes_on(rest: Rest, content: bytes, tail: str) -> None:
    path = f"/api/chat/sessions/{quote(tail, safe='', errors='replace')}/messages"
    assert 400 <= rest.raw(path, rest.agent_token(), content).status_code < 500
