"""Locust's door with a loop beside the users that leaves them next to nothing of the processor."""

import time
from typing import Any

import gevent
from locust import events

from loadtests.locustfile import Agent, Widget

__all__ = ["Agent", "Widget"]

SPIN_S, REST_S = 0.1, 0.005


def _spin() -> None:
    while True:
        until_s = time.monotonic() + SPIN_S
        while time.monotonic() < until_s:
            pass
        gevent.sleep(REST_S)


def _begin(**_: Any) -> None:
    gevent.spawn(_spin)


events.test_start.add_listener(_begin)
