"""`entrega probe`: a good target passes, each wrong key is named by the step that trips over it, and so is bad luck."""

import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtests.target_file import SHIPPED
from tests.foreign import NODE_CHAT, install, served
from tests.node_process import NODE
from tests.official_server import certificate
from tests.played import WITHIN_S, entrega, environment, free_port, the_line

Done = "subprocess.CompletedProcess[str]"
TARGET = NODE_CHAT / "target.toml"
AT_ONCE = 4

# What is wrong in node-chat's target, and what the probe is to say: the failure, and the key that mends it.
WRONG = {
    "nothing": ("", "", "12. the session is closed", "ok: closed"),
    "open.token": ('token = "data.ticket"', 'token = "key"', "token = 'key' is not in the answer", "[open] token: the"),
    "socket.path": ('"/rt/"', '"/socket.io/"', "no connection: ", "[socket] path"),
    "auth.query": ('query = "ticket"', 'query = "key"', "No ticket and no operator's cookie", "[auth]: say where"),
    "join.event": ('event = "enter"', 'event = "join"', "the join was not answered", "[join] event"),
    "join.error-first": ('answer = "error-first"\n', 'ok = "done"\n', "refused: refused", "[join] ok, ok_is, error"),
    "join.answer": ('answer = "error-first"\ntold', "told", "the answer begins with null", "[join] answer: say error"),
    "send.answer": ('answer = "error-first"\nerror', "error", "the answer begins with null", "[send] answer: say"),
    "history.list": ('list = "data"\nfrom', 'list = "."\nfrom', "list = '.' is no list", "[history] list: the"),
    "history.from_start": ('from_start = ""', 'from_start = "now"', "it holds 0 of 2 messages", "[history]: list,"),
    "waiting.name": ('name = "visitor.displayName"\nevent', 'name = "x"\nevent', "not in the list", "[waiting]: path"),
    "waiting.event_session": ('"conversation.uid"\n', '"uid"\n', "came with another id", "[waiting] event_session:"),
    "assume.method": ('method = "PUT"', 'method = "POST"', "could not take the session", "[assume] path or method"),
    "send.text": ('text = "content"\nsession', 'text = "t"\nsession', "A message has content", "[send]"),
    "message.seq_is": ('seq_is = "time"\n', "", "'at' ", "[message] seq"),
    "message.event": ('"chat:message"', '"message"', "'chat:message' came, not 'message'", "[message] event"),
    "agent.message": (
        "[agent.send]", '[agent.message]\nevent = "message"\n\n[agent.send]', "'chat:message' came, not 'message'",
        "[agent.message] event",
    ),
    "message.body": ('body = "data"', 'body = "."', "cannot be shown (shape)", "its payload has type, data._id, data."),
    "message.id": ('id = "_id"', 'id = "uuid"', "cannot be shown (shape)", "; it lacks id = 'uuid'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Each wrong target tried on one healthy server."""
    install()
    folder = tmp_path_factory.mktemp("probes")
    right = TARGET.read_text()

    def probe(name: str) -> Done:
        old, new, *_ = WRONG[name]
        assert old in right
        (folder / f"{name}.toml").write_text(right.replace(old, new, 1))
        return entrega("probe", "--target", folder / f"{name}.toml", "-H", url)

    with served(NODE_CHAT / "server.js", folder) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(WRONG, pool.map(probe, WRONG), strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_the_key_is_named(probes: dict[str, Done], name: str) -> None:
    *_, failure, mend = WRONG[name]
    done = probes[name]
    assert done.returncode == (1 if failure != WRONG["nothing"][2] else 0), (done.stdout, done.stderr)
    assert failure in done.stdout
    assert mend in done.stdout.splitlines()[-1], done.stdout


def test_each_step_shows_what_was_sent_and_what_came(probes: dict[str, Done]) -> None:
    said = probes["nothing"].stdout
    assert len(re.findall(r"^ ?\d+\. ", said, re.MULTILINE)) == len(re.findall("^    ok: ", said, re.MULTILINE)) == 12
    assert '> widget-0: 20["enter",{"conversation":"' in said
    assert '< widget-0: 30[null,{"room":"conversation/' in said
    assert "> POST /conversations/" in said
    assert "ok: back, and what it missed came by history" in said


def test_secrets_are_masked(probes: dict[str, Done]) -> None:
    said = probes["nothing"].stdout
    assert '"ticket":"***"' in said
    assert "?ticket=***&" in said
    assert not re.search(r"ticket\W+\w{6}", said)


def test_what_lets_in_is_masked_and_what_people_write_about_is_not() -> None:
    letting_in, others = ("ticket", "authTicket", "sessionToken", "pid"), {"ticketId": "T-17", "rapid": "yes"}
    line = json.dumps(dict.fromkeys(letting_in, "a") | others)
    code = f"from loadtests.swarm.tape import Tape; print(Tape().masked({line!r}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WITHIN_S)
    assert json.loads(said.stdout) == dict.fromkeys(letting_in, "***") | others


def test_a_chat_that_says_next_to_nothing() -> None:
    install()
    done = entrega("probe", "--target", NODE / "bare.toml")
    assert done.returncode == 0, done.stdout
    assert "ok: closed" in done.stdout
    for said in ("entered 0.25 s later", "entrega itself tells agents", "there is none", "the target has no way to it"):
        assert said in done.stdout
    for said in ('> agent-0: 20["take",{"room":1}]', "< agent-0: 30[null]", '> widget-0: 2["leave room",1]'):
        assert said in done.stdout


def test_events_of_several_arguments() -> None:
    install()
    done = entrega("probe", "--target", NODE / "words.toml")
    assert done.returncode == 0, done.stdout
    for said in ('> widget-0: 20["enter","Kim","1"]', '> agent-0: 2["say","1","', '< widget-0: 2["said","1","'):
        assert said in done.stdout


def test_an_argument_may_be_an_object(tmp_path: Path) -> None:
    install()
    right = (NODE / "posts.toml").read_text()
    target = tmp_path / "posts.toml"
    with served(NODE / "bare.js", tmp_path) as url:
        done = entrega("probe", "--target", NODE / "posts.toml", "-H", url)
        assert done.returncode == 0, done.stdout
        assert re.search(r'> agent-0: 21\["post","1",\{"body":"[^"]+","ref":"[^"]+"\}\]', done.stdout)
        target.write_text(right.replace("argument = 1\n", ""))
        done = entrega("probe", "--target", target, "-H", url)
        assert done.stdout.endswith("mend:   [message] argument: its text is in argument 1\n"), done.stdout
        target.write_text(right.replace("draft.body", "draft.text"))
        done = entrega("probe", "--target", target, "-H", url)
        assert "FAILED: it was not taken: refused, Say something.\n" in done.stdout
        assert "or arguments, if it takes several" in done.stdout


def test_who_opens_a_session_may_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is there before the customer, to hear of it; an answer that is not to come lacks nothing."""
    install()
    monkeypatch.setenv("FRONT_DESK_KEY", "the key of the desk")
    done = entrega("probe", "--target", NODE / "front-desk.toml")
    assert done.returncode == 0, done.stdout
    assert " 1. an agent logs in" in done.stdout
    assert "names no id" not in done.stdout
    assert "what it missed came by replay" in done.stdout


def test_numbers_that_go_on_from_other_sessions_are_no_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A database's ids: only who comes second can see that they do not begin with the session."""
    install()
    monkeypatch.setenv("FRONT_DESK_KEY", "the key of the desk")
    target = tmp_path / "front-desk.toml"
    target.write_text((NODE / "front-desk.toml").read_text().replace('seq_is = "time"', 'seq_is = "count"'))
    with served(NODE / "front-desk.js", tmp_path) as url:
        first, second = (entrega("probe", "--target", target, "-H", url) for _ in range(2))
    assert first.returncode == 0, first.stdout
    assert second.returncode == 1
    assert "FAILED: 'no' is no count without holes: [4, 5]\n" in second.stdout
    assert "mend:   [message] seq_is: count is 1, 2, 3...; time is what only grows" in second.stdout


def test_agents_who_are_refused_may_lack_what_they_log_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.delenv("FRONT_DESK_KEY", raising=False)
    done = entrega("probe", "--target", NODE / "front-desk.toml")
    assert done.returncode == 1
    assert done.stdout.endswith("; and FRONT_DESK_KEY is not set: it has what agents log in with\n")


def test_a_step_by_an_event_may_be_refused(tmp_path: Path) -> None:
    install()
    target = tmp_path / "bare.toml"
    with served(NODE / "bare.js", tmp_path) as url:
        target.write_text((NODE / "bare.toml").read_text().replace('session = "room"', 'session = "id"'))
        done = entrega("probe", "--target", target, "-H", url)
    assert done.returncode == 1
    assert '< agent-0: 30["Nobody is there."]' in done.stdout
    assert "mend:   [assume]: event, session, answer: see what came" in done.stdout


def test_an_event_may_be_the_answer_to_a_join(tmp_path: Path) -> None:
    install()
    target = tmp_path / "bare.toml"
    target.write_text(
        (NODE / "bare.toml").read_text().replace('answer = "none"', 'answer = "event"\ntold_room = "room"', 1)
    )
    with served(NODE / "bare.js", tmp_path) as url:
        done = entrega("probe", "--target", target, "-H", url)
        assert done.returncode == 0, done.stdout
        assert "ok: in 1" in done.stdout
        target.write_text(target.read_text().replace('"event"', '"event"\nanswer_event = "welcome"'))
        done = entrega("probe", "--target", target, "-H", url)
    assert done.returncode == 1
    assert "the join was not answered" in done.stdout


# -- whatever else may answer

ANSWERS: dict[str, tuple[int, dict[str, str], str]] = {
    "page": (200, {"Content-Type": "text/html"}, "<!doctype html><p>Welcome"),
    "moved": (301, {"Location": "https://chat.example/moved"}, ""),
    "closed": (401, {}, '{"error": "Log in first."}'),
    "limited": (429, {"Retry-After": "30"}, '{"error": "Slow down."}'),
    "login": (302, {"Location": "/sign-in"}, ""),
    "text": (200, {}, "It works!"),
    "busy": (503, {}, "<h1>Down for maintenance</h1>"),
    "good": (201, {}, '{"id": "7", "token": "a-token-of-theirs"}'),
}


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as the first word of the path says; `silent` not at all, until the test is over."""

    protocol_version = "HTTP/1.1"
    over: threading.Event

    def answer(self) -> None:
        word = self.path.split("/")[1].partition("?")[0]
        if word == "silent":
            self.over.wait(WITHIN_S)
            return
        status, headers, body = ANSWERS.get(word, (200, {}, ""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_HEAD = answer  # noqa: N815

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def answering() -> Iterator[str]:
    handler = type("Handler", (Answering,), {"over": threading.Event()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        handler.over.set()
        server.shutdown()
        thread.join(WITHIN_S)
        server.server_close()


# [open] path, [socket] path -> the failure, and the mend.
LUCK = {
    "a page where JSON was to come": ("/page", "/", "HTTP 200, HTML", "[open] path or method: a page answered"),
    "a redirect": ("/moved", "/", "HTTP 301, redirected to https://chat.example/moved", "url: give the address"),
    "a redirect to a login": ("/login", "/", "redirected to /sign-in", "[open] path: it sends visitors to another"),
    "a text": ("/text", "/", "HTTP 200, no JSON", "[open] path: what it answers is no JSON"),
    "a 401": ("/closed", "/", "HTTP 401", "headers: opening is not for everybody"),
    "a 429": ("/limited", "/", "HTTP 429", "-r: the server limits requests, it says for 30 s"),
    "silence": ("/silent", "/", "not opened: timeout", "url: no answer came"),
    "a handshake that is moved": ("/good", "/moved/", "redirected to https://chat.example", "url: give the address"),
    "a handshake without an answer": ("/good", "/silent/", "no connection: timeout", "[socket] path: nothing answered"),
    "a handshake that is a page": ("/good", "/page/", "no connection: ", "[socket] path: it is not what"),
    "a handshake that is limited": ("/good", "/limited/", "no connection: ", "-r: the server limits connections"),
    "a handshake with a proxy": ("/good", "/busy/", "no connection: HTTP 503, HTML", "url: the server, or a proxy"),
    "a handshake that wants more": ("/good", "/closed/", "no connection: ", "[auth]: say where the party's token goes"),
}  # fmt: skip


@pytest.fixture(scope="module")
def lucks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    folder = tmp_path_factory.mktemp("lucks")

    def probe(name: str) -> Done:
        opens, socket, *_ = LUCK[name]
        target = folder / f"{len(name)}-{abs(hash(name))}.toml"
        target.write_text(
            f'url = "{url}"\nopen = {{path = {json.dumps(opens)}, token = "token"}}\nsocket = {{path = "{socket}"}}\n'
            '[send]\nevent = "say"\n[message]\nevent = "say"\n'
        )
        return entrega("probe", "--target", target)

    with answering() as url, ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(LUCK, pool.map(probe, LUCK), strict=True))


@pytest.mark.parametrize("name", LUCK)
def test_bad_luck_is_told_so_that_a_stranger_understands(lucks: dict[str, Done], name: str) -> None:
    *_, failure, mend = LUCK[name]
    done = lucks[name]
    assert done.returncode == 1, (done.stdout, done.stderr)
    *_, failed, mended = done.stdout.splitlines()
    assert failure in failed
    assert mended.startswith(f"    mend:   {mend}")
    assert "a-token-of-theirs" not in done.stdout


# BALKY of balky.js -> the failure, and the mend.
BALKY = {
    "old": ("an older Socket.IO?", "[socket]: the server speaks an older protocol: entrega plays Socket.IO 3 and 4"),
    "polling": ("Transport unknown", "[socket]: the server's `transports` have no websocket"),
    "mute": ("timeout", "[auth]: the path is right, and CONNECT was not answered in time"),
    "strict": ("Not on Sundays.", "[auth]: the server's own words"),
}


@pytest.mark.parametrize("kind", BALKY)
def test_why_an_official_server_gives_no_connection(kind: str, tmp_path: Path) -> None:
    install()
    target = tmp_path / "balky.toml"
    target.write_text('url = "-"\nopen = {path = "/"}\nsend = {event = "say"}\nmessage = {event = "say"}\n')
    with served(NODE / "balky.js", tmp_path, BALKY=kind) as url:
        done = entrega("probe", "--target", target, "-H", url)
    failure, mend = BALKY[kind]
    assert done.returncode == 1, (done.stdout, done.stderr)
    *_, failed, mended = done.stdout.splitlines()
    assert failed.startswith("    FAILED: no connection: ")
    assert failure in failed
    assert mended.startswith(f"    mend:   {mend}")


def test_nobody_there_and_no_target() -> None:
    port = free_port()
    assert "nothing answers at" in the_line(entrega("probe", "-H", f"http://127.0.0.1:{port}"))
    assert "no target 'none'" in the_line(entrega("probe", "--target", "none"))


def test_a_history_that_wants_another_beginning(tmp_path: Path) -> None:
    """The bundled server takes numbers only."""
    target = tmp_path / "mine.toml"
    target.write_text((SHIPPED / "bundled.toml").read_text().replace("[history]", '[history]\nfrom_start = "now"'))
    done = entrega("probe", "--target", target)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("    mend:   [history] path, from_start: is from_start what")


def test_a_certificate_of_their_own(tmp_path: Path) -> None:
    """chat.js by TLS: refused without its authority, and with it the whole of a session over https and wss."""
    install()
    made = certificate(tmp_path)
    keys = {"CHAT_KEY": str(made.key), "CHAT_CERTIFICATE": str(made.cert)}
    with served(NODE / "chat.js", tmp_path, **keys) as url:
        plain = ["probe", "--target", str(NODE / "chat.toml"), "-H", url.replace("https:", "http:")]
        assert "it hung up: is it https?" in the_line(entrega(*plain))
        assert url.startswith("https:")
        words = ["probe", "--target", str(NODE / "chat.toml"), "-H", url]
        assert "give --ca FILE, with who signed it" in the_line(entrega(*words))
        other = ["probe", "--target", str(NODE / "chat.toml"), "-H", url.replace("127.0.0.1", "localhost")]
        assert "call it by a name that its certificate has" in the_line(entrega(*other, "--ca", made.cert))
        done = entrega(*words, "--ca", made.cert)
    assert done.returncode == 0, done.stdout
    assert "12. the session is closed" in done.stdout


def test_gevent_stays_out_of_the_command_itself() -> None:
    look = "import sys, loadtests.probe; sys.exit('gevent' in sys.modules)"
    assert subprocess.run(["python", "-c", look], env=environment(), check=False).returncode == 0
