"""Locust's door: `locust -f loadtests/locustfile.py` plays a scenario, with Locust's own options and web UI.

ENTREGA_SCENARIO (default steady) and ENTREGA_TARGET (default bundled) say which; -H where the server is; -u counts
widgets and agents together; -r is the arrival rate; -t the end of sending. See `entrega run --help` for the whole.
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
    Director(environment, runner, Agent)


events.init.add_listener(direct)
