"""A target file says all about a server, in keys that are known; load goes to this machine unless somebody says so."""

import dataclasses
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import defects
from loadtests.address import check_url, trust
from loadtests.bad_input import BadInput
from loadtests.payload import WHOLE, body, getter
from loadtests.reach import check_answers
from loadtests.target_file import SHIPPED, TargetError, described, from_table, load, shipped
from tests.played import WITHIN_S

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = SHIPPED / "bundled.toml"


@pytest.mark.parametrize("name", shipped())
def test_shipped_targets_load(name: str) -> None:
    assert load(name).name == name


def test_the_bundled_target_knows_the_servers_defects() -> None:
    """The load side may not import the server, so the two tables are held together here."""
    asked = "from server_under_test.defects import DEFECTS; print(*DEFECTS)"
    known = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(load("bundled").defects) == sorted(known.split())


def test_a_table_gives_the_same_target_again() -> None:
    bundled = load("bundled")
    assert from_table(dataclasses.asdict(bundled)) == bundled


def changed(**keys: Any) -> dict[str, Any]:
    """The bundled target's table with other keys (SECTION__KEY); None takes one out."""
    table: dict[str, Any] = {"name": "mine", "start": None, **tomllib.loads(BUNDLED.read_text())}
    for dotted, value in keys.items():
        *parents, last = dotted.split("__")
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return table


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no way to open": ({"open": None}, r"mine.toml: \[open\] lacks the key 'path': where sessions are opened"),
    "a section that is none": ({"send": 5}, r"mine.toml: \[send\] is a table of keys, not 5; `entrega list targets"),
    "a key too few": ({"message__event": None}, r"\[message\] lacks the key 'event': event that brings one; `entrega"),
    "a typing error": (
        {"socket__pth": "x"},
        r"mine.toml: \[socket\] has no key 'pth'; near it: path; `entrega list targets",
    ),
    "a key too many": (
        {"socket__zzz": "x"},
        r"mine.toml: \[socket\] has no key 'zzz'; `entrega list targets bundled` explains",
    ),
    "a section too many": ({"redis": {}}, "mine.toml has no key 'redis'; `entrega list targets bundled` explains"),
    "a section of agents too many": ({"agent": {"login": {}}}, r"\[agent\] has no key 'login'; near it: join"),
    "a key of agents too many": (
        {"agent": {"join": {"evnt": ""}}},
        r"\[join\] has no key 'evnt'; near it: event",
    ),
    "nowhere": ({"start": None, "url": None}, "says neither url nor start; give url"),
    "a number for text": ({"open__path": 5}, r"\[open\]: path takes text, not 5"),
    "text for a number": ({"join__takes_s": "long"}, r"\[join\]: takes_s takes a number, not 'long'"),
    "text for true": ({"promises": {"ack": "yes"}}, r"\[promises\]: ack takes true or false"),
    "text for a table": ({"send__extra": "x"}, r"\[send\]: extra is a table"),
    "numbers for headers": ({"socket__headers": {"x": 5}}, r"\[socket\]: headers takes text for each"),
    "a start that is no command": ({"start": 5}, "start takes text, a command line"),
    "defects in one text": ({"defects": "server.x"}, "defects takes a list of names"),
    "defects that are numbers": ({"defects": [5]}, "defects takes a list of names"),
    "an unknown place in a path": ({"send__path": "/c/{id}"}, r"\[send\] path = '/c/\{id\}' may hold \{session\} only"),
    "a brace left open": (
        {"history__path": "/chat/{"},
        r"\[history\] path = '/chat/\{' may hold \{session\} and \{after\}",
    ),
    "an unknown place in the room": ({"join__room": "chat:{}"}, r"\[join\] room = 'chat:\{\}' may hold"),
    "an unknown word": ({"join__answer": "prayer"}, r"\[join\]: answer is object, error-first, none, event, not"),
    "an unknown habit": ({"client": {"recover": "prayer"}}, "recover is join, fetch, none, not 'prayer'"),
    "a habit without what it needs": ({"join__missed": None, "client": {"recover": "join"}}, "needs the key missed"),
    "a fetch from nowhere": ({"history": None, "client": {"recover": "fetch"}}, r"needs the key path in \[history\]"),
    "after without a seq": ({"message__seq": None}, r"\[message\] lacks the key 'seq', which"),
    "an argument out of nowhere": (
        {"join__into": "room", "join__arguments": ["nick"]},
        r"\[join\] arguments: no other key puts anything into 'nick'; there are room",
    ),
    "an argument that is no whole part": (
        {"send__text": "post.body", "send__arguments": ["post.body"]},
        r"\[send\] arguments: no other key puts anything into 'post.body'; there are post",
    ),
    "arguments of a payload that is all text": (
        {"send__text": ".", "send__arguments": ["chat"]},
        r"\[send\] arguments: no other key puts anything into 'chat'; there are none",
    ),
    "an agent's argument out of nowhere": (
        {"agent": {"send": {"arguments": ["nick"]}}},
        r"\[agent.send\] arguments: no other key puts anything into 'nick'",
    ),
    "the second argument": ({"message__argument": "1"}, "argument takes a whole number from 0 on, not '1'"),
    "an argument before the first": ({"message__argument": -1}, "argument takes a whole number from 0 on, not -1"),
    "a bare room with more": ({"join__into": "."}, "leaves no place for other fields"),
    "no way to say anything": ({"send": {}}, r"\[send\] has neither event nor path; give the event"),
    "code that is not there": ({"code": "no.py:Chat"}, r"code = 'no.py:Chat' cannot be read .*give FILE.py:CLASS"),
    "code without the class": ({"code": f"{__file__}:Chat"}, "has no class 'Chat'"),
}


