"""Somebody else's chats, by their targets alone: healthy ones raise no alarm, broken ones are named rightly.

examples/node-chat on Express and Socket.IO, with a journal and without, its connection state recovery on and off;
tests/node/bare.js, which acks nothing, numbers nothing and keeps nothing; and tests/node/front-desk.js, which joins by
itself and lets all agents hear all sessions.
"""

import re
import shutil
from collections.abc import Iterator
from functools import cache

import pytest

from reports.ledger import Ledger, build_ledger, open_ledger
from reports.summary import Summary
from tests.foreign import NODE_CHAT, Small, install, played
from tests.node_process import NODE
from tests.official_server import certificate
from tests.played import Play

TARGET = NODE_CHAT / "target.toml"
RECOVERS = {"STATE_RECOVERY": "on"}
SECRET = "the desk's own password"
FRONT_DESK, KEY = NODE / "front-desk.toml", {"FRONT_DESK_KEY": SECRET}

RUNS = {
    "steady": Small("steady", TARGET, variables={"DESK_PASSWORD": SECRET}),
    "drop": Small("short-drop", TARGET),
    "drop of both": Small("short-drop", TARGET, ("--set", "faults.drop.who=both")),
    "early, recovering": Small("early-reply", TARGET, variables=RECOVERS),
    "drop, recovering": Small("short-drop", TARGET, variables=RECOVERS),
    "room typo": Small("steady", TARGET, ("--defect", "server.room-typo")),
    "enter once": Small("short-drop", TARGET, ("--defect", "server.enter-once")),
    "front desk": Small("short-drop", FRONT_DESK, variables=KEY),
    "wrong room": Small("short-drop", FRONT_DESK, ("--defect", "server.wrong-room"), KEY),
    "bare drop": Small("short-drop", NODE / "bare.toml", ("--set", "transport=upgrade")),
}
NOTHING = {  # what is wrong in bare.toml, and what is said of a run with it
    "nowhere": ('"/rooms"', '"/chambers"', "no session came so far that anybody spoke"),
    "unconnected": ("[auth]", '[socket]\npath = "/elsewhere/"\n\n[auth]', "nobody got a connection"),
    "unheard": ('msg"\nroom = "room"\nanswer = "none"', 'msg"\nroom = "room"', "no message was accepted"),
}
RACES = "early_message join_race"
HEALTHY = {
    "steady": "",
    "early, recovering": RACES,
    "drop": "offline",
    "drop of both": "offline",
    "drop, recovering": "offline",
}


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Play]]:
    install()
    folder, tls = tmp_path_factory.mktemp("runs"), {}
    for name, (right, wrong, _) in NOTHING.items():
        bare = (NODE / "bare.toml").read_text().replace("bare.js", str(NODE / "bare.js"))
        assert right in bare
        (folder / f"{name}.toml").write_text(bare.replace(right, wrong))
    listed = folder / "listed.toml"
    listed.write_text(
        without_waiting_events((NODE / "chat.toml").read_text().replace("chat.js", str(NODE / "chat.js")))
    )
    if shutil.which("openssl"):
        made = certificate(folder)
        keys = {"CHAT_KEY": str(made.key), "CHAT_CERTIFICATE": str(made.cert)}
        tls = {"over TLS": Small("steady", NODE / "chat.toml", ("--ca", str(made.cert)), keys)}
    written = {name: Small("steady", folder / f"{name}.toml") for name in (*NOTHING, "listed")}
    with played(RUNS | tls | written, folder) as plays:
        yield plays


def without_waiting_events(target: str) -> str:
    """So that agents have the list alone, which is empty when they connect."""
    return re.sub(r'^event(_\w+)? = "session[-.].*\n', "", target, flags=re.MULTILINE)


@cache
def both(play: Play) -> tuple[Ledger, Ledger]:
    """The run read with its journal, and without."""
    return open_ledger(play.folder), build_ledger(play.folder, journal=False)


def assert_no_violation(found: Summary) -> None:
    counted = (found.duplicates, found.leaks, found.unexpected, found.unexplained)
    assert counted == (0, 0, 0, 0)
    assert not found.reorders
    assert not found.phantoms


@pytest.mark.parametrize(("name", "expect"), HEALTHY.items())
def test_a_healthy_server_raises_no_alarm(plays: dict[str, Play], name: str, expect: str) -> None:
    for ledger in both(plays[name]):
        found = ledger.summary
        assert found.owed > 20
        assert (found.lost, found.contradictions or 0) == (0, 0), found.missed_because
        assert set(found.missed_because) <= set(expect.split())
        assert (found.reorders, found.phantoms) == (0, 0)
        assert_no_violation(found)


