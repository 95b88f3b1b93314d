"""report.html: one file without references to anything outside it, readable by somebody who never saw entrega."""

import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import figures, found, words
from reports.goals import MEASURES
from reports.intervals import samples_needed
from reports.rig import LIMITS

if TYPE_CHECKING:
    from reports.ledger import Ledger
    from reports.verdict import Verdict

FIGURES = (figures.latency_over_time, figures.loss_by_join_offset, figures.causes)
COUNTERS = {name: MEASURES[name].meaning for name in words.COUNTERS if name in MEASURES} | {
    "foreign": "frames that carry no message of this run, as a bot's greeting or who is typing; no goal looks at them"
}
FILTERS = ("cell", "certainty", "count", "ms", "percent", "plural", "seconds", "spans", "within")  # of reports.words
# Everything is escaped, whatever people typed into a scenario; an unknown name is an error, not a blank.
TEMPLATES = Environment(
    loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
TEMPLATES.filters |= {name: getattr(words, name) for name in FILTERS}


def write_report(ledger: "Ledger", verdict: "Verdict") -> Path:
    """Write summary.json, figures/*.svg and report.html into the run's report/; returns the page's path.

    A figure with nothing in it is left out, and its reason stands in its place.
    summary.json holds the verdict by the scenario's own goals, the page the given one.
    """
    folder = ledger.run.path / "report"
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    ledger.summary.write(folder / "summary.json")
    made = {draw.__name__: draw(ledger) for draw in FIGURES}
    pictures = {name: figures.drawn(figure, "svg") for name, figure in made.items() if not figure.reason}
    for name, picture in pictures.items():
        (folder / "figures" / f"{name}.svg").write_bytes(picture)
    page = folder / "report.html"
    reasons = {name: figure.reason for name, figure in made.items() if figure.reason}
    page.write_text(_html(ledger, verdict, pictures, reasons), encoding="utf-8")
    return page


def _html(ledger: "Ledger", verdict: "Verdict", pictures: dict[str, bytes], reasons: dict[str, str]) -> str:
    summary, info = ledger.summary, ledger.run.info
    return TEMPLATES.get_template("report.html").render(
        summary=summary,
        verdict=verdict,
        played=_played(info),
        made_with=_made_with(info),
        warm_up_s=info.get("warm_up_s") or 0.0,
        missed=found.because(ledger, "missed_because"),
        not_recovered=found.because(ledger, "not_recovered_because"),
        made=found.made(ledger),
        doubts=found.doubts(ledger),
        figures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        nothing=reasons,
        least=summary.unavoidable_miss,
        latencies=words.LATENCIES,
        account=words.added_up(summary),
        counters=COUNTERS,
        p95_needs=samples_needed("p95"),
        limits=LIMITS,
        sample=next(iter(summary.samples.values()), None) or next(iter(ledger.deliveries["mid"]), "MID"),
        folder=ledger.run.path,
    )


def _played(info: Mapping[str, Any]) -> str:
    """Which server, when, with which seed."""
    clocks, target = info.get("clocks") or [], (info.get("target") or {}).get("name")
    began = f"{datetime.fromisoformat(clocks[0]['utc']):%Y-%m-%d %H:%M} UTC" if clocks else None
    parts = (
        f"against {target}" if target else None,
        began,
        f"seed {info['seed']}" if "seed" in info else None,
        f"run {info['run']}",
    )
    return ", ".join(part for part in parts if part)


def _made_with(info: Mapping[str, Any]) -> str:
    """The machine and the versions, for whoever wants to see it again."""
    machine, commit = info.get("machine") or {}, info.get("git_commit")
    parts = [machine.get("system"), f"{machine['cores']} cores" if "cores" in machine else None]
    parts += [f"{name} {version}" for name, version in (info.get("versions") or {}).items() if version]
    return ", ".join(part for part in (*parts, f"commit {commit[:12]}" if commit else None) if part)
