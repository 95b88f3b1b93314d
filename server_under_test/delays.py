"""Messages that are held back for a while: the distributions that can be asked for, and where they wait."""

import asyncio
import contextlib
import heapq
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from server_under_test.chat import Message

HIGHEST_MS = 60_000.0

# Name -> its numbers, and what it makes of them and of a number drawn evenly from [0, 1).
FORMS: Mapping[str, tuple[str, Callable[..., float]]] = {
    "const": ("MS", lambda _, ms: ms),
    "uniform": ("LOW:HIGH", lambda even, low, high: low + even * (high - low)),
    "exp": ("MEAN", lambda even, mean: -mean * math.log1p(-even)),
}

DELAYS = f"milliseconds, 0 to {HIGHEST_MS:g}, as {', '.join(f'{form}:{names}' for form, (names, _) in FORMS.items())}"


def parse_delay(text: str) -> Callable[[float], float]:
    """`const:50`, `uniform:5:80`, `exp:40`, in milliseconds: the delay for a number drawn evenly from [0, 1).

    Raises ValueError for anything else.
    """
    form, *rest = text.split(":")
    numbers = tuple(map(float, rest))
    if form not in FORMS or len(numbers) != len(FORMS[form][0].split(":")):
        raise ValueError
    if list(numbers) != sorted(numbers) or not all(0 <= number <= HIGHEST_MS for number in numbers):
        raise ValueError
    return lambda even: FORMS[form][1](even, *numbers)


class Held:
    """Messages that are published later, in their session's order: a shorter delay waits for the message before."""

    def __init__(self, release: Callable[[Message, int], Awaitable[None]]) -> None:
        """`release` is given the message and since when it was held (monotonic ns)."""
        self._release = release
        self._waiting: list[tuple[int, int, int, Message]] = []  # until when, its number, since when
        self._latest_ns: dict[str, int] = {}  # of each session
        self._numbers = itertools.count()
        self._came = asyncio.Event()

    def hold(self, message: Message, for_ms: float) -> None:
        now_ns = time.monotonic_ns()
        until_ns = max(now_ns + round(for_ms * 1e6), self._latest_ns.get(message.session_id, 0))
        self._latest_ns[message.session_id] = until_ns
        heapq.heappush(self._waiting, (until_ns, next(self._numbers), now_ns, message))
        self._came.set()

    async def work(self) -> NoReturn:
        """Release each in its turn."""
        while True:
            wait_s = (self._waiting[0][0] - time.monotonic_ns()) / 1e9 if self._waiting else None
            if wait_s is not None and wait_s <= 0:
                _, _, since_ns, message = heapq.heappop(self._waiting)
                await self._release(message, since_ns)
            else:
                self._came.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._came.wait()
