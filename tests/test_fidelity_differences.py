"""Where ours does not do as the browser's client does, shown by both. docs/fidelity.md lists it, with the reasons."""

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.fidelity.scripts import POLLING, UP, Script, hear, hear_nothing, reset
from tests.fidelity.stage import Stage, perform, stage
from tests.json_lines import ROOT, Line
from tests.network import Network
from tests.players import Player, Players, browsers, connect, emit, playing, swarms, whenever

Both = tuple[tuple[Player, Network], tuple[Player, Network]]

IMPATIENT = """
from gevent import monkey
monkey.patch_all()
from loadtests.swarm import client
client.ANSWERED_WITHIN_S = 0.2
from tests.swarm_scripts import player
player.main()
"""


@pytest.fixture(scope="module")
def on_stage() -> Iterator[Stage]:
    with stage() as on_stage:
        yield on_stage


@pytest.fixture(scope="module")
def kinds() -> Iterator[tuple[Players, Players]]:
    with ExitStack() as stack:
        yield stack.enter_context(playing(browsers())), stack.enter_context(playing(swarms()))


def played(on_stage: Stage, kinds: tuple[Players, Players], script: Script, name: str) -> Both:
    """By the browser's and by ours, at the same time."""
    browser, ours = (
        on_stage.cast(script, players, f"{who}: {name}")
        for who, players in zip(("browser", "swarm"), kinds, strict=True)
    )
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(perform, script, *one) for one in (browser, ours)]:
            each.result()
    return browser, ours


def heard(player: Player, *kinds: str) -> list[Line]:
    return [line for line in player.heard if line["heard"] in kinds]


def test_a_connection_that_ends_before_connect_was_none(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    script = Script(UP, auth=({"drop": True}, {}))
    (browser, _), (ours, _) = played(on_stage, kinds, script, "never was")
    assert [line["heard"] for line in browser.heard][:3] == ["connecting", "disconnected", "connecting"]
    assert [line["heard"] for line in ours.heard][:3] == ["connecting", "connect_failed", "connecting"]
    assert heard(ours, "connect_failed")[0]["reason"] == "transport close"


def test_why_there_is_no_connection_is_told(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    script = Script((connect(), hear("connect_failed")), server="polling only")
    (browser, _), (ours, _) = played(on_stage, kinds, script, "why not")
    assert heard(browser, "connect_failed")[0]["reason"] == "websocket error"
    assert "Transport unknown" in heard(ours, "connect_failed")[0]["reason"]


def test_every_ack_that_was_waited_for_is_answered(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    script = Script((*UP, emit("ignore", number=1), reset(0), hear("connected"), hear_nothing(0.2)))
    (browser, _), (ours, _) = played(on_stage, kinds, script, "acks")
    assert heard(browser, "acked") == []
    assert [line["why"] for line in heard(ours, "acked")] == ["disconnected"]


def test_an_ack_says_that_its_emit_never_left(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    script = Script((emit("echo", number=1, deadline_s=0.1), hear("acked")))
    (browser, _), (ours, _) = played(on_stage, kinds, script, "never left")
    assert [line["why"] for line in heard(browser, "acked")] == ["timeout"]
    assert [line["why"] for line in heard(ours, "acked")] == ["never connected"]


def test_an_event_without_a_name_is_an_error_of_the_server(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    """In the browser's client it raises where nobody can catch it."""
    script = Script((*UP, emit("raw", "2", '2["after"]'), hear("event", event="after")))
    browser, network = on_stage.cast(script, kinds[0], "browser: nameless")
    perform(script, browser, network)
    assert heard(browser, "disconnected")[0]["reason"] == "io client disconnect"
    script = Script((*UP, emit("raw", "2"), hear("disconnected", reason="parse error"), hear("connected")))
    ours, network = on_stage.cast(script, kinds[1], "swarm: nameless")
    perform(script, ours, network)


def test_who_is_refused_when_connected_is_told_that_it_is_over(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    """In the browser's client `connected` stays true, on a connection that is closed."""
    script = Script((*UP, emit("raw", '4{"message":"late"}'), hear("connect_failed"), hear_nothing(0.2)))
    (browser, _), (ours, _) = played(on_stage, kinds, script, "refused")
    assert [line["heard"] for line in browser.heard][2:] == ["connect_failed", "disconnected", "close"]
    assert [line["heard"] for line in ours.heard][2:] == ["disconnected", "connect_failed", "close"]
    assert heard(browser, "disconnected")[0]["reason"] == "io client disconnect"


def test_the_answer_to_connect_is_not_waited_for_for_ever(on_stage: Stage) -> None:
    """The browser's client sets itself no limit; ours the one of Node's server, here made shorter."""
    script = Script(
        (connect(), hear("connect_failed", reason="timeout"), hear("connected")), auth=({"waitMs": 5000}, {})
    )
    with playing([sys.executable, "-c", IMPATIENT]) as impatient:
        ours, network = on_stage.cast(script, impatient, "swarm: impatient")
        perform(script, ours, network)


def test_each_namespace_has_a_connection_of_its_own(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    for players, more, connections in zip(kinds, ({"multiplex": True}, {}), (1, 2), strict=True):
        network = on_stage.connect(on_stage.ports["plain"])
        for namespace in ("/", "/support"):
            settings = on_stage.settings(Script(UP, namespace=namespace), "namespaces", network)
            player = players.make(f"namespace {namespace}", **settings, **more)
            player.do(connect())
            player.hear("connected")
        assert len(network.connected_ns) == connections


def test_compression_is_not_offered(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    played(on_stage, kinds, Script(UP), "compression")
    browser, ours = (on_stage.servers.settled(f"{who}: compression")[0] for who in ("browser", "swarm"))
    assert "permessage-deflate" in browser["extensions"]
    assert "extensions" not in ours


def test_polling_keeps_its_connections_as_browsers_do_and_node_does_not(
    on_stage: Stage, kinds: tuple[Players, Players]
) -> None:
    talk = [step for number in range(5) for step in (emit("echo", number=number), hear("acked", number=number))]
    (_, network), (_, ours) = played(on_stage, kinds, Script((*UP, *talk), transports=POLLING), "kept")
    assert len(network.connected_ns) > 10
    assert len(ours.connected_ns) == 2


def test_connect_in_a_disconnect_handler_changes_nothing(on_stage: Stage, kinds: tuple[Players, Players]) -> None:
    """The browser's connects at once, and then not once more: its manager takes itself to be reconnecting for ever."""
    settings = Script((), first_s=0.5)
    at_once, _ = on_stage.cast(settings, kinds[0], "browser: at once")
    backs_off, _ = on_stage.cast(settings, kinds[1], "swarm: at once")
    for player, waits in ((at_once, False), (backs_off, True)):
        player.do(whenever("disconnected", connect()), connect(), emit("hangUp"))
        player.hear("connected")
        ended, again = player.hear("disconnected"), player.hear("connecting")
        assert (again["t_ns"] - ended["t_ns"] > 0.4e9) is waits
        player.hear("connected")
        player.do(emit("hangUp"))
        player.hear("disconnected")
    at_once.hear_nothing(1.0)
    backs_off.hear("connected")


def test_docs_name_every_difference() -> None:
    shown = {name for name in globals() if name.startswith("test_")} - {"test_docs_name_every_difference"}
    page = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(test_\w+)`", page)) == shown
