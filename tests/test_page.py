"""report/: one page that needs nothing else, shows all figures, and escapes what people type."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.baseline import load_summary
from reports.ledger import build_ledger
from reports.page import write_report
from reports.verdict import judge
from tests import chromium
from tests.played import until
from tests.small_ledger import T0_NS, SmallLedger, event, healthy_rig, lost, message
from tests.written.history import Book


class Page(HTMLParser):
    """The text of a page and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert tag not in ("script", "link", "iframe"), f"<{tag}> refers to something outside"

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def page(ledger: SmallLedger) -> Page:
    return Page(write_report(ledger, judge(ledger.summary, {})).read_text())


def lossy(path: Path, **info: object) -> SmallLedger:
    rows = [lost(f"{n}.a.0", join_offset_ms=300.0) if n < 6 else message(f"{n}.a.0") for n in range(60)]
    planned = {"widgets": 60, "agents": 2, "messages": 60}
    return SmallLedger(rows, path=path, **{"planned": planned, **info})


def test_the_page_tells_the_run_from_headline_to_trace(tmp_path: Path) -> None:
    text = page(lossy(tmp_path)).text
    for said in (
        "60 widgets, 2 agents, 60 messages owed: 6 missed live, 6 lost for good",
        "FAIL",
        "permanent_loss: 10 %, 6 of 60 messages",
        "lost for good: never shown in time 10 %",
        "early_message It was emitted before the recipient had asked to join",
        "Cure: Hand over what was missed",
        "not_offered",
        "duplicates 0",
        "The load generator: valid",
        "entrega trace cafe0001:0.a.0",
    ):
        assert said in text


def test_what_rests_on_a_declared_habit_says_so(tmp_path: Path) -> None:
    rows = [lost(f"{n}.a.0", "not_rejoined", not_recovered_because="not_asked") for n in range(3)]
    promises = {"ack": True, "history": True, "order": True}
    for client, said in (
        ({"rejoin": False, "recover": "join"}, {"rejoin = false"}),
        ({"rejoin": False, "recover": "none"}, {"rejoin = false", 'recover = "none"'}),
        ({"rejoin": True, "recover": "fetch"}, set()),
    ):
        ledger = SmallLedger(rows, path=tmp_path, target={"name": "theirs", "promises": promises, "client": client})
        found = re.findall(r"It rests on \[client\] in the target: ([^.]*)\.", page(ledger).text)
        assert set(found) == said


def test_it_needs_nothing_but_itself(tmp_path: Path) -> None:
    found = page(lossy(tmp_path))
    assert len(found.addresses) == 3
    assert all(address.startswith("data:image/svg+xml;base64,") for address in found.addresses)
    assert not re.search(r"url\(|@import", (tmp_path / "report" / "report.html").read_text())


def test_a_figure_with_nothing_in_it_is_left_out_and_a_sentence_says_what_was_looked_for(tmp_path: Path) -> None:
    found = page(SmallLedger([message(f"{n}.a.0") for n in range(60)], path=tmp_path))
    assert len(found.addresses) == 1
    assert "Why messages were missed None of 60 messages was missed." in found.text
    assert "Who joined too late None of 60 messages was emitted before its recipient had joined" in found.text
    assert "To the right of 0" not in found.text
    assert [file.name for file in (tmp_path / "report" / "figures").iterdir()] == ["latency_over_time.svg"]


def test_faults_of_the_plan_are_said_in_words_with_units(tmp_path: Path) -> None:
    def hit(name: str, party: str | None, *times: tuple[float, float]) -> list[dict[str, object]]:
        at = [{"start_ns": T0_NS + round(a * 1e9), "end_ns": T0_NS + round(b * 1e9)} for a, b in times]
        return [{"name": name, "party": party, **each} for each in at]

    drops = hit("drop", "widget-0", (1, 2), (3, 4), (5, 6.5), (7, 8))
    reload = hit("reload", "widget-1", (1, 2)) + hit("reload", "widget-2", (3, 4.5))
    text = page(lossy(tmp_path, fault_windows=[*drops, *reload, *hit("kill-server", None, (8, 9))])).text
    assert "drop , of 1 party, for 4.5 s in all between 1 s and 8 s" in text
    assert "reload , of 2 parties, from 1 s to 2 s and from 3 s to 4.5 s" in text
    assert "kill-server , of everybody, from 8 s to 9 s" in text
    assert "6 of 60 messages, 60 sessions no 95 % interval: a fault hit all sessions at once" in text


