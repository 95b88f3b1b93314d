"""A target's own class, for what its keys cannot say: open_session, open_agent, send, history, each where it has it.

The first argument of each is `call(method, path, body=None)`: a REST request with the party's token and cookies, which
gives an answer with `status` (None: none came), `body` and `reason`. What it raises is why there is no answer.
"""

import runpy
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtests.swarm.rest import Answer
from loadtests.target import Target


class OwnCode:
    """The class's one object in this process; without a class it has nothing."""

    def __init__(self, target: Target) -> None:
        file, _, name = target.code.partition(":")
        self._its = runpy.run_path(str(Path(target.folder) / file), run_name="own_code")[name]() if file else None

    def has(self, name: str) -> bool:
        return hasattr(self._its, name)

    def ask(self, name: str, call: Callable[..., Answer], *about: Any) -> Answer:
        try:
            return Answer(200, getattr(self._its, name)(call, *about))
        except Exception as error:  # noqa: BLE001  # somebody else's code; where it went wrong stands in Locust's log
            traceback.print_exc()
            return Answer(None, None, f"{type(error).__name__}: {error}")
