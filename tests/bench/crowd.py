"""The chat server that the clients are measured against, and who talks there: the same for all of them."""

import json
import random
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from loadtests.plan import plan
from loadtests.scenario import Scenario
from loadtests.server_process import ServerProcess
from tests.bench.pinned import Tree
from tests.certificate import Certificate

NODE = Path(__file__).resolve().parent.parent / "node"
PING_S = {"ENTREGA_PING_INTERVAL": "5", "ENTREGA_PING_TIMEOUT": "4"}  # as a run asks for
WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Talker:
    """A session that is open, and assumed where it is to talk; dues count from when all have joined."""

    index: int
    id: str
    token: str
    agent: int
    widget_dues_s: tuple[float, ...]
    agent_dues_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Emitted:
    """How many messages the server had emitted by then (monotonic ns), each counted once a socket."""

    t_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A running server of tests/node/chat.js. `authority`: the certificate to trust, where it speaks TLS."""

    url: str
    tree: Tree
    authority: Path | None

    def emitted(self) -> Emitted:
        with self._http() as http:
            said = http.get("/emitted").json()
            return Emitted(said["t_ns"], said["emitted"])

    def seat(self, scenario: Scenario, talking: bool, to: Path) -> Path:
        """Write the crowd of the scenario to that file: sessions and agents that the server knows by now."""
        run = f"{random.Random(scenario.seed).getrandbits(32):08x}"
        with self._http() as http:
            agents = [self._log_in(http, f"agent-{number}") for number in range(scenario.agents if talking else 0)]
            talkers = [self._open(http, scenario, index, agents) for index in range(scenario.widgets)]
        crowd = {"url": self.url, "run": run, "agents": [{"token": token} for token in agents]}
        to.write_text(json.dumps({**crowd, "sessions": [asdict(talker) for talker in talkers]}))
        return to

    def _open(self, http: httpx.Client, scenario: Scenario, index: int, agents: list[str]) -> Talker:
        opened = http.post("/api/chat/sessions", json={"name": f"widget-{index}"}).raise_for_status().json()
        session, token = opened["session"]["id"], opened["token"]
        planned = plan(scenario, index)
        if agents:
            for verb, by in (("escalate", token), ("assume", agents[planned.agent])):
                headers = {"Authorization": f"Bearer {by}"}
                http.post(f"/api/chat/sessions/{session}/{verb}", json={}, headers=headers).raise_for_status()
        return Talker(index, session, token, planned.agent, planned.widget_dues_s, planned.agent_dues_s)

    def _log_in(self, http: httpx.Client, name: str) -> str:
        answer = http.post("/api/agents/token", json={"name": name, "secret": "entrega"})
        return str(answer.raise_for_status().json()["token"])

    def _http(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=self.authority) if self.authority else True
        return httpx.Client(base_url=self.url, verify=trust, timeout=WITHIN_S)


@contextmanager
def serving(folder: Path, core: int, certificate: Certificate | None = None) -> Iterator[Chat]:
    """The server, pinned to that core; its logs go to the folder."""
    environment = {"ENTREGA_PORT": "0", **PING_S}
    if certificate is not None:
        environment |= {"CHAT_KEY": str(certificate.key), "CHAT_CERTIFICATE": str(certificate.certificate)}
    server = ServerProcess(f"taskset -c {core} node {NODE / 'chat.js'}", environment, folder)
    try:
        url = server.launch()
        yield Chat(url, Tree(server.pid, core), certificate.certificate if certificate else None)
    finally:
        server.stop()
