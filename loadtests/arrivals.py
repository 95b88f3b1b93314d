"""When sessions open: so many at so many a second on the average, in one of four shapes. Pure."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise


def _along(*corners: tuple[float, float]) -> Callable[[float], float]:
    """A share of the sessions -> the share of the time after which they have opened; even between the corners."""

    def after(share: float) -> float:
        (from_share, from_time), (to_share, to_time) = next(
            (low, high) for low, high in pairwise(corners) if share <= high[0]
        )
        return from_time + (share - from_share) / (to_share - from_share) * (to_time - from_time)

    return after


# None may open a session earlier than an even spread would: at that pace Locust starts its users.
SHAPES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda share: share,
    "ramp": math.sqrt,
    "steps": _along((0.0, 0.0), (0.1, 0.25), (0.3, 0.5), (0.6, 0.75), (1.0, 1.0)),
    "spike": _along((0.0, 0.0), (0.5, 0.95), (1.0, 1.0)),
}


def arrives_s(shape: str, per_s: float, sessions: int, index: int) -> float:
    """When session `index` of so many opens, in s from the first. Sessions beyond that number open at once."""
    return SHAPES[shape](index / sessions) * sessions / per_s if index < sessions else 0.0
