"""The facts of one run in figures: summary.json, which is also what a baseline is.

Null means not measured or not observable on this target, never 0. Counts are messages; *_ms are milliseconds; rates
are shares with their 95 % interval; `sessions` holds the small samples that comparisons with another run need.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from loadtests.bad_input import BadInput
from loadtests.events import FORMAT
from reports.faults import Fault, faults
from reports.goals import GoalsError
from reports.intervals import Quantiles, Rate, zero_bound
from reports.parties import Escalations, Parties, escalations, parties, time_to_join_ms
from reports.rig import Rig, judge_rig
from reports.tally import Sessions, by_cause, latencies, message_counts, rate, samples, sessions
from reports.verdict import UNKNOWN, judge
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger


class SummaryError(BadInput):
    """A summary that cannot be read; the message is one line that names the file and the mend."""


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
    """Every key of summary.json, in its order. `unreached`: planned messages that the run never came to."""

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
    acked_and_lost: int
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

    @property
    def headline(self) -> str:
        """What happened, in one sentence."""
        who = ", ".join(
            plural(n, one) for n, one in ((self.widgets, "widget"), (self.agents, "agent")) if n is not None
        )
        missed = self.recovered + self.lost
        went = f"{missed:,} missed live, {self.lost:,} lost for good" if missed else "all shown as they were sent"
        unjudged = f", {self.unjudged:,} could not be judged" if self.unjudged else ""
        return f"{who}, {plural(self.owed, 'message')} owed: {went if self.owed else 'nothing to show'}{unjudged}"

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
    counted: dict[str, Any] = {**message_counts(rows), **latencies(rows, rig, info), **ledger.counters}
    summary = Summary(
        format=FORMAT,
        run=info["run"],
        **_plan(info, len(rows)),
        **counted,
        contradictions=ledger.contradictions,
        live_miss=rate(by_session, by_session.missed),
        permanent_loss=rate(by_session, by_session.lost),
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
    planned, end = info.get("planned") or {}, info.get("end") or {}
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


def load_summary(path: Path) -> Summary:
    """The summary of a summary.json (a committed baseline), or of a run folder, reported or not.

    Raises SummaryError, or RunFolderError for a folder without a run.
    """
    file = path / "report" / "summary.json" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        from reports.ledger import open_ledger  # which makes summaries by this module

        return open_ledger(path).summary
    try:
        data = json.loads(file.read_text())
    except OSError as error:
        raise SummaryError(f"no summary in {file} ({error.strerror}); give a summary.json or a run folder") from None
    except ValueError:
        raise SummaryError(f"{file} is not JSON; give a summary.json or a run folder") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise SummaryError(f"{file} has format {found!r}, this entrega reads {FORMAT}; report the run anew")
    try:
        summary: Summary = _built(Summary, data)
    except (KeyError, TypeError, AttributeError) as error:
        raise SummaryError(f"{file} is no summary of a run: {error} is missing or odd; report the run anew") from None
    return summary


def _built(kind: Any, value: Any) -> Any:
    """The value of that type again, which JSON has as objects and lists. Raises KeyError, TypeError for another."""
    kinds = get_args(kind)
    if isinstance(kind, UnionType):
        return None if value is None else _built(kinds[0], value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        built: Any = kind
        return built(**{each.name: _built(hints[each.name], value[each.name]) for each in fields(kind)})
    if get_origin(kind) is tuple:
        return tuple(_built(kinds[0], each) for each in value)
    if get_origin(kind) is dict:
        return {str(name): _built(kinds[1], each) for name, each in value.items()}
    if not isinstance(value, int | float if kind is float else kind):
        raise TypeError(f"{value!r}")
    return value
