"""The terminal's report: all figures, 80 columns, no colour needed, and 0 is not the same as not measured."""

import pytest
from rich.console import Console

from reports.terminal import print_report
from reports.verdict import judge
from tests.small_ledger import SmallLedger, event, lost, message


def printed(ledger: SmallLedger, width: int = 80, colour: bool = False) -> str:
    console = Console(width=width, force_terminal=colour, color_system="standard" if colour else None)
    with console.capture() as capture:
        print_report(ledger, judge(ledger.summary, {"latency_ms.p95": {"max": 500}}), console)
    return capture.get()


def lossy() -> SmallLedger:
    rows = [lost(f"{n}.a.0") if n < 6 else message(f"{n}.a.0") for n in range(60)]
    rows += [message(f"{n}.a.1", "recovered", missed_because="offline", latency_ms=900.0) for n in range(60, 64)]
    return SmallLedger(rows, planned={"widgets": 64, "agents": 2, "messages": 64})


def test_the_report_says_what_happened_how_much_why_and_how_far_to_trust_it() -> None:
    text = " ".join(printed(lossy()).split())
    for said in (
        "64 widgets, 2 agents, 64 messages owed: 10 missed live, 6 lost for good.",
        "FAIL permanent_loss: 9.4 %, 6 of 64 messages",
        "latency_ms.p95: not known: it takes 200 samples, there are 64.",
        "missed as emitted 15.6 %",
        "6 early_message It was emitted before the recipient had asked to join the session's room. Cure:",
        "e.g. cafe0001:0.a.0",
        "4 offline",
        "6 not_offered",
        "duplicates 0 reorders 0 leaks 0 phantoms 0",
        "Load generator: valid",
        "loop lag p99 1 ms 20 ms",
        "One message in full: entrega trace cafe0001:0.a.0 runs/written",
    ):
        assert said in text


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for ledger in (lossy(), SmallLedger([]), SmallLedger([message("0.a.0")], counters={"leaks": None})):
        assert max(map(len, printed(ledger, width).splitlines())) <= width


def test_zero_and_not_measured_print_differently() -> None:
    nothing = {"duplicates": None, "false_connected_s": None}
    text = " ".join(printed(SmallLedger([message("0.a.0")], [event(1, "sentinel")], nothing)).split())
    assert "duplicates not measured reorders 0" in text
    assert "indicator falsely said connected: not measured" in text
    assert "CPU a load process wanted not measured" in text
    assert "missed as emitted 0 % below 95 % 0 of 1 1" in text


def test_a_run_without_messages_is_said_to_be_one() -> None:
    text = printed(SmallLedger([]))
    assert "0 messages owed: nothing to show." in text
    assert "Nothing was sent, so nothing was tested; `entrega probe` shows" in text


def test_colour_adds_nothing_that_the_words_do_not_say() -> None:
    assert "FAIL" in printed(lossy())
    assert "\x1b[" in printed(lossy(), colour=True)
    assert "\x1b[" not in printed(lossy())


def test_markup_in_names_is_printed_as_it_is() -> None:
    odd = SmallLedger([message("0.a.0")], scenario={"name": "[red]odd[/red]", "goals": {}})
    assert "[red]odd[/red], run cafe0001" in printed(odd)
