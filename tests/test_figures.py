"""Figures are tested on the data of their artists, and leave no state behind."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from reports import figures
from reports.figures.canvas import LIVE, LOST, PALER
from tests.small_ledger import T0_NS, SmallLedger, event, healthy_rig, lost, message

DRAWN = (figures.latency_over_time, figures.loss_by_join_offset, figures.causes)


def mixed(**info: Any) -> SmallLedger:
    """Four that joined 0.5 s before the message and saw it, three that joined 0.3 s after it, one that never did."""
    late = [lost("4.a.1", join_offset_ms=310.0), lost("5.a.2", join_offset_ms=330.0)]
    recovered = message("6.a.3", "recovered", missed_because="join_race", latency_ms=320.0, join_offset_ms=320.0)
    never = lost("7.a.4", "origin_refused", join_offset_ms=None)
    return SmallLedger([*(message(f"{n}.a.{n}") for n in range(4)), *late, recovered, never], **info)


def window(name: str, party: str | None, start_s: float, end_s: float) -> dict[str, Any]:
    at = {"start_ns": T0_NS + round(start_s * 1e9), "end_ns": T0_NS + round(end_s * 1e9)}
    return {"name": name, "party": party, **at}


def texts(figure: Figure) -> str:
    (axes,) = figure.axes
    return "\n".join([axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)])


def names(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_latency_stands_at_the_due_and_the_lost_are_marked_apart() -> None:
    figure = figures.latency_over_time(mixed())
    (axes,) = figure.axes
    dots = {each.get_label(): each.get_offsets() for each in axes.collections if str(each.get_label()).endswith(")")}
    assert {name: len(at) for name, at in dots.items()} == {"live (4)": 4, "recovered (1)": 1, "lost (3)": 3}
    assert dots["live (4)"].tolist() == [[0.0, 20.0], [1.0, 20.0], [2.0, 20.0], [3.0, 20.0]]
    assert dots["recovered (1)"].tolist() == [[3.0, 320.0]]
    assert sorted(dots["lost (3)"][:, 0].tolist()) == [1.0, 2.0, 4.0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("due, s from the run's start", "due to display, ms")
    assert "late after 2 s" in names(figure)
    assert "How long it took to show 5 messages; 3 lost" in texts(figure)


def test_of_very_many_messages_some_are_drawn_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.figures.latency.DOTS", 2)
    figure = figures.latency_over_time(mixed())
    assert {"live (4, 2 drawn)", "recovered (1)", "lost (3)"} <= set(names(figure))
    assert "; 3 lost" in texts(figure)


def test_the_median_is_the_one_of_the_summary_or_is_never_reached() -> None:
    rows = [message(f"{n}.a.{n % 20}", latency_ms=20.0 if n % 20 < 5 else 90.0) for n in range(40)]
    calm = SmallLedger([*rows, *(message(f"{n}.a.{n % 5}") for n in range(40, 60))], healthy_rig())
    late = SmallLedger(rows, [*healthy_rig(), *(event(at_s, "rig", lag_ms=400.0) for at_s in (6, 11, 16))])
    assert "Half of the messages were shown within 20 ms" in texts(figures.latency_over_time(calm))
    assert "How long it took to show 10 messages; 0 lost" in texts(figures.latency_over_time(late))
    none = SmallLedger([lost(f"{n}.a.0") for n in range(30)])
    assert "Fewer than half of the messages were shown: 30 of 30" in texts(figures.latency_over_time(none))


def test_each_fault_has_a_lane_those_of_all_are_shaded_and_void_windows_hatched() -> None:
    windows = [window("drop", "widget-0", 1, 2), window("drop", "widget-1", 1.5, 3), window("kill-server", None, 8, 9)]
    stalled = [*healthy_rig(), event(12, "rig", lag_ms=400.0)]
    rows = [message(f"{n}.a.{n}") for n in range(12)]
    figure = figures.latency_over_time(SmallLedger(rows, stalled, fault_windows=windows))
    axes, lanes = figure.axes
    spans = {(patch.get_x(), patch.get_x() + patch.get_width()): patch.get_hatch() for patch in axes.patches}
    assert spans == {(8.0, 9.0): None, (10.0, 15.0): "..."}
    assert [label.get_text() for label in lanes.get_yticklabels()] == ["drop", "kill-server"]
    assert [[*each.get_paths()[0].get_extents().intervalx] for each in lanes.collections] == [[1, 3], [8, 9]]
    assert "not counted: the load generator was disturbed" in names(figure)


def test_the_names_of_many_faults_do_not_lie_on_each_other() -> None:
    """A bad day has fourteen, most of them on at once."""
    windows = [window(f"fault-{n}", f"widget-{n}", 1 + n / 10, 9) for n in range(14)]
    figure = figures.latency_over_time(SmallLedger([message(f"{n}.a.{n}") for n in range(12)], fault_windows=windows))
    figures.drawn(figure, "png")
    labels = [label for axes in figure.axes for label in (*axes.get_yticklabels(), *axes.texts)]
    boxes = [label.get_window_extent() for label in labels if label.get_text().startswith("fault-")]
    assert len(boxes) == 14
    assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])


def test_loss_by_join_offset_has_a_bar_per_bin_with_its_n_and_its_interval() -> None:
    figure = figures.loss_by_join_offset(mixed())
    (axes,) = figure.axes
    heights = {
        (name, round(bar.get_x() + bar.get_width() / 2, 3)): round(bar.get_height(), 3)
        for container in axes.containers
        for name in [container.get_label()]
        for bar in container
        if bar.get_height()
    }
    assert heights == {("lost", 0.35): 0.667, ("recovered", 0.35): 0.333, ("lost", 1.4): 1.0}
    assert "Sent before the recipient's join: 4 of 4 missed; after it: 0 of 4" in texts(figure)
    assert sorted(texts(figure).splitlines()[-3:]) == ["1", "3", "4"]
    assert "never\njoined" in [label.get_text().strip() for label in axes.get_xticklabels()]
    assert axes.get_xlabel().startswith("join ack minus emit, s")
    assert names(figure) == ["95 % interval", "lost", "recovered"]


def test_causes_are_sorted_split_and_labelled_with_n() -> None:
    figure = figures.causes(mixed())
    (axes,) = figure.axes
    lengths = {each.get_label(): [bar.get_width() for bar in each] for each in axes.containers}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["join_race", "origin_refused", "early_message"]
    assert lengths == {"lost": [0, 1, 2], "recovered": [1, 0, 0]}
    assert "Missed most often because of early_message: 2 of 4" in texts(figure)
    assert "4 of 8 messages missed, 3 of them lost for good" in texts(figure)
    assert axes.get_xlabel() == "messages"


@pytest.mark.parametrize("draw", DRAWN)
def test_a_figure_of_nothing_says_so(draw: Callable[[Any], Figure]) -> None:
    assert texts(draw(SmallLedger([]))).strip() == "No message was owed to anybody."


def test_no_misses_is_said_too() -> None:
    figure = figures.causes(SmallLedger([message(f"{n}.a.0") for n in range(9)]))
    assert texts(figure).strip() == figure.reason == "None of 9 messages was missed."


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [message("0.a.0"), message("1.a.0", "recovered", missed_because="offline")],
            "None of 2 messages was emitted before its recipient had joined for the first time.",
        ),
        (
            [message("0.a.0", join_offset_ms=90.0), message("1.a.0")],
            "1 of 2 messages was emitted before the recipient had joined for the first time, and none of these was "
            "missed.",
        ),
    ],
)
def test_where_nobody_joined_too_late_no_empty_bars_are_drawn(rows: list[dict[str, Any]], reason: str) -> None:
    figure = figures.loss_by_join_offset(SmallLedger(rows))
    assert figure.reason == reason
    assert " ".join(texts(figure).split()) == reason


def test_lost_and_recovered_differ_in_grey() -> None:
    def light(colour: str) -> float:
        red, green, blue = (int(to_hex(colour)[n : n + 2], 16) for n in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert light(LOST) + 60 < light(LIVE) < light(PALER) - 60


@pytest.mark.parametrize("draw", DRAWN)
def test_the_same_ledger_gives_the_same_picture(draw: Callable[[Any], Figure]) -> None:
    first, second = (figures.drawn(draw(mixed()), "svg") for _ in range(2))
    assert first == second
    assert b"<svg" in first
    assert b'href="http' not in first


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    assert figures.causes(mixed())._repr_png_().startswith(b"\x89PNG")
    found = subprocess.run(
        [sys.executable, "-c", "import reports.figures, sys; print('matplotlib.pyplot' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "False"