@pytest.mark.parametrize(("keys", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError, match=said) as raised:
        from_table(changed(**keys), "mine.toml")
    assert "\n" not in str(raised.value)


def test_files_that_are_no_targets(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[rest")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match=r"broken\.toml is not TOML"):
        load(str(tmp_path / "broken.toml"))
    for name in ("nothing", str(tmp_path), str(tmp_path / "binary.toml")):
        with pytest.raises(TargetError, match="neither one of bundled nor a readable file"):
            load(name)


def test_a_targets_file_names_it(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(BUNDLED.read_text())
    assert load(str(file)).name == "desk"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://127.0.0.1", "http://localhost:1", "http://[::1]:8000", "http://0.0.0.0:80"]
)
def test_this_machine_may_get_load(url: str) -> None:
    assert check_url(url + "/") == url


@pytest.mark.parametrize("url", ["http://10.1.2.3:8000", "http://192.0.2.1", "http://[2001:db8::1]:80"])
def test_other_machines_may_not_unless_somebody_says_so(url: str) -> None:
    with pytest.raises(TargetError, match=r"is not this machine.*--allow-host") as raised:
        check_url(url)
    named = str(raised.value).rpartition(" ")[2]
    assert check_url(url, (named,)) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://[::1",
        "http://name:word@127.0.0.1",
        "http://127.0.0.1:0",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(TargetError, match="is no address to play against; give http://HOST:PORT"):
        check_url(url)


def test_hosts_that_are_none() -> None:
    for host in ("a..b", "x" * 300):
        with pytest.raises(TargetError, match="is no host that can be found"):
            check_url(f"http://{host}:80")


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of somebody who answers the first request with those bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WITHIN_S)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(request.param)

        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(WITHIN_S)


@pytest.mark.parametrize("answering", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 404 No\r\nX: y\r\n\r\n"], indirect=True)
def test_any_answer_will_do(answering: str) -> None:
    check_answers(answering)


@pytest.mark.parametrize("answering", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], indirect=True)
def test_who_speaks_no_http_does_not_answer(answering: str) -> None:
    with pytest.raises(TargetError, match=r"nothing answers at http://127.0.0.1:.*start the server"):
        check_answers(answering)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(TargetError, match=f"nothing answers at {url} .Connection refused"):
        check_answers(url)


def test_defects_are_the_widgets_or_the_targets() -> None:
    target = load("bundled")
    defects.check(("widget.no-rejoin", "server.drop-emit=0.5"), target)
    for name in ("server.nothing", "no-history", "", "widget"):
        with pytest.raises(BadInput, match=f"no defect '{name}' with target bundled; .*`entrega list defects` has"):
            defects.check((name,), target)


def test_the_agents_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREGA_AGENT_SECRET", "from the environment")
    assert load("bundled").secret == "from the environment"


SMALL = """
url = "http://127.0.0.1:3000"
[open]
path = "/chats"
[join]
room = "room-{session}"
[send]
event = "message"
[message]
event = "message"
"""


def test_a_small_server_has_a_small_target(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    small = load(str(tmp_path / "small.toml"))
    assert (small.name, small.folder, small.widget) == ("small", str(tmp_path), small.agent)
    assert (small.widget.join.into, small.client.recover) == (WHOLE, "none")
    assert dataclasses.astuple(small.promises) == (True, False, False, True)


@pytest.mark.parametrize("join", [{"event": ""}, {"answer": "none"}])
def test_a_join_without_an_answer_brings_nothing_that_was_missed(join: dict[str, str]) -> None:
    """Whose pages then fetch it, if they can: who inherits the other side's `missed` would never ask for it."""
    target = from_table(changed(agent={"join": join}))
    assert (target.agent.join.missed, target.widget.join.missed) == ("", "messages")
    both = from_table(changed(**{f"join__{name}": value for name, value in join.items()}))
    assert (both.widget.join.missed, both.client.recover) == ("", "fetch")


def test_agents_differ_where_their_tables_say_so() -> None:
    target = from_table(changed(agent={"join": {"event": "take"}, "auth": {"query": "key"}}))
    assert (target.agent.join.event, target.widget.join.event) == ("take", "join")
    assert target.agent.join.room == target.widget.join.room == "chat:{session}"
    assert (target.agent.auth.query, target.widget.auth.query) == ("key", "")
    assert {"[agent.join] # where agents differ", 'event = "take"'} <= set(described(target))


def test_agents_who_say_it_by_rest_need_none_of_the_events_arguments() -> None:
    by_event = {"event": "say", "path": "", "session": "chat", "text": "post.text", "arguments": ["chat", "post"]}
    target = from_table(changed(send=by_event, agent={"send": {"event": "", "path": "/says", "text": "text"}}))
    assert (target.agent.send.event, target.agent.send.text) == ("", "text")


def test_every_key_is_described() -> None:
    said = list(described(load("bundled")))
    for section, key in (("[join]", "answer_event"), ("[history]", "from_start"), ("[auth]", "cookie")):
        place = next(number for number, line in enumerate(said) if line.startswith(section))
        assert any(line.startswith(f"{key} = ") and "  # " in line for line in said[place:])
    assert 'event = "new-message"  # event that brings one; must be there' in said
    assert "by default the file's name; must be there" not in "".join(said)
    meanings = [line.partition("] # ")[2] for line in said if line.startswith("[")]
    assert len(set(meanings)) == len(meanings)  # each section its own
    assert 'room = "chat:{session}"  # the room\'s name; default "{session}"' in said


def test_a_class_of_ones_own_may_open_sessions(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("class Own:\n    def open_session(self, name): ...\n    def helps(self): ...\n")
    (tmp_path / "lazy.py").write_text("class Own: ...")
    assert from_table(changed(open=None, code="own.py:Own", folder=str(tmp_path))).open.path == ""
    with pytest.raises(TargetError, match="the class has none of open_session, open_agent, send, history"):
        from_table(changed(code="lazy.py:Own", folder=str(tmp_path)))


def test_a_file_that_holds_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for file in ("ca.pem", "missing.pem"):
        with pytest.raises(TargetError, match=r"holds no certificate .*give a PEM file"):
            trust(tmp_path / file)


ANYTHING = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))


@given(ANYTHING, st.text(min_size=1).filter(lambda dotted: dotted != WHOLE))
def test_a_path_breaks_off_quietly(payload: Any, dotted: str) -> None:
    found = payload
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    assert getter(dotted)(payload) == found


def test_a_path_is_followed() -> None:
    assert getter("a.b")({"a": {"b": 5}}) == 5
    assert getter("a.b")({"a": [5]}) is None
    assert (getter(".")([5]), getter("")({"": 5})) == ([5], None)


def test_a_body_is_made_of_what_has_a_place() -> None:
    extra = {"from": {"app": "web"}}
    made = body(extra, "text", "", "from.id")
    assert made("hello", "left out", 5) == {"from": {"app": "web", "id": 5}, "text": "hello"}
    assert extra == {"from": {"app": "web"}}
    assert body({}, ".", "")("room-1", "left out") == "room-1"
    assert body({})() == {}
