"""A trace drawn: the widget's lane, the server's and the agent's side by side, time running down.

Every lane begins with a line that says what its connection was doing: joined, connected or away. Widths are those of
the terminal, and nothing is said by colour alone.
"""

import html
import re
import textwrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from reports.steps import AGENT, AWAY, CONNECTED, JOINED, LANES, SERVER, WIDGET

if TYPE_CHECKING:
    from reports.trace import Step, Trace

LINES = {JOINED: ("┃", "green"), CONNECTED: ("│", "yellow"), AWAY: ("┊", "dim")}
TONES = {"message": "bold", "missing": "bold white on red", "around": "dim", "recovery": "cyan"}
VERDICTS = {"live": "green", "late": "yellow", "recovered": "cyan", "lost": "bold red"}
TIME = 14  # characters of the first column
NARROWEST = 16  # of a lane


def print_trace(found: "Trace", console: Console) -> None:
    """As lanes; times are ms from the due."""
    outcome = found.verdict.partition(":")[0]
    who, where = whom(found)
    console.print(Text(found.mid, style="bold"), Text(who), sep="  ")
    console.print(Text(where))
    console.print(Text(found.verdict, style=VERDICTS.get(outcome, "")), Text(), sep="\n")
    width = max(NARROWEST, (console.width - TIME) // len(LANES))
    names = {**found.lanes, SERVER: "server"}
    head = Text().append("ms from due".rjust(TIME - 2).ljust(TIME), style="dim")
    for lane in LANES:
        head.append(names[lane].ljust(width), style="bold")
    for line in (head, *(line for step in found.steps for line in _lines(step, width))):
        line.rstrip()
        console.print(line)
    key = "   ".join(f"{LINES[state][0]} {state}" for state in (JOINED, CONNECTED, AWAY))
    console.print(Text(f"\n{' ' * TIME}{key}", style="dim"))
    for explanation in found.explanations:
        title, *rest = explanation.split("\n")
        console.print("", Text(title, style="bold" if rest else ""), *map(Text, rest), sep="\n")


def whom(found: "Trace") -> tuple[str, str]:
    """The parties, and where and when: one line in a terminal would be too long."""
    due = f", due {found.due_utc} UTC" if found.due_utc else ""
    return f"{found.sender} to {found.recipient or 'nobody'}", f"session {found.session or 'never opened'}{due}"


def offset(step: "Step") -> str:
    return "" if step.offset_ms is None else f"{step.offset_ms:+,.1f}"


def _lines(step: "Step", width: int) -> list[Text]:
    """As many lines as its words need; the lanes beside it go on."""
    words = textwrap.wrap(_broken(step.what, width - 3), width - 3) or [""]
    lines = []
    for n, said in enumerate(words):
        line = Text().append((offset(step) if n == 0 else "").rjust(TIME - 2).ljust(TIME), style="dim")
        for lane in LANES:
            symbol, colour = LINES[step.states[lane]]
            line.append(symbol, style=colour)
            of_lane = said if lane == step.lane else ""
            line.append(" ").append(of_lane, style=TONES[step.tone])
            line.append(" " * (width - 2 - len(of_lane)))
        lines.append(line)
    return lines


def _broken(what: str, width: int) -> str:
    """A name that is too long for its lane breaks at a colon, dash or slash, so that ids can be compared and copied."""
    part = re.compile(rf"\S{{1,{width - 1}}}[:/-]|\S{{1,{width}}}")
    return " ".join(word if len(word) <= width else " ".join(part.findall(word)) for word in what.split(" "))


LEFT = "text-align: left"  # a notebook's tables are set to the right
BORDERS = {JOINED: "4px solid", CONNECTED: "1px solid", AWAY: "2px dotted"}  # of a lane


def as_html(found: "Trace") -> str:
    """As a notebook shows it: a row for every step, in its lane, whose border is the terminal's line."""
    names = ("ms from due", found.lanes[WIDGET], SERVER, found.lanes[AGENT])
    headings = "".join(f'<th style="{LEFT}">{html.escape(name)}</th>' for name in names)
    key = " ".join(f'<span style="border-left: {look}; margin-left: 1em">&nbsp;{state}</span>'
                   for state, look in BORDERS.items())  # fmt: skip
    return (
        f"<p><b>{html.escape(found.mid)}</b> {html.escape(', '.join(whom(found)))}<br>{html.escape(found.verdict)}</p>"
        f"<table><thead><tr>{headings}</tr></thead><tbody>{''.join(map(_row, found.steps))}</tbody></table><p>{key}</p>"
        + "".join(f"<p>{html.escape(said).replace(chr(10), '<br>')}</p>" for said in found.explanations)
    )


def _row(step: "Step") -> str:
    cells = "".join(
        f'<td style="{LEFT}; border-left: {BORDERS[step.states[lane]]}">'
        f"{html.escape(step.what) if lane == step.lane else ''}</td>"
        for lane in LANES
    )
    style = ' style="background: #7a162622; font-weight: bold"' if step.tone == "missing" else ""
    return f'<tr{style}><td style="{LEFT}">{offset(step)}</td>{cells}</tr>'
