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
from loadtests.bad_input import BadInput
from loadtests.reach import check_answers
from loadtests.target import SHIPPED, TargetError, check_url, from_table, getter, load, secret, shipped
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
            inner = inner[parent]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return table


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no section": ({"rest": None}, r"mine.toml: \[rest\] is missing; `entrega list targets bundled`"),
    "a section that is none": ({"rest": 5}, r"mine.toml: \[rest\] is missing"),
    "a key too few": ({"rest__open": None}, r"mine.toml: \[rest\] lacks the key 'open'"),
    "a key too many": ({"socket__ack": "x"}, r"mine.toml: \[socket\] has no key 'ack'; known are path, room"),
    "a section too many": ({"redis": {}}, "mine.toml has no key 'redis'; known are name"),
    "no origin": ({"origin": None}, "mine.toml lacks the key 'origin'"),
    "a number for text": ({"rest__open": 5}, r"\[rest\]: open takes text"),
    "text for true": ({"promises__ack": "yes"}, r"\[promises\]: ack takes true or false"),
    "a start that is no command": ({"start": 5}, "start takes text, a command line"),
    "defects in one text": ({"defects": "server.x"}, "defects takes a list of names"),
    "defects that are numbers": ({"defects": [5]}, "defects takes a list of names"),
    "an unknown place in a path": ({"rest__send": "/chat/{id}"}, r"send = '/chat/\{id\}' may hold \{session\} and"),
    "a brace left open": ({"rest__send": "/chat/{"}, "send = '/chat/{' may hold"),
    "an unknown place in the room": ({"socket__room": "chat:{}"}, "room = 'chat:{}' may hold"),
    "an unknown habit": ({"client__recover": "prayer"}, "recover is join"),
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
        "https://127.0.0.1",
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
        with pytest.raises(BadInput, match=f"no defect '{name}' with target bundled; known are server.ack-lost, "):
            defects.check((name,), target)


def test_the_agents_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREGA_AGENT_SECRET", "from the environment")
    assert secret(load("bundled")) == "from the environment"


ANYTHING = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))


@given(ANYTHING, st.text())
def test_a_path_breaks_off_quietly(payload: Any, dotted: str) -> None:
    found = payload
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    assert getter(dotted)(payload) == found


def test_a_path_is_followed() -> None:
    assert getter("a.b")({"a": {"b": 5}}) == 5
    assert getter("a.b")({"a": [5]}) is None
