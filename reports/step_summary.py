"""A verdict in Markdown, for the page that GitHub shows of a step (and whatever else shows Markdown)."""

import html
from collections.abc import Iterator, Sequence

from reports.check import Checked, figures


def step_summary(checked: Sequence[Checked]) -> str:
    """A table with a row for each scenario, then the reasons, the causes and one message of each to look at."""
    return "\n".join(_lines(checked)) + "\n"


def _lines(checked: Sequence[Checked]) -> Iterator[str]:
    yield "## entrega"
    yield ""
    yield "| scenario | verdict | owed | missed live | lost | p95 to display |"
    yield "|---|---|---:|---:|---:|---:|"
    for each in checked:
        yield f"| {_plain(each.scenario)} | **{each.verdict.verdict.upper()}** | {' | '.join(figures(each))} |"
    for each in checked:
        yield ""
        yield f"### {_plain(each.scenario)}: {each.verdict.verdict}"
        yield ""
        yield from (f"- {_plain(reason)}" for reason in each.verdict.reasons)
        yield from _causes(each)
    yield ""


def _causes(checked: Checked) -> Iterator[str]:
    if checked.causes:
        yield ""
        yield "| missed | because | | cure | look at one |"
        yield "|---:|---|---|---|---|"
    for cause in checked.causes:
        about = f"{cause.by.name} | {_plain(cause.by.sentence)} | {_plain(cause.by.cure)}"
        yield f"| {cause.n:,} | {about} | `entrega trace {cause.sample} {checked.run}` |"


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is, in one line."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"&#{ord(each)};" if each in "|`*[]" else each for each in escaped)
