"""Timeline, absences and the race on written histories: what the artists hold is what was told.

Session 0 misses a message while it is dropped and gets it with the next join; another is never published, and one of
the widget's gets no answer. Session 1 never comes back. Session 2's link is half-open for too short to end it, and
session 3's widget leaves while it is dropped: neither was taken away from anything.
"""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

import entrega
from reports import figures
from reports.absences import absences, due_per_s
from reports.figures import drawn
from reports.ledger import Ledger, build_ledger
from reports.race import Window, race, window
from reports.trace import TraceError
from tests.small_ledger import SmallLedger, message
from tests.written.history import Book, Story, ns


def talk(book: Book, fault: str, start: float, end: float) -> Story:
    """A session whose agent has said a.0 to its widget, and a fault's window to come."""
    story = book.story()
    at = {"start_ns": ns(story.start_s + start), "end_ns": ns(story.start_s + end)}
    book.info["fault_windows"].append({"name": fault, "party": story.names["w"], **at})
    story.opens(0)
    story.assumes(1)
    story.widget_comes(2)
    story.agent_sends("a.0", 3)
    return story


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    book = Book()
    back = talk(book, "drop", 5, 7.5)
    back.drops("w", 5)
    back.agent_sends("a.1", 6)
    back.widget_comes(9, offers=["a.1"])
    back.agent_sends("a.2", 10, published=None)
    back.widget_sends("w.0", 11, stored=False, published=None, answer="unanswered")
    never = talk(book, "drop", 5, 6)
    never.drops("w", 5)
    never.agent_sends("a.1", 5.5)
    outlived = talk(book, "half-open", 5, 6)
    outlived.agent_sends("a.1", 7)
    gone = talk(book, "drop", 5, 8)
    gone.drops("w", 5)
    gone.closes("w", 6)
    return build_ledger(book.write(tmp_path_factory.mktemp("told") / "run"))


