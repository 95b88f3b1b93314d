"""The browser's client is the reference: ours plays the same scripts against the same official server, in the same way.

What was heard, in which order; what went over the wire, packet by packet; and when. The differences that are left are
shown by test_fidelity_differences.py and listed in docs/fidelity.md.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.fidelity.connects import CONNECTS
from tests.fidelity.ends import ENDS, HEARTBEATS
from tests.fidelity.records import Record
from tests.fidelity.recovery import RECOVERY
from tests.fidelity.scripts import DETECTION_MS, UP, Interval, Script, hear
from tests.fidelity.stage import Stage, stage
from tests.fidelity.talk import ACKS, BUFFERS, NAMESPACES, RECEIVED
from tests.fidelity.transports import TRANSPORTS
from tests.players import Players, browsers, emit, freeze, playing, swarms

SCRIPTS = BUFFERS | ACKS | RECEIVED | NAMESPACES | CONNECTS | ENDS | HEARTBEATS | TRANSPORTS | RECOVERY
AT_ONCE = 16
EARLIER_MS, LATER_MS = 75, 250  # than a script says
TRIES = 3  # on a machine that may stand still for half a second now and then; a difference shows each time


@dataclass(frozen=True, slots=True)
class Plays:
    """All scripts, each played by both: the browser's client and ours."""

    on_stage: Stage
    players: dict[str, Players]  # by `browser` and `swarm`
    records: dict[tuple[str, str], "Future[Record]"]  # by who played and which script

    def record(self, who: str, name: str, number: int) -> Record:
        """Of the first play, or of another one."""
        if number == 1:
            return self.records[who, name].result()
        return self.on_stage.play(SCRIPTS[name], self.players[who], f"{who}: {name} {number}")


@pytest.fixture(scope="module", params=["plain", "tls"])
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """Several at once."""
    folder = tmp_path_factory.mktemp("tls") if request.param == "tls" else None
    with (
        stage(folder) as on_stage,
        playing(browsers()) as browser,
        playing(swarms()) as swarm,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        players = {"browser": browser, "swarm": swarm}
        records = {
            (who, name): pool.submit(on_stage.play, script, players[who], f"{who}: {name}")
            for name, script in SCRIPTS.items()
            for who in players
        }
        yield Plays(on_stage, players, records)


@pytest.mark.parametrize("name", SCRIPTS)
def test_ours_does_as_the_browsers_does(plays: Plays, name: str) -> None:
    for number in range(1, TRIES):
        with suppress(AssertionError):
            compare(plays, name, number)
            return
    compare(plays, name, TRIES)


def compare(plays: Plays, name: str, number: int) -> None:
    browser, ours = (plays.record(who, name, number) for who in plays.players)
    assert ours.heard == browser.heard
    assert ours.wire == browser.wire
    assert ours.upgrades == browser.upgrades
    assert not out_of_time(SCRIPTS[name], browser), "socket.io-client"
    assert not out_of_time(SCRIPTS[name], ours), "ours"


def out_of_time(script: Script, record: Record) -> dict[Interval, float]:
    """The intervals that took another time, with what they took in milliseconds."""
    took_ms = {each: record.when_ms[each.end] - record.when_ms[each.begin] for each in script.intervals}
    return {each: took for each, took in took_ms.items() if not -EARLIER_MS < took - each.takes_ms < LATER_MS}


FROZEN_S = 1.5 * DETECTION_MS / 1000


def test_what_a_thawed_tab_emits_waits_for_the_next_connection() -> None:
    thaws = Script((*UP, freeze(FROZEN_S), emit("echo", number=1), hear("acked", number=1)), server="pinging")
    with stage() as on_stage, playing(browsers()) as browser, playing(swarms()) as swarm:
        first = on_stage.play(thaws, browser, "browser")
        assert [line["heard"] for line in first.heard][2:5] == ["disconnected", "connecting", "connected"]
        assert on_stage.play(thaws, swarm, "swarm").heard == first.heard


ROLLS = [(failures, rolled / 1000) for failures in range(12) for rolled in range(1000)]


def test_the_back_off_is_the_browsers_to_the_millisecond(plays: Plays) -> None:
    """JavaScript cuts the spread and the delay to whole milliseconds."""
    browser, ours = (players.make("back-off") for players in plays.players.values())
    theirs_ms, ours_ms = (
        player.ask("delays", first_s=1.0, longest_s=5.0, rolls=ROLLS)["delays_ms"] for player in (browser, ours)
    )
    assert all(abs(our - their) <= 2 for our, their in zip(ours_ms, theirs_ms, strict=True))
    drawn_ms = ours.ask("draws", first_s=1.0, longest_s=5.0, failures=1, count=2000)["delays_ms"]
    assert 1000 <= min(drawn_ms) < 1200
    assert 2800 < max(drawn_ms) <= 3000
