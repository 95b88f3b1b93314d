"""Errors of the load's own code that nobody caught: they leave a party deaf or mute, which looks like a loss."""

import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
from locust.env import Environment

HOUSE = Path(__file__).resolve().parent.parent


def watch(environment: Environment, told: Callable[[str], None]) -> None:
    """Tell of each, from now on, its kind and place. Called in the event loop, which must not wait.

    gevent prints what a callback or a greenlet raises, stops reading that socket, and goes on.
    """
    hub = gevent.get_hub()
    printed = hub.handle_error

    def uncaught(context: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        printed(context, kind, error, trace)
        if not issubclass(kind, (*hub.NOT_ERROR, *hub.SYSTEM_ERROR)):
            tell(kind, trace)

    def tell(kind: type[BaseException], trace: TracebackType | None) -> None:
        ours = [frame for frame in traceback.extract_tb(trace) if HOUSE in Path(frame.filename).parents]
        if ours:
            told(f"{kind.__name__} in {Path(ours[-1].filename).name}, line {ours[-1].lineno}")

    hub.handle_error = uncaught
    environment.events.user_error.add_listener(lambda exception, tb, **_: tell(type(exception), tb))
