"""How long a client waits before it tries again, by whose rule."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: first_s * 2^n, at most longest_s, and how that is spread.

    js           as socket.io-client: +/- 50 % before the limit, so that at the limit all wait equally long
    python       as python-socketio's client: +/- 0.5 s
    full-jitter  anything from 0 to that
    """

    first_s: float
    longest_s: float
    seed: str  # not a Random, which would be a tenth of a party's memory
    kind: str = "js"

    def delay_s(self, failures: int, draw: int) -> float:
        """After so many failures in a row; `draw` is the number of delays before it."""
        return self.rolled_s(failures, random.Random(f"{self.seed}:{draw}").random())

    def rolled_s(self, failures: int, rolled: float) -> float:
        """One roll, from 0 to 1, gives what is to be drawn; js takes the sign of its spread from it as well."""
        doubled_s = self.first_s * 2.0 ** min(failures, 30)
        if self.kind == "full-jitter":
            return rolled * min(doubled_s, self.longest_s)
        if self.kind == "python":
            return min(max(0.0, min(doubled_s, self.longest_s) + rolled - 0.5), self.longest_s)
        sign = 1 if int(rolled * 10) % 2 else -1
        return min(doubled_s * (1 + sign * rolled * 0.5), self.longest_s)
