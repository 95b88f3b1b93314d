"""The terminal's report: all figures, 80 columns, no colour needed, and 0 is not the same as not measured."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from reports.page import write_report
from reports.terminal import print_report
from reports.verdict import judge
from tests.small_ledger import T0_NS, SmallLedger, event, healthy_rig, lost, message

CONCEPTS = Path(__file__).resolve().parent.parent / "docs" / "concepts.md"


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
        "missed live 15.6 %",
        "6 early_message It was emitted before the recipient had asked to join the session's room. Cure:",
        "e.g. cafe0001:0.a.0",
        "4 offline",
        "6 not_offered",
        "duplicates 0 reorders 0 leaks 0 phantoms 0",
        "Load generator: valid",
        "loop lag p99 1 ms 20 ms 0",
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
    assert "missed live 0 % below 95 % 0 of 1 1" in text


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


def sums(text: str) -> list[str]:
    """The lines that are sums, each of which must come out."""
    found = re.findall(r"[a-z ]+ [\d,]+ = (?:[a-z ]+ [\d,]+ ?\+? ?)+", text)
    for line in found:
        whole, *parts = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", line))
        assert whole == sum(parts), line
    return [line.strip() for line in found]


def test_every_message_is_accounted_for_line_by_line_the_same_in_terminal_page_and_docs(tmp_path: Path) -> None:
    rows = [message(f"{n}.a.0") for n in range(60)]
    rows += [message("0.a.1", sender_view="unanswered", accepted_ns=None), lost("1.a.1", sender_view="unanswered")]
    rows += [message("2.a.1", None, sender_view="refused"), message("3.a.1", None), message("4.a.1", "unjudged")]
    rows += [message("5.a.1", None, sender_view="unsent", sent_ns=None, accepted_ns=None)]
    ledger = SmallLedger(rows, path=tmp_path)
    wanted = [
        "planned 66 = sent 65 + unsent 1",
        "sent 65 = accepted 62 + refused 1 + unanswered 2",
        "sent 65 = owed 63 + not owed 2",
        "owed 63 = live 61 + late 0 + recovered 0 + lost 1 + unjudged 1",
    ]
    assert sums(printed(ledger)) == wanted
    html = write_report(ledger, judge(ledger.summary, {})).read_text()
    assert sums(re.sub("<[^>]*>", " ", html).replace("  ", " ")) == wanted
    words = re.findall(r"[a-z ]+ = [a-z +]+", CONCEPTS.read_text())
    assert words == [re.sub(r" [\d,]+", "", line) for line in wanted]


def test_a_rate_without_an_interval_says_why() -> None:
    windows = [{"name": "kill-server", "party": None, "start_ns": T0_NS, "end_ns": T0_NS + 10**9}]
    rows = [lost(f"{n}.a.0") if n < 6 else message(f"{n}.a.0") for n in range(60)]
    text = " ".join(printed(SmallLedger(rows, fault_windows=windows)).split())
    assert "lost for good 10 % none 6 of 60 60" in text
    assert "No 95 % interval: a fault hit all sessions at once, so that together they are one case." in text


def test_a_load_generator_past_a_limit_is_valid_but_for_the_latency_of_that_window() -> None:
    disturbed = [*healthy_rig(), event(6.0, "rig", lag_ms=30.0)]
    text = " ".join(printed(SmallLedger([message("0.a.0")], disturbed)).split())
    assert "Load generator: valid, but for latency in 1 of 4 windows of 5 s" in text
    assert "loop lag p99 30 ms 20 ms 1" in text
    starved = " ".join(printed(SmallLedger([message("0.a.0")], healthy_rig(cpu=0.99))).split())
    assert "Load generator: NOT VALID measured" in starved


def test_a_quantile_among_the_lost_is_never_reached_and_one_of_few_samples_is_not_told() -> None:
    lossy = [lost(f"{n}.a.0") if n < 100 else message(f"{n}.a.0") for n in range(300)]
    assert "due to display 20 never - - never 300 100" in " ".join(printed(SmallLedger(lossy)).split())
