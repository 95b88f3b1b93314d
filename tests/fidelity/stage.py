"""Where scripts are played: official servers, a network of its own for each play, and what the play left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fidelity.records import Record, recorded
from tests.fidelity.scripts import SERVERS, Hear, HearNothing, Hurt, Script
from tests.json_lines import Line
from tests.network import Network, networks
from tests.official_server import Certificate, OfficialServers, certificate, official_servers
from tests.players import Order, Player, Players


@dataclass(frozen=True, slots=True)
class Stage:
    """`ports` of the servers, by their name in SERVERS; all over TLS if there is a certificate."""

    servers: OfficialServers
    ports: dict[str, int]
    connect: Callable[[int], Network]
    tls: Certificate | None

    def cast(self, script: Script, players: Players, name: str, **more: Any) -> tuple[Player, Network]:
        """A client for the script, on a network of its own; `name` is the play's."""
        network = self.connect(self.ports[script.server])
        player = players.make(name, **(self.settings(script, name, network) | more))
        return player, network

    def settings(self, script: Script, name: str, network: Network) -> Line:
        """What a player is made with."""
        return {
            "url": f"{'https' if self.tls else 'http'}://127.0.0.1:{network.port}",
            "namespace": script.namespace,
            "auth": script.auth,
            "transports": script.transports,
            "query": script.query | {"play": name},
            "first_s": script.first_s,
            "longest_s": script.longest_s,
            "jitter": 0,
            "deadline_s": script.deadline_s,
            "ca": self.tls and str(self.tls.cert),
        }

    def play(self, script: Script, players: Players, name: str) -> Record:
        player, network = self.cast(script, players, name)
        perform(script, player, network)
        return recorded(script, player, self.servers.settled(name))


@contextmanager
def stage(tls_folder: Path | None = None) -> Iterator[Stage]:
    """Over TLS, if there is a folder for the key."""
    with official_servers() as servers, networks() as connect:
        tls = certificate(tls_folder) if tls_folder else None
        yield Stage(servers, {name: servers.make(tls, **options) for name, options in SERVERS.items()}, connect, tls)


def perform(script: Script, player: Player, network: Network) -> None:
    """To the end, which is `close`; what the client heard is in player.heard."""
    orders: list[Order] = []
    for step in (*script.steps, ("close", {}), Hear("close", {})):
        if isinstance(step, tuple):
            orders.append(step)
            continue
        if orders:
            player.do(*orders)
            if isinstance(step, Hurt):  # a network is hurt when what stands before it is done
                player.ask("mark")
            orders = []
        if isinstance(step, Hear):
            player.hear(step.what, **step.fields)
        elif isinstance(step, HearNothing):
            player.hear_nothing(step.for_s)
        else:
            getattr(network, step.verb)(*step.about)
