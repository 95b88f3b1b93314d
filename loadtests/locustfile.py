"""Locust's door: `locust -f loadtests/locustfile.py` plays a scenario, with Locust's own options and web UI.

ENTREGA_SCENARIO (default steady), ENTREGA_TARGET (default bundled), ENTREGA_SET, ENTREGA_SEED, ENTREGA_DEFECT and
ENTREGA_ALLOW_HOST say which, as the options of `entrega run` do; -H where the server is; -u counts widgets and agents
together; -r is the arrival rate; -t the end of sending. A locustfile of one's own imports Agent and Widget from here
(docs/from-locust.md).
"""

import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import Runner

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # our houses, whatever folder Locust is started in

from loadtests.swarm.director import Director
from loadtests.swarm.users import Agent, Widget

__all__ = ["Agent", "Widget"]


def direct(environment: Environment, runner: Runner, **_: Any) -> None:
    Director(environment, runner)


events.init.add_listener(direct)
