"""From the ledger's rows to counts, per-session samples and latencies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from reports.intervals import SHARES, Quantiles, Rate, quantiles, rate_by_session
from reports.rig import Rig

SHOWN = ("live", "late", "recovered")


@dataclass(frozen=True, slots=True)
class Sessions:
    """One place per session: its KEY index, its agent, its messages that were owed, judged, missed, lost."""

    index: tuple[int, ...]
    agent: tuple[str | None, ...]
    owed: tuple[int, ...]
    judged: tuple[int, ...]
    missed: tuple[int, ...]
    lost: tuple[int, ...]


def message_counts(rows: pd.DataFrame, acks: bool) -> dict[str, int | None]:
    """Their sums are those of reports.words.ACCOUNT.

    `acks`: senders are told that their messages were taken.
    """
    view, outcome, owed = rows["sender_view"], rows["outcome"], rows["owed"]
    outcomes = {name: int((outcome == name).sum()) for name in ("live", "late", "recovered", "lost", "unjudged")}
    views = {name: int((view == name).sum()) for name in ("unsent", "accepted", "refused", "unanswered")}
    return {
        **views,
        **outcomes,
        "sent": len(rows) - views["unsent"],
        "owed": int(owed.sum()),
        "not_owed": int(((view != "unsent") & ~owed).sum()),
        "never_assumed": int(((view == "accepted") & (rows["reason"] == "never_assumed")).sum()),
        "acked_and_lost": int(((view == "accepted") & (outcome == "lost")).sum()) if acks else None,
        "unexplained": int((rows["missed_because"] == "unexplained").sum()),
    }


def sessions(rows: pd.DataFrame) -> Sessions:
    widget_sent = rows["sender"].str.startswith("widget")
    each = pd.DataFrame(
        {
            "index": rows["key"].str.split(".").str[0].astype("int64"),
            "agent": rows["recipient"].where(widget_sent, rows["sender"]),
            "owed": rows["owed"],
            "judged": rows["owed"] & (rows["outcome"] != "unjudged"),
            "missed": rows["outcome"].isin(["recovered", "lost"]),
            "lost": rows["outcome"] == "lost",
        }
    )
    counts = ["owed", "judged", "missed", "lost"]
    table = each.groupby("index").agg({"agent": "first", **dict.fromkeys(counts, "sum")}).reset_index()
    agents = tuple(None if pd.isna(agent) else str(agent) for agent in table["agent"])
    return Sessions(
        tuple(table["index"].tolist()), agents, *(tuple(table[name].astype(int).tolist()) for name in counts)
    )


def paired(ours: Sessions, before: Sessions, events: str) -> pd.DataFrame:
    """The sessions of which two runs of one plan judged messages: events k of n messages, and k_before of n_before.

    What could not be judged counts as shown in our run, and not at all in the other: nothing is called worse for it.
    """
    now, then = (
        pd.DataFrame({"index": each.index, "k": getattr(each, events), "n": of})
        for each, of in ((ours, ours.owed), (before, before.judged))
    )
    pairs = now.merge(then, on="index", suffixes=("", "_before"))
    return pairs[(pairs["n"] > 0) & (pairs["n_before"] > 0)]


def rate(by_session: Sessions, events: tuple[int, ...], by: str) -> Rate:
    """Of the owed messages that could be judged: about the others nothing is known, neither good nor bad.

    But `low` takes them for shown, so that no rate is called too high for what was left out of it. `by` is what was hit
    as a whole: session, agent or run; none and all keep their exact bounds by session.
    """
    of_judged = _resampled(by_session, events, by_session.judged, by)
    if not of_judged.n or by_session.judged == by_session.owed:
        return of_judged
    return replace(of_judged, low=_resampled(by_session, events, by_session.owed, by).low)


def _resampled(by_session: Sessions, events: tuple[int, ...], of: tuple[int, ...], by: str) -> Rate:
    found = rate_by_session(events, of)
    if by == "session" or found.k in (0, found.n):
        return found
    if by == "run":
        return replace(found, low=None, high=None, by=by)
    agents = pd.DataFrame({"agent": by_session.agent, "k": events, "n": of}).groupby("agent", dropna=False)[["k", "n"]]
    of_agents = rate_by_session(*(agents.sum()[name].to_numpy() for name in ("k", "n")))
    return replace(found, low=of_agents.low, high=of_agents.high, by=by)


def latencies(rows: pd.DataFrame, rig: Rig, info: Mapping[str, Any]) -> dict[str, Quantiles]:
    """Rows due in the warm-up or in a window that the rig voided are left out, here and nowhere else.

    By its due and not by its display, so that slow messages are no likelier to be left out than fast ones. What is far
    beyond the rig's own lateness stands all the same: when a stalled server goes on, all that waited comes at once and
    makes the rig late for a moment, and without its window nobody would see the stall.
    """
    due_s = (rows["due_ns"] - (info.get("t0_ns") or 0)) / 1e9
    wanted = rows["owed"] & (due_s >= (info.get("warm_up_s") or 0.0))
    sound, every = _series(rows[wanted & ~rig.voids(due_s)]), _series(rows[wanted])
    stands = {name: _with_tail(sound[name], every[name], rig.beyond_doubt_ms) for name in sound}
    return {**stands, "slip_ms": sound["slip_ms"]}


def _series(rows: pd.DataFrame) -> dict[str, Quantiles]:
    lost = int((rows["outcome"] == "lost").sum())
    emitted = rows[rows["live_latency_ms"].notna() & (rows["via"] == "live")]
    return {
        "latency_ms": quantiles(rows.loc[rows["outcome"].isin(SHOWN), "latency_ms"].dropna(), lost),
        "live_latency_ms": quantiles(rows["live_latency_ms"].dropna()),
        "slip_ms": quantiles(((rows["sent_ns"] - rows["due_ns"]) / 1e6).dropna()),
        "acceptance_ms": quantiles(((rows["accepted_ns"] - rows["sent_ns"]) / 1e6).dropna()),
        "delivery_ms": quantiles(((emitted["displayed_ns"] - emitted["sent_ns"]) / 1e6).dropna()),
    }


def _with_tail(sound: Quantiles, every: Quantiles, beyond_ms: float) -> Quantiles:
    """The quantiles of the sound rows, but those of every row where these are beyond doubt."""
    found = {name: getattr(every, name) for name in (*SHARES, "max")}
    beyond = {name: value for name, value in found.items() if value is not None and value > beyond_ms}
    return replace(sound, **beyond, of_every=tuple(beyond) if every.n > sound.n else ())


def by_cause(rows: pd.DataFrame, column: str) -> dict[str, int]:
    """Cause, or reason -> messages, the commonest first."""
    return {str(name): int(n) for name, n in rows[column].value_counts().items()}


def samples(rows: pd.DataFrame) -> dict[str, str]:
    """Cause -> the mid of one message it explains, for `entrega trace`."""
    return {
        str(name): str(mid)
        for column in ("missed_because", "not_recovered_because")
        for name, mid in rows.dropna(subset=[column]).groupby(column)["mid"].first().items()
    }
