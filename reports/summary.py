"""The facts of one run in figures: summary.json, which is also what a baseline is.

Null means not measured or not observable on this target, never 0. Counts are messages; *_ms are milliseconds; rates
are shares with their 95 % interval; `sessions` holds the small samples that comparisons with another run need.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests.events import FORMAT
from loadtests.run_json import promised
from reports.faults import Fault, faults, shared_by
from reports.goals import GoalsError
from reports.intervals import Quantiles, Rate, Share, zero_bound
from reports.parties import Escalations, Parties, escalations, parties, time_to_join_ms
from reports.rig import Rig, judge_rig
from reports.tally import Sessions, by_cause, latencies, message_counts, rate, samples, sessions
from reports.unavoidable import unavoidable_miss
from reports.verdict import UNKNOWN, judge
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class End:
    """How the run ended: complete, interrupted, failed; null: it was cut off before it could say."""

    state: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest loss that a run of this size could have shown: 0 events leave this much possible at 95 %."""

    message: float | None
    session: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Every key of summary.json, in its order. `unreached`: planned messages that the run never came to.

    The last ones have defaults, so that a baseline that was made before there were any can still be read.
    """

    format: int
    run: str
    scenario: str
    seed: int | None
    widgets: int | None
    agents: int | None
    promises: dict[str, bool]
    end: End
    planned: int
    unreached: int
    unsent: int
    sent: int
    accepted: int
    refused: int
    unanswered: int
    owed: int
    not_owed: int
    live: int
    late: int
    recovered: int
    lost: int
    acked_and_lost: int | None
    unjudged: int
    unexplained: int
    duplicates: int | None
    reorders: int | None
    leaks: int | None
    phantoms: int | None
    unexpected: int | None
    foreign: int | None
    view_misses: int | None
    contradictions: int | None
    live_miss: Rate
    permanent_loss: Rate
    smallest_detectable_loss: Smallest
    latency_ms: Quantiles
    live_latency_ms: Quantiles
    slip_ms: Quantiles
    acceptance_ms: Quantiles
    delivery_ms: Quantiles
    time_to_join_ms: Quantiles
    false_connected_s: float | None
    escalations: Escalations
    parties: Parties
    missed_because: dict[str, int]
    not_recovered_because: dict[str, int]
    samples: dict[str, str]
    faults: tuple[Fault, ...]
    rig: Rig
    verdict: str | None
    reasons: tuple[str, ...]
    sessions: Sessions
    attributed: dict[str, dict[str, int]] = field(default_factory=dict)
    unavoidable_miss: Share | None = None
    never_assumed: int | None = None

    @property
    def headline(self) -> str:
        """What happened, in one sentence."""
        who = ", ".join(
            plural(n, one) for n, one in ((self.widgets, "widget"), (self.agents, "agent")) if n is not None
        )
        if missed := self.recovered + self.lost:
            went = f"{missed:,} missed live, {self.lost:,} lost for good"
        elif self.unjudged:
            went = f"{self.owed - self.unjudged:,} shown as they were sent"
        else:
            went = "all shown as they were sent" if self.owed else "nothing to show"
        unjudged = f", {self.unjudged:,} could not be judged" if self.unjudged else ""
        nobodys = (
            f"; {self.never_assumed:,} more to nobody, since no agent took the session" if self.never_assumed else ""
        )
        owed = f"{plural(self.owed, 'message')} owed: {went}{unjudged}{nobodys}"
        return f"{who}, {owed}" if who else owed

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """One line per key, so that two of them can be compared with diff."""
        lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in self.to_dict().items())
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def summarize(ledger: "Ledger") -> Summary:
    """The facts of a run, judged by its own scenario's goals."""
    info, rows, rig = ledger.run.info, ledger.deliveries, judge_rig(ledger)
    by_session = sessions(rows)
    counts = message_counts(rows, acks=promised(info, "ack"))
    counted: dict[str, Any] = {**counts, **latencies(rows, rig, info), **ledger.counters}
    summary = Summary(
        format=FORMAT,
        run=info["run"],
        **_plan(info, len(rows)),
        **counted,
        contradictions=ledger.contradictions,
        attributed=ledger.attributed,
        live_miss=rate(by_session, by_session.missed, shared_by(info)),
        permanent_loss=rate(by_session, by_session.lost, shared_by(info)),
        unavoidable_miss=unavoidable_miss(ledger),
        smallest_detectable_loss=Smallest(
            zero_bound(sum(by_session.judged)), zero_bound(sum(n > 0 for n in by_session.judged))
        ),
        time_to_join_ms=time_to_join_ms(ledger),
        escalations=escalations(ledger),
        parties=parties(ledger),
        missed_because=by_cause(rows, "missed_because"),
        not_recovered_because=by_cause(rows, "not_recovered_because"),
        samples=samples(rows),
        faults=faults(info),
        rig=rig,
        verdict=None,
        reasons=(),
        sessions=by_session,
    )
    return _judged(summary, (info.get("scenario") or {}).get("goals") or {})


def _plan(info: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """What run.json says of the run; what it planned beyond the rows was never reached."""
    planned, end = info.get("planned") or {}, info.get("end", {"state": "complete"})  # not said: written by hand
    return {
        "scenario": (info.get("scenario") or {}).get("name", "unnamed"),
        "seed": info.get("seed"),
        "widgets": planned.get("widgets"),
        "agents": planned.get("agents"),
        "promises": (info.get("target") or {}).get("promises") or {},
        "end": End(end.get("state"), end.get("reason")),
        "planned": rows,
        "unreached": max(0, (planned.get("messages") or 0) - rows),
    }


def _judged(summary: Summary, goals: Mapping[str, Any]) -> Summary:
    """With the verdict by the scenario's own goals; goals that cannot be read leave it unknown and are named."""
    try:
        verdict = judge(summary, goals)
    except GoalsError as error:
        return replace(summary, verdict=UNKNOWN, reasons=(str(error),))
    return replace(summary, verdict=verdict.verdict, reasons=verdict.reasons)
