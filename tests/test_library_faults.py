"""Why the client is ours: what python-socketio's does not come back from, and ours, on the same script, does."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fidelity.scripts import Script
from tests.fidelity.stage import Stage, stage
from tests.network import Network
from tests.played import until
from tests.players import Player, Players, connect, disconnect, libraries, playing, swarms

LONGER_S = 1.5  # than any back-off and any answer here


@pytest.fixture(scope="module")
def on_stage() -> Iterator[Stage]:
    with stage() as on_stage:
        yield on_stage


@pytest.fixture(scope="module")
def library() -> Iterator[Players]:
    with playing(libraries()) as players:
        yield players


@pytest.fixture(scope="module")
def swarm() -> Iterator[Players]:
    with playing(swarms()) as players:
        yield players


@dataclass(frozen=True, slots=True)
class Both:
    """The library's client and ours, each on its network, both connected."""

    theirs: Player
    their_network: Network
    ours: Player
    our_network: Network

    def reset(self, away_s: float = 0) -> None:
        self.their_network.reset(away_s)
        self.our_network.reset(away_s)


@pytest.fixture
def both(request: pytest.FixtureRequest, on_stage: Stage, library: Players, swarm: Players) -> Both:
    """By the test's parameter: the `auth` of the connections, and what the library's client is made with."""
    auth, more = request.param
    script = Script((), auth=auth)
    both = Both(
        *on_stage.cast(script, library, request.node.name, **more), *on_stage.cast(script, swarm, request.node.name)
    )
    for player in (both.theirs, both.ours):
        player.do(connect())
        player.hear("connected")
    both.theirs.hear("returned")
    return both


@pytest.mark.parametrize("both", [(({}, {"waitMs": 1300}), {})], indirect=True, ids=["slow"])
def test_a_server_that_takes_its_time_to_answer_connect(both: Both) -> None:
    """The library gives a reconnect one second, whatever it was told, and tries for ever."""
    both.reset()
    both.ours.hear("connected")
    both.theirs.hear("disconnected")
    until(lambda: len(both.their_network.connected_ns) == 3, "the library's second attempt")
    both.theirs.hear_nothing(LONGER_S)


@pytest.mark.parametrize("both", [(({}, {"hangUp": True}, {}), {"dwell_s": 0.3})], indirect=True, ids=["hung up on"])
def test_a_connection_that_ends_while_connect_is_handled(both: Both) -> None:
    """The library sees the end before it has noted that it is back, and takes itself to be connected for ever."""
    both.reset()
    for _ in range(2):
        both.ours.hear("connected")
    both.theirs.hear("connected")
    both.theirs.hear_nothing(LONGER_S)
    assert len(both.their_network.connected_ns) == 2


@pytest.mark.parametrize("both", [(({},), {"attempts": 1})], indirect=True, ids=["gave up"])
def test_a_drop_after_it_was_connected_anew(both: Both) -> None:
    """The library that has given up once, and was told to connect again, does not come back from later drops."""
    both.reset(0.5)
    until(lambda: len(both.their_network.connected_ns) == 2, "the library's one attempt")
    both.ours.hear("connect_failed")
    both.theirs.do(connect())
    both.theirs.hear("returned")
    both.ours.do(disconnect(), connect())
    both.ours.hear("connected")
    both.reset()
    both.theirs.hear("disconnected")
    both.ours.hear("connected")
    both.theirs.hear_nothing(LONGER_S)