@pytest.mark.parametrize(
    ("hit", "of", "said"),
    [(0, 60, "too few to tell"), (60, 200, "never half of them within: 20 ms"), (1, 200, "20 ms")],
)
def test_what_was_never_reached_is_not_called_unknown(tmp_path: Path, hit: int, of: int, said: str) -> None:
    rows = [lost(f"{n}.a.0") if n < hit else message(f"{n}.a.0") for n in range(of)]
    text = page(SmallLedger(rows, path=tmp_path)).text
    assert f"95 % of messages were shown within {said}" in text
    assert "not known" not in text
    assert ("to tell it takes 200 messages" in text) == (of < 200)


def test_what_latency_leaves_out_and_why_a_run_is_valid_all_the_same(tmp_path: Path) -> None:
    rows = [message(f"{n}.a.{n % 20}") for n in range(100)]
    text = page(SmallLedger(rows, [*healthy_rig(), event(6.0, "rig", lag_ms=30.0)], path=tmp_path, warm_up_s=2.0)).text
    for said in (
        "65 of 100 owed messages count here",
        "Of 100 owed messages 35 are left out, because they were due in the first 2 s, were due while the load "
        "generator was disturbed (1 window of 5 s, see below),",
        "The load generator: valid, but for latency in 1 of 4 windows of 5 s",
        "loop lag p99 30 ms 20 ms 1 of 4 it adds itself",
        "The whole run is not valid where a recording is missing or broken off, or where a load process was short",
    ):
        assert said in text


@pytest.mark.parametrize("width", [420, 1280])
def test_no_table_is_wider_than_the_screen(tmp_path: Path, width: int) -> None:
    rows = [message(f"{n}.a.0", latency_ms=n * 900.0) for n in range(300)]
    file = write_report((ledger := SmallLedger(rows, path=tmp_path / "run")), judge(ledger.summary, {}))
    with chromium.page(file.as_uri(), tmp_path / "profile") as shown:
        until(lambda: "Look at one message" in shown.text(), "the page is read")
        assert 300 < shown.rightmost("td, th, p, h1, h2", width) <= width


def test_what_people_type_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    ledger = lossy(tmp_path, scenario={"name": evil, "goals": {evil: {"max": 0}}}, end={"state": evil, "reason": evil})
    html = write_report(ledger, judge(ledger.summary, {})).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_summary_and_figures_are_written_beside_it(tmp_path: Path) -> None:
    ledger = lossy(tmp_path)
    page(ledger)
    assert load_summary(tmp_path) == ledger.summary
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["verdict"] == "fail"
    drawn = sorted(file.name for file in (tmp_path / "report" / "figures").iterdir())
    assert drawn == ["causes.svg", "latency_over_time.svg", "loss_by_join_offset.svg"]


@pytest.mark.parametrize("events", [None, [event(1, "sentinel")]])
def test_a_run_of_nothing_has_a_page_too(tmp_path: Path, events: list[dict[str, object]] | None) -> None:
    text = page(SmallLedger([], events, {"leaks": None}, path=tmp_path)).text
    assert "0 messages owed: nothing to show" in text
    assert "leaks not measured" in text
    assert "UNKNOWN" in text


def test_a_written_run_folder_gets_its_report(tmp_path: Path) -> None:
    book = Book(planned={"widgets": 1, "agents": 1, "messages": 2})
    s = book.story()
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(5)
    s.agent_sends("a.1", 6)
    ledger = build_ledger(book.write(tmp_path / "run"))
    html = Page(write_report(ledger, judge(ledger.summary, {})).read_text())
    assert "1 widget, 1 agent, 2 messages owed: 1 missed live, 1 lost for good" in html.text
    assert (ledger.summary.parties.joined, ledger.summary.time_to_join_ms.n) == (2, 1)
    assert load_summary(tmp_path / "run") == ledger.summary
