"""Rates and quantiles promise only what their samples carry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.intervals import (
    difference,
    paired_difference,
    quantiles,
    rate_by_session,
    samples_needed,
    zero_bound,
)


def test_sixty_sessions_without_a_loss_mean_below_4_9_percent() -> None:
    assert zero_bound(60) == pytest.approx(0.0487, abs=1e-4)
    assert zero_bound(3_000) == pytest.approx(3 / 3_000, rel=0.01)  # the rule of three
    assert zero_bound(0) is None


def test_zero_and_all_take_the_exact_bound_by_session_not_by_message() -> None:
    none = rate_by_session([0] * 60, [100] * 60)
    everything = rate_by_session([100] * 60, [100] * 60)
    assert (none.rate, none.low, none.high) == (0.0, 0.0, pytest.approx(0.0487, abs=1e-4))
    assert (everything.rate, everything.low, everything.high) == (1.0, pytest.approx(0.9513, abs=1e-4), 1.0)


def test_nothing_measured_is_null_and_a_single_session_has_no_interval() -> None:
    assert rate_by_session([0, 0], [0, 0]).rate is None
    alone = rate_by_session([1], [4])
    assert (alone.rate, alone.low, alone.high) == (0.25, None, None)


def test_sessions_without_messages_do_not_count() -> None:
    assert rate_by_session([1, 0, 0], [2, 2, 0]) == rate_by_session([1, 0], [2, 2])
    assert rate_by_session([1, 0, 0], [2, 2, 0]).sessions == 2


def test_losses_that_come_together_widen_the_interval() -> None:
    spread = rate_by_session([1] * 30 + [0] * 30, [10] * 60)
    together = rate_by_session([10] * 3 + [0] * 57, [10] * 60)
    assert spread.rate == together.rate
    assert together.high - together.low > 2 * (spread.high - spread.low)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted), min_size=1, max_size=40))
def test_the_interval_holds_the_rate(sessions: list[list[int]]) -> None:
    rate = rate_by_session([k for k, _ in sessions], [n for _, n in sessions])
    if rate.low is not None:
        assert 0 <= rate.low <= rate.rate <= rate.high <= 1


@pytest.mark.parametrize(("hit", "sessions"), [(1.0, 60), (0.3, 60), (0.05, 60)])
def test_the_interval_covers_the_truth_as_often_as_it_claims(hit: float, sessions: int) -> None:
    """Clustered losses: a session is hit or not, and if hit loses a share of its own (beta 1, 3)."""
    dice = np.random.default_rng(11)
    truth, runs, covered = hit / 4, 400, 0
    for _ in range(runs):
        n = dice.poisson(5, sessions) + 1
        k = dice.binomial(n, np.where(dice.random(sessions) < hit, dice.beta(1, 3, sessions), 0))
        rate = rate_by_session(k, n)
        covered += rate.low <= truth <= rate.high
    assert covered / runs >= 0.93  # 95 % claimed; 0.93 is two standard errors of this simulation below


def test_a_difference_needs_more_than_one_unlucky_session() -> None:
    healthy = rate_by_session([0] * 60, [5] * 60)
    unlucky = rate_by_session([1] + [0] * 59, [5] * 60)
    broken = rate_by_session([2] * 30 + [0] * 30, [5] * 60)
    assert difference(unlucky, healthy)[0] < 0
    assert difference(broken, healthy)[0] > 0
    assert difference(healthy, broken)[1] < 0
    assert difference(rate_by_session([1], [4]), healthy) is None


@pytest.mark.parametrize("worse", [0.0, 0.05])
def test_pairs_cover_the_truth_and_see_what_the_plan_hides_from_two_runs_apart(worse: float) -> None:
    """Of three in ten sessions the plan loses every second message, in both runs."""
    dice = np.random.default_rng(13)
    runs, covered, too_sure, seen, seen_apart = 400, 0, 0, 0, 0
    for number in range(runs):
        n = dice.poisson(6, 60) + 2
        planned = np.where(dice.random(60) < 0.3, 0.5, 0.002)
        now, before = dice.binomial(n, planned + worse), dice.binomial(n, planned)
        low, high = paired_difference((now, n), (before, n))
        covered += low <= worse <= high
        too_sure += low > worse
        seen += low > 0
        if number < 40:
            seen_apart += difference(rate_by_session(now, n), rate_by_session(before, n))[0] > 0
    assert covered / runs >= 0.93  # 95 % claimed; 0.93 is two standard errors of this simulation below
    assert too_sure / runs <= 0.041  # 2.5 % claimed, likewise
    if worse:
        assert seen / runs > 0.5
        assert seen_apart / 40 < 0.1


def test_pairs_that_are_all_alike_differ_by_what_they_differ() -> None:
    assert paired_difference(([0] * 60, [5] * 60), ([0] * 60, [5] * 60)) == (0.0, 0.0)
    assert paired_difference(([2] * 60, [5] * 60), ([1] * 60, [5] * 60)) == pytest.approx((0.2, 0.2))
    unlucky = paired_difference(([1] + [0] * 59, [5] * 60), ([0] * 60, [5] * 60))
    assert unlucky[0] < 0 < unlucky[1]


def test_a_quantile_is_given_only_where_ten_samples_lie_beyond_it() -> None:
    assert quantiles(range(199)).p95 is None
    assert quantiles(range(200)).p95 == 189.0
    assert samples_needed("p95") == 200
    assert samples_needed("p999") == 10_000
    assert quantiles(range(10_000)).p999 == 9_989.0
    assert quantiles([]).max is None


def test_lost_messages_are_infinite_latency_never_a_number() -> None:
    found = quantiles(range(90), lost=10)
    assert (found.n, found.p50, found.max) == (100, 49.0, None)
    assert quantiles(range(40), lost=60).p50 is None


def test_quantiles_are_samples_themselves() -> None:
    assert quantiles([1.0] * 10 + [1_000.0] * 10).p50 == 1.0
