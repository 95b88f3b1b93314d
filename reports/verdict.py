"""The only judge: a summary and goals make pass, fail or unknown, each with its reasons. Pure.

Fail beats unknown beats pass. What was seen to go wrong has gone wrong, however short or disturbed the run; that
nothing went wrong needs a whole run, a valid load generator and enough sessions to have shown it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.goals import MEASURES, check_goals, default_goals
from reports.intervals import Quantiles, Rate, difference, paired_difference, samples_needed, zero_bound
from reports.tally import paired
from reports.words import certainty, count, listed, ms, percent, plural, seconds

if TYPE_CHECKING:
    from reports.summary import Summary

FAIL, UNKNOWN, PASS = "fail", "unknown", "pass"
PROBE = "`entrega probe` shows step by step why"
SESSIONS_FOR_ZERO = 30  # fewer sessions without an event leave more than 10 % possible


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one goal, or, where `goal` is empty, of a condition that all of them rest on."""

    goal: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """pass, fail or unknown; `reasons` are sentences, those that decided it first."""

    verdict: str
    reasons: tuple[str, ...]
    judgements: tuple[Judgement, ...]


def judge(summary: "Summary", goals: Mapping[str, Any], against: "Summary | None" = None) -> Verdict:
    """Hold a run to goals (a table NAME -> {max}), which come on top of the defaults, and to a baseline if given.

    Raises GoalsError for a goal that does not exist or has no sensible value.
    """
    limits = {**default_goals(summary.promises), **check_goals(goals)}
    found = [
        *_conditions(summary),
        *(() if "never_assumed" in limits else _nobodys(summary)),
        *(_judged(summary, name, most) for name, most in limits.items() if most < math.inf),
        *(_compared(summary, against) if against else ()),
    ]
    verdict = next((worst for worst in (FAIL, UNKNOWN) if any(each.verdict == worst for each in found)), PASS)
    order = (PASS,) if verdict == PASS else (FAIL, UNKNOWN)
    return Verdict(verdict, tuple(reason for each in order for reason in _said(found, each)), tuple(found))


def _said(judgements: list[Judgement], verdict: str) -> Iterator[str]:
    """One sentence per reason, with the names of all goals that share it in front."""
    goals: dict[str, list[str]] = {}
    for each in judgements:
        if each.verdict == verdict:
            goals.setdefault(each.reason, []).append(each.goal)
    for reason, names in goals.items():
        yield f"{listed(names)}: {reason}" if all(names) else reason


def _conditions(summary: "Summary") -> Iterator[Judgement]:
    """What a run must be before the absence of trouble means anything."""
    if summary.end.state != "complete":
        state = {"failed": "failed", None: "was cut off"}.get(summary.end.state, f"was {summary.end.state}")
        why = f" ({summary.end.reason})" if summary.end.reason else ""
        yield Judgement("", UNKNOWN, f"The run {state}{why}: what it would have shown later is not known.")
    yield from (Judgement("", UNKNOWN, reason) for reason in summary.rig.reasons)
    if not summary.sent:
        yield Judgement("", UNKNOWN, f"Nothing was sent, so nothing was tested; {PROBE}.")
    elif not summary.accepted and not summary.owed:
        sent = plural(summary.sent, "sent message")
        yield Judgement("", UNKNOWN, f"None of {sent} was accepted by the server; {PROBE}.")
    elif not summary.owed:
        yield Judgement("", UNKNOWN, f"What was accepted is owed to nobody: no agent took a session; {PROBE}.")


def _nobodys(summary: "Summary") -> Iterator[Judgement]:
    """Whether agents were too few or a hand-over was lost is the user's to say, by a goal; it is no pass."""
    if summary.never_assumed:
        said = (
            f"{plural(summary.never_assumed, 'accepted message')} had nobody to be shown to: no agent took the session"
        )
        yield Judgement("", UNKNOWN, f"{said}, then or later; a goal `never_assumed` says how many may be.")


def _judged(summary: "Summary", name: str, most: float) -> Judgement:
    if MEASURES[name].kind == "latency":
        return _latency(summary, name, most)
    value: Rate | float | None = getattr(summary, name)
    if value is None:
        return Judgement(name, UNKNOWN, "not measured; `max = inf` among the goals accepts that.")
    if most == 0 and (value.k if isinstance(value, Rate) else value) == 0:
        return _none_seen(summary, name)
    if isinstance(value, Rate):
        return _rate(name, value, most)
    said = seconds if MEASURES[name].kind == "seconds" else count
    return Judgement(name, PASS if value <= most else FAIL, f"{said(value)}, at most {said(most)} allowed.")