def names(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_timeline_has_an_arrow_for_each_message_and_a_cross_where_one_ends(ledger: Ledger) -> None:
    figure = figures.session_timeline(ledger, "0.a.1")
    (axes,) = figure.axes
    legs = [line.get_segments() for line in axes.collections if isinstance(line, LineCollection)]
    ways = [[np.round(segment, 3).tolist() for segment in leg] for leg in legs if len(leg)]
    assert ways == [  # live, recovered, lost: to the server and on; the last one never got there
        [[[3.0, 0.09], [3.006, 0.91]]], [[[3.006, 1.09], [3.02, 1.91]]],
        [[[6.0, 0.09], [6.006, 0.91]]], [[[6.006, 1.09], [9.151, 1.91]]],
        [[[10.0, 0.09], [10.03, 0.91]]], [[[10.03, 1.09], [10.03, 1.5]]],
        [[[11.0, 1.91], [11.0, 1.5]]],
    ]  # fmt: skip
    marks = {mark.get_label(): mark.get_offsets().tolist() for mark in axes.collections
             if isinstance(mark, PathCollection)}  # fmt: skip
    assert list(marks) == ["live (1)", "recovered (1)", "lost (1)", "not accepted (1)"]
    assert marks["lost (1)"] == [[pytest.approx(10.03), 1.5]]
    assert {"away", "connected, not joined", "joined; the server: up"} < set(names(figure))
    assert axes.get_title(loc="left").strip() == "widget-0 and agent-0: 2 of 4 messages missed, 1 of them lost for good"
    assert axes.texts[0].get_text() == "offline: a.1   not_published: a.2"
    assert axes.get_xlabel() == "s from the session's opening"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["widget-0", "server", "agent-0"]


def test_a_timeline_bands_say_when_the_widget_was_joined(ledger: Ledger) -> None:
    (axes,) = figures.session_timeline(ledger, "0.a.0").axes
    joined = [band for band in axes.collections if str(band.get_label()).startswith("joined")]
    widget = sorted((box.x0, box.x1) for band in joined for box in (path.get_extents() for path in band.get_paths())
                    if box.y0 > 1.5)  # fmt: skip
    assert np.round(widget, 2).tolist() == [[2.15, 5.0], [9.15, 12.0]]


def test_a_timeline_of_what_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(TraceError, match=r"no message '0\.a\.9'.*; near it are"):
        figures.session_timeline(ledger, "0.a.9")


def test_absences_are_those_that_a_fault_made(ledger: Ledger) -> None:
    found = absences(ledger)
    rows = [
        (row.fault, row.party, round(row.away_s, 3), None if row.back_s is None else round(row.back_s, 3), row.missed,
         row.lost)
        for row in found.astype(object).where(found.notna(), None).itertuples()
    ]  # fmt: skip
    assert rows == [("drop", "widget-0", 2.5, 1.65, 1, 0), ("drop", "widget-1", 1.0, None, 1, 1)]
    assert due_per_s(ledger, found["party"]) == pytest.approx((2 + 1) / (7 + 2.5))


def test_missed_by_time_away_stands_on_the_absences(ledger: Ledger) -> None:
    figure = figures.missed_by_time_away(ledger)
    (axes,) = figure.axes
    bars = {(bars.get_label(), round(bar.get_x() + bar.get_width() / 2, 2)): bar.get_height()
            for bars in axes.containers for bar in bars if bar.get_height()}  # fmt: skip
    assert bars == {("lost", 1.25): 1.0, ("recovered", 2.75): 1.0}
    assert axes.get_title(loc="left").strip() == "2 absences: 2 messages missed, 1 of them lost for good"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("how long the fault lasted, s", "messages missed in an absence")
    assert "time away x 0.32 messages a second" in names(figure)


def test_time_to_rejoin_keeps_those_who_never_came_back(ledger: Ledger) -> None:
    figure = figures.time_to_rejoin({"told": ledger})
    (axes,) = figure.axes
    (curve,) = axes.lines
    assert np.round(curve.get_xydata(), 2).tolist() == [[0, 0], [1.65, 0.5], [1.73, 0.5]]
    assert names(figure) == ["told: back after 1 of 2 absences"]
    assert axes.get_xlabel() == "from the end of the fault to the join's ack, s"


def test_half_are_back_within_a_time_that_has_an_interval(tmp_path: Path) -> None:
    book = Book()
    for n in range(9):
        story = talk(book, "drop", 5, 6)
        story.drops("w", 5)
        story.widget_comes(7 + 0.1 * n)
    figure = figures.time_to_rejoin({"nine": build_ledger(book.write(tmp_path / "run"))})
    (axes,) = figure.axes
    assert names(figure) == ["nine: back after 9 of 9 absences, half of them within 1.6 s (1.2 to 1.9 at 95 %)"]
    (median,) = (bar for bar in axes.collections if isinstance(bar, LineCollection))
    assert np.round(median.get_segments()[0][:, 0], 2).tolist() == [1.25, 1.85]  # the 2nd and the 8th of nine


def test_who_never_comes_back_is_drawn_as_nobody(tmp_path: Path) -> None:
    book = Book()
    talk(book, "drop", 5, 6).drops("w", 5)
    figure = figures.time_to_rejoin({"gone": build_ledger(book.write(tmp_path / "run"))})
    assert figure.axes[0].get_title(loc="left").strip() == "Nobody came back"
    assert names(figure) == ["gone: back after 0 of 1 absence"]


def test_a_session_in_which_nothing_was_sent_has_no_timeline() -> None:
    figure = figures.session_timeline(SmallLedger([message("0.a.0", None, sent_ns=None)]), "0.a.0")
    assert [text.get_text() for text in figure.axes[0].texts] == ["Nothing was sent in this session."]


def test_nobody_was_away() -> None:
    nothing = SmallLedger([])
    for figure in (figures.missed_by_time_away(nothing), figures.time_to_rejoin({"none": nothing})):
        assert [text.get_text() for text in figure.axes[0].texts] == [
            "No party lost its connection to a planned fault."
        ]


def test_runs_stand_side_by_side(ledger: Ledger) -> None:
    ((path, scenario, seed, owed, recovered, lost, *_),) = entrega.runs(ledger.run.path.parent).to_numpy()
    assert (path, scenario, seed, owed, recovered, lost) == (str(ledger.run.path), "written", 7, 8, 1, 2)
    named = entrega.side_by_side({"told": ledger, "again": ledger})
    assert named.index.tolist() == ["told", "again"]
    assert named["permanent_loss"].tolist() == [2 / 8] * 2
    assert "verdict" in named


LEADS_MS = (-200, 40, 90, 150, 260)  # of widgets whose join takes effect 120 ms after they began to connect


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    book = Book(scenario={"name": "written", "connect_after_s": 2.95, "agent_first_s": 2.0})
    for lead_ms in LEADS_MS:
        story = book.story()
        story.opens(0)
        story.assumes(1)
        comes_s = 3.006 - lead_ms / 1e3
        if lead_ms > 120:
            story.widget_comes(comes_s)
            story.agent_sends("a.0", 3)
        else:
            story.agent_sends("a.0", 3)
            story.widget_comes(comes_s, offers=["a.0"])
    return build_ledger(book.write(tmp_path_factory.mktemp("raced") / "run"))


def test_the_race_is_measured_from_leads_and_outcomes(raced: Ledger) -> None:
    found = race(raced, join_delay_ms=100)
    assert found.first["lead_ms"].round().tolist() == list(LEADS_MS)
    assert found.first["missed"].tolist() == [True, True, True, False, False]
    assert (found.missed.k, found.missed.n, found.planned) == (3, 5, 5)  # the plan's leads are 50 ms, all of them
    assert found.window is not None
    assert found.window.ms == pytest.approx(120)
    assert found.window.low_ms <= 90 < 150 <= found.window.high_ms


def test_the_race_figure_has_a_lane_a_run_with_window_and_closed_form(raced: Ledger) -> None:
    figure = figures.race_window({100: raced, 0: raced})
    (axes,) = figure.axes
    marks = [(dots.get_label(), np.round(dots.get_offsets(), 2).tolist()) for dots in axes.collections
             if isinstance(dots, PathCollection)]  # fmt: skip
    assert marks[0] == ("missed", [[-200, -0.12], [40, -0.12], [90, -0.12]])
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "join delayed\nby 100 ms",
        "join delayed\nby 0 ms",
    ]
    assert [line.get_xydata()[0].round(2).tolist() for line in axes.lines] == [[120.0, 0.1], [120.0, 1.1]]
    assert "missed 3 of 5" in axes.texts[1].get_text()
    assert "by the plan 5" in axes.texts[1].get_text()
    assert {"missed", "shown at once", "race window, 95 % interval", "closed form: that delay"} == set(names(figure))
    assert drawn(figure, "svg").startswith(b"<?xml")


def test_no_window_where_all_or_none_were_missed() -> None:
    leads = np.array([1.0, 2.0, 3.0])
    assert window(leads, np.zeros(3)) is None
    assert window(leads, np.ones(3)) is None
    assert figures.race_window({0: SmallLedger([])}).axes[0].texts[0].get_text().startswith("No run has both")


@pytest.mark.parametrize("spread_ms", [8.0, 60.0])
def test_the_windows_interval_covers_it(spread_ms: float) -> None:
    dice, held = np.random.default_rng(5), 0
    for _ in range(40):
        leads = np.sort(dice.uniform(-300, 300, 40))
        found = window(leads, (leads < 50 + spread_ms * dice.standard_normal(40)).astype(float))
        assert isinstance(found, Window)
        held += found.low_ms <= 50 <= found.high_ms
    assert held >= 37, f"{held} of 40 intervals held the true window"