def test_what_was_missed_comes_by_the_time_of_the_last_message(plays: dict[str, Play]) -> None:
    read = "SELECT count(*) FILTER (after > 0 AND count > 0) AS n FROM events WHERE kind = 'history_read' AND NOT audit"
    assert both(plays["drop"])[0].query(read)["n"][0] > 0


def test_recovered_connections_are_seen_to_be(plays: dict[str, Play]) -> None:
    count = "SELECT count(*) AS n FROM events WHERE kind = 'connected' AND recovered"
    assert both(plays["drop, recovering"])[0].query(count)["n"][0] > 0
    assert both(plays["drop"])[0].query(count)["n"][0] == 0


@pytest.mark.parametrize(
    ("name", "cause", "without_journal"),
    [("room typo", "room_mismatch", "subscribed_nowhere"), ("enter once", "not_rejoined", "subscribed_nowhere")],
)
def test_a_bug_is_named(plays: dict[str, Play], name: str, cause: str, without_journal: str) -> None:
    beside = set() if name == "room typo" else {"offline"}
    for ledger, named in zip(both(plays[name]), (cause, without_journal), strict=True):
        found = ledger.summary
        assert found.lost
        assert set(found.missed_because) - beside == {named}
        assert found.missed_because[named] == found.lost
        assert_no_violation(found)


def test_what_all_agents_hear_is_no_leak_where_the_target_says_so(plays: dict[str, Play]) -> None:
    found = open_ledger(plays["front desk"].folder).summary
    assert found.owed > 20
    assert found.lost == 0
    assert set(found.missed_because) <= {"offline"}
    assert_no_violation(found)


def test_a_bug_is_named_by_its_group_where_there_is_no_journal(plays: dict[str, Play]) -> None:
    """The server puts who comes again into a room that nobody emits to."""
    found = open_ledger(plays["wrong room"].folder).summary
    assert found.missed_because["subscribed_nowhere"]
    assert set(found.missed_because) <= {"subscribed_nowhere", "offline"}
    assert_no_violation(found)


def test_what_a_bare_server_cannot_show_is_null(plays: dict[str, Play]) -> None:
    found = both(plays["bare drop"])[0].summary
    assert (found.reorders, found.phantoms, found.acked_and_lost) == (None, None, None)
    assert_no_violation(found)


def test_what_a_bare_server_loses_is_its_design(plays: dict[str, Play]) -> None:
    ledger = both(plays["bare drop"])[0]
    assert ledger.summary.lost
    assert ledger.summary.live > ledger.summary.lost
    assert set(ledger.summary.missed_because) == {"offline"}
    assert ledger.deliveries.query("outcome == 'lost'")["by_design"].all()
    assert set(ledger.summary.not_recovered_because) == {"not_asked"}


def test_cookies_are_carried_from_the_handshake_to_the_upgrade(plays: dict[str, Play]) -> None:
    """bare.js refuses polls and upgrades that do not bring the handshake's cookie."""
    count = "SELECT count(*) FILTER (kind = 'upgraded') AS n, count(status) FILTER (kind = 'connect_failed') AS refused"
    found = both(plays["bare drop"])[0].query(f"{count} FROM events WHERE party LIKE 'widget-%'")
    assert (found["n"][0] > 8, found["refused"][0]) == (True, 0)


def test_agents_find_those_who_wait_by_the_list_alone(plays: dict[str, Play]) -> None:
    found = both(plays["listed"])[0].summary
    assert (found.sent, found.lost) == (found.owed, 0)
    assert found.owed > 20


def test_a_run_over_tls(plays: dict[str, Play]) -> None:
    if "over TLS" not in plays:
        pytest.skip("no openssl on this machine; apt-get install openssl")
    assert plays["over TLS"].info()["url"].startswith("https://")
    found = both(plays["over TLS"])[0].summary
    assert (found.sent, found.lost) == (found.owed, 0)
    assert found.live > 20


@pytest.mark.parametrize("name", NOTHING)
def test_a_run_of_which_nothing_came_says_what_to_do(plays: dict[str, Play], name: str) -> None:
    assert plays[name].wait() == 3
    assert f"entrega: {NOTHING[name][2]}; `entrega probe` shows step by step why" in plays[name].stderr()


def test_a_secret_does_not_enter_the_run_folder(plays: dict[str, Play]) -> None:
    files = [path for path in plays["steady"].folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_sessions_are_closed(plays: dict[str, Play]) -> None:
    said = (plays["steady"].folder / "logs" / "locust.log").read_text()
    assert re.search(r"^REST +close +8 +0\(0\.00%\)", said, re.MULTILINE)


def test_nothing_is_left(plays: dict[str, Play]) -> None:
    for play in plays.values():
        play.assert_nothing_left()