def _none_seen(summary: "Summary", name: str) -> Judgement:
    """Zero events pass only where sessions enough could have shown one; the bound says how much may be hidden."""
    sessions = sum(judged > 0 for judged in summary.sessions.judged)
    least = summary.smallest_detectable_loss
    if sessions >= SESSIONS_FOR_ZERO:
        bounds = f"below {percent(least.session)} of sessions and {percent(least.message)} of messages"
        return Judgement(name, PASS, f"none in {plural(sessions, 'session')}, which means {bounds} at 95 %.")
    hidden = f", which leaves up to {percent(least.session)} of sessions possible" if sessions else ""
    few = f"none, but of {plural(sessions, 'judged session')} only; {SESSIONS_FOR_ZERO} are needed{hidden}."
    return Judgement(name, UNKNOWN, few)


def _rate(name: str, rate: Rate, most: float) -> Judgement:
    if rate.rate is None:
        return Judgement(name, UNKNOWN, "nothing was judged, so there is no rate.")
    said = f"{percent(rate.rate)}, {rate.k:,} of {plural(rate.n, 'message')} ({certainty(rate)})"
    if most == 0 or (rate.low is not None and rate.low > most):
        return Judgement(name, FAIL, f"{said}; at most {percent(most)} allowed.")
    if rate.high is not None and rate.high <= most:
        return Judgement(name, PASS, f"{said}; at most {percent(most)} allowed.")
    more = "and no single run can" if rate.by == "run" else f"more {rate.by}s do"
    return Judgement(name, UNKNOWN, f"{said}; that does not settle the limit of {percent(most)}, {more}.")


def _latency(summary: "Summary", name: str, most: float) -> Judgement:
    series, _, quantile = name.partition(".")
    found: Quantiles = getattr(summary, series)
    value: float | None = getattr(found, quantile)
    if found.never(quantile):
        value, said = math.inf, f"never: {found.lost:,} of {plural(found.n, 'message')} were not shown at all"
    elif value is None:
        return Judgement(name, UNKNOWN, _too_few(summary, found, quantile))
    else:
        said = f"{ms(value)} of {plural(found.n, 'sample')}"
    if summary.rig.lag_ms_p99 is None or not summary.rig.valid:
        return Judgement(name, UNKNOWN, f"{said}, which this load generator cannot vouch for.")
    return Judgement(name, PASS if value <= most else FAIL, f"{said}, at most {ms(most)} allowed.")


def _too_few(summary: "Summary", found: Quantiles, quantile: str) -> str:
    voided = len(summary.rig.voided)
    void = f"; {plural(voided, 'window')} of 5 s {'was' if voided == 1 else 'were'} void" if voided else ""
    return f"not known: it takes {plural(samples_needed(quantile), 'sample')}, there are {found.n:,}{void}."


def _compared(summary: "Summary", against: "Summary") -> Iterator[Judgement]:
    """Worse than the baseline, beyond what the sessions of both runs leave open?"""
    if summary.scenario != against.scenario:
        other = f"The baseline played {against.scenario}, this run {summary.scenario}: they cannot be compared."
        yield Judgement("", UNKNOWN, other)
        return
    for name in ("permanent_loss", "live_miss"):
        ours, theirs = getattr(summary, name), getattr(against, name)
        said = f"{percent(ours.rate)} against the baseline's {percent(theirs.rate)}"
        yield Judgement(f"against.{name}", *_difference(ours, theirs, said, _paired(summary, against, name)))


def _difference(ours: Rate, theirs: Rate, said: str, by_pairs: tuple[float, float] | None) -> tuple[str, str]:
    """The verdict on two rates, and its reason."""
    between = by_pairs or difference(ours, theirs)
    said += " in the same sessions" if by_pairs else ""
    if between is None:
        whose, doubtful = ("this run", ours) if ours.low is None else ("the baseline", theirs)
        return UNKNOWN, f"{said}, which cannot be compared: {whose} has {certainty(doubtful)}."
    if between[0] > 0:
        return FAIL, f"{said}: worse by {percent(between[0])} at least, at 95 %."
    sessions = min(ours.sessions, theirs.sessions)
    if sessions < SESSIONS_FOR_ZERO:
        few = f"{plural(sessions, 'judged session')} only; {SESSIONS_FOR_ZERO} are needed"
        return UNKNOWN, f"{said}: not worse beyond chance, but of {few}."
    hidden = max(between[1], zero_bound(sessions) or 0.0)  # pairs that are all alike leave that much possible as well
    return PASS, f"{said}: not worse beyond chance, which leaves up to {percent(hidden)} possible at 95 %."


def _paired(summary: "Summary", against: "Summary", name: str) -> tuple[float, float] | None:
    """The difference by pairs of sessions; null unless both runs played one plan, and each session for itself."""
    plan, other = ((each.seed, each.widgets, each.agents) for each in (summary, against))
    if plan != other or summary.seed is None or {getattr(each, name).by for each in (summary, against)} != {"session"}:
        return None
    pairs = paired(summary.sessions, against.sessions, {"permanent_loss": "lost", "live_miss": "missed"}[name])
    if len(pairs) < SESSIONS_FOR_ZERO:
        return None
    return paired_difference((pairs["k"], pairs["n"]), (pairs["k_before"], pairs["n_before"]))
