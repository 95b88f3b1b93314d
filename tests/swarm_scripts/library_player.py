"""python-socketio's own client, driven from outside with the orders of player.py that its faults need."""

import json
import sys
import time
from itertools import chain, repeat
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import socketio


class Player:
    """One client, in a plain process: threads, no gevent."""

    def __init__(self, name: str) -> None:
        self._name = name

    def make(
        self,
        url: str,
        auth: list[dict[str, Any]],
        query: dict[str, str],
        first_s: float,
        longest_s: float,
        deadline_s: float,
        attempts: int = 0,
        dwell_s: float = 0.0,
        **_: Any,
    ) -> None:
        """`attempts`: to come back, 0 for no limit; `dwell_s`: of the handler of `connect`; the rest as for ours."""
        auths = chain(auth, repeat(auth[-1]))
        self._url = f"{url}?{urlencode(query)}"
        self._auth = lambda: next(auths)
        self._deadline_s = deadline_s
        self._client = socketio.Client(
            reconnection_attempts=attempts,
            reconnection_delay=first_s,
            reconnection_delay_max=longest_s,
            randomization_factor=0,
            handle_sigint=False,
        )

        def connected() -> None:
            self._tell("connected")
            time.sleep(dwell_s)

        self._client.on("connect", connected)
        self._client.on("disconnect", lambda reason: self._tell("disconnected", reason=reason))

    def connect(self) -> None:
        """Try until it works; the library does that only when it comes back."""
        until_s = time.monotonic() + self._deadline_s
        while not self._client.connected and time.monotonic() < until_s:
            try:
                self._client.connect(self._url, auth=self._auth, transports=["websocket"], wait_timeout=10)
            except socketio.exceptions.ConnectionError:
                time.sleep(0.1)
        self._tell("returned")

    def mark(self) -> None:
        self._tell("mark")

    def _tell(self, heard: str, **about: Any) -> None:
        print(json.dumps({"client": self._name, "heard": heard, **about}), flush=True)


def main() -> None:
    players: dict[str, Player] = {}
    for line in sys.stdin:
        order = json.loads(line)
        player = players.setdefault(order["client"], Player(order["client"]))
        for verb, about in order["do"]:
            if verb == "connect":
                Thread(target=player.connect, daemon=True).start()
            else:
                getattr(player, verb)(**about)


if __name__ == "__main__":
    main()
