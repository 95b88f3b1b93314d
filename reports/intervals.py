"""Rates and quantiles that carry what they rest on: how many samples, and how far the truth may lie.

Messages of one session share its connection and so its fate; resampling messages would promise a precision that is not
there. So a rate's interval resamples sessions; where a fault hit an agent, whole agents, and where it hit the server,
whole runs, of which there is only one here.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
RESAMPLES = 2_000
SEED = 7_919  # any number, always the same, so that a folder read twice gives the same figures
TAIL_SAMPLES = 10  # a quantile with fewer samples beyond it is an anecdote

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """`k` of `n` messages in `sessions` sessions; `rate`, `low`, `high` are shares, the latter two at 95 %.

    `rate` is null when n = 0; `low` and `high` also when a single session, or a single run, leaves nothing to compare
    it with. For k = 0 `high` is the exact one-sided bound by session, for k = n `low` is. `by`: what was resampled.
    """

    k: int
    n: int
    sessions: int
    rate: float | None
    low: float | None
    high: float | None
    by: str = "session"


@dataclass(frozen=True, slots=True)
class Share:
    """`k` of `n` messages, which are counted and not estimated; `share` is null when n = 0."""

    k: int
    n: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of `n` samples in ms, `lost` of them infinite. Null: too few samples beyond it, or it falls among the lost.

    `of_every` names those that are of every message, also of those that were left out (reports.tally.latencies).
    """

    n: int
    lost: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None
    of_every: tuple[str, ...] = ()

    def never(self, name: str) -> bool:
        """Whether this quantile is null because it falls among the lost, and not for want of samples."""
        return getattr(self, name) is None and self.n >= samples_needed(name)


SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def quantiles(samples_ms: ArrayLike, lost: int = 0) -> Quantiles:
    """Quantiles of the samples themselves (inverse of the empirical distribution), `lost` more samples being infinite.

    A quantile q is given only where n(1-q) >= 10, and never as infinity or as a time-out in disguise.
    """
    ordered = np.sort(np.asarray(samples_ms, dtype=float))
    n = ordered.size + lost
    found: dict[str, Any] = {}
    for name, share in SHARES.items():
        rank = math.ceil(round(share * n, 9))
        enough = round(n * (1 - share), 9) >= TAIL_SAMPLES
        found[name] = _ms(ordered[rank - 1]) if enough and rank <= ordered.size else None
    return Quantiles(n, lost, **found, max=_ms(ordered[-1]) if ordered.size and not lost else None)


def samples_needed(name: str) -> int:
    """How many samples `quantiles` wants before it gives this quantile."""
    return math.ceil(round(TAIL_SAMPLES / (1 - SHARES[name]), 6)) if name in SHARES else 1


def zero_bound(n: int) -> float | None:
    """Below this the rate lies with 95 % confidence after 0 events in n trials: 1 - 0.05**(1/n); null for n = 0.

    The exact one-sided bound of Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case
    of the binomial", Biometrika 26 (1934); for large n it is the rule of three, 3/n.
    """
    return 1 - (1 - LEVEL) ** (1 / n) if n else None


def rate_by_session(events: ArrayLike, messages: ArrayLike) -> Rate:
    """The rate of events over messages and its 95 % interval, given both per session.

    Percentile bootstrap of whole clusters (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13;
    Field and Welsh, "Bootstrapping clustered data", JRSS B 69, 2007). Where few sessions are hit it is too sure of
    itself, so the interval is never narrower than Korn and Graubard's, which was made for that.
    """
    k, n = np.asarray(events, dtype=float), np.asarray(messages, dtype=float)
    k, n = k[n > 0], n[n > 0]
    total, of = int(k.sum()), int(n.sum())
    if of == 0:
        return Rate(0, 0, 0, None, None, None)
    rate, bound = total / of, zero_bound(k.size)
    if bound is not None and total in (0, of):
        return Rate(total, of, k.size, rate, *((0.0, bound) if total == 0 else (1 - bound, 1.0)))
    if k.size < 2:
        return Rate(total, of, k.size, rate, None, None)
    low, high = np.quantile(_resampled(k, n, np.random.default_rng(SEED)), [TAIL, 1 - TAIL])
    least, most = _korn_graubard(k, n)
    return Rate(total, of, k.size, rate, min(float(low), least), max(float(high), most))


def difference(ours: Rate, theirs: Rate) -> tuple[float, float] | None:
    """95 % interval of (our rate - their rate) of two independent runs; null where either has no interval.

    Built from the two intervals, so it keeps what they know of sessions and of zeros: Newcombe, "Interval estimation
    for the difference between independent proportions", Statistics in Medicine 17 (1998), method 10; for any pair of
    intervals Zou and Donner, Statistics in Medicine 27 (2008).
    """
    if None in (ours.low, theirs.low):
        return None
    p, low, high = _floats(ours)
    q, their_low, their_high = _floats(theirs)
    return p - q - math.hypot(p - low, their_high - q), p - q + math.hypot(high - p, q - their_low)


def paired_difference(ours: tuple[ArrayLike, ArrayLike], theirs: tuple[ArrayLike, ArrayLike]) -> tuple[float, float]:
    """95 % interval of (our rate - their rate), given events and messages of the same sessions, in the same order.

    What the plan makes of a session it makes of it in both runs, and so it is no part of the doubt. Student's t on the
    linearized difference of two ratios (Cochran, "Sampling Techniques", 3rd ed. 1977, chapters 2.11 and 6). Wants two
    sessions at least, and messages in both runs; of few it is too sure of itself.
    """
    (k, n), (j, m) = (tuple(np.asarray(each, dtype=float) for each in run) for run in (ours, theirs))
    between = k.sum() / n.sum() - j.sum() / m.sum()
    parts = (k - n * k.sum() / n.sum()) / n.mean() - (j - m * j.sum() / m.sum()) / m.mean()
    wide = special.stdtrit(k.size - 1, 1 - TAIL) * math.sqrt((parts**2).sum() / (k.size - 1) / k.size)
    return float(between - wide), float(between + wide)


def _floats(rate: Rate) -> tuple[float, float, float]:
    return float(rate.rate or 0), float(rate.low or 0), float(rate.high or 0)


def _resampled(k: Floats, n: Floats, dice: np.random.Generator) -> Floats:
    """Rates of resampled runs. Sessions alike in (k, n) are drawn together, which keeps 10,000 sessions cheap."""
    kinds, sizes = np.unique(np.column_stack((k, n)), axis=0, return_counts=True)
    drawn = dice.multinomial(k.size, sizes / k.size, size=RESAMPLES)
    rates: Floats = drawn @ kinds[:, 0] / (drawn @ kinds[:, 1])
    return rates


def _korn_graubard(k: Floats, n: Floats) -> tuple[float, float]:
    """Clopper and Pearson's interval for as many independent messages as would vary like these sessions.

    Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data", Survey Methodology 24 (1998). Wants 0 < rate < 1 and two sessions at least.
    """
    of, sessions = n.sum(), k.size
    rate = k.sum() / of
    variance = sessions / (sessions - 1) * ((k - rate * n) ** 2).sum() / of**2
    few = (special.ndtri(TAIL) / special.stdtrit(sessions - 1, TAIL)) ** 2
    independent = min(of, few * rate * (1 - rate) / variance) if variance else of
    x = rate * independent
    low = special.betaincinv(x, independent - x + 1, TAIL)
    high = special.betaincinv(x + 1, independent - x, 1 - TAIL)
    return float(low), float(high)


def _ms(value: Any) -> float:
    return round(float(value), 3)
