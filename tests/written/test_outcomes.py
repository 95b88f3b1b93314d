"""What is owed and what became of it: every outcome, and every reason not to be judged or not to be recovered."""

import pytest

from tests.written.history import HORIZON_S, Story, ns
from tests.written.reading import READINGS, differences, row, told

# -- outcomes


def late_just_within_and_beyond(s: Story) -> None:
    """From due, not from when it was sent."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, due=4.9, shown=1.89)
    s.agent_sends("a.1", 6, due=4, shown=0.02)
    s.expect("a.0", "live")
    s.expect("a.1", "late")


def shown_by_the_join_a_moment_before_the_live_frame(s: Story) -> None:
    """It did arrive as it was emitted; the page had it already."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, acked=0.2, count=1)
    s.agent_sends("a.0", 3.1, reaches=False)
    s.shows("w", "a.0", 3.21, via="join")
    s.shows("w", "a.0", 3.22, why="duplicate")
    s.expect("a.0", "live")


def shown_by_the_join_and_again_by_the_live_frame(s: Story) -> None:
    """The same on a page that shows it twice."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, acked=0.2, count=1)
    s.agent_sends("a.0", 3.1, reaches=False)
    s.shows("w", "a.0", 3.21, via="join")
    s.shows("w", "a.0", 3.22)
    s.expect("a.0", "live")


def replayed(s: Story) -> None:
    """A live frame on a connection that began after the message was accepted brings it back; it is no live one."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.agent_sends("a.1", 5.6)
    s.connects("w", 6)
    s.shows("w", "a.0", 6.1)
    s.joins("w", 6.2, count=0)
    s.shows("w", "a.1", 6.5, via="replay")
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", "offline")


def shown_after_the_horizon(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(40, offers=["a.0"])
    s.expect("a.0", "lost", "early_message", "never_back")


def best_view(s: Story) -> None:
    """One tab shows it live, the other only by its join; and one tab shows what the other never does."""
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3)
    s.saw("w", 3.9, "connected", view=2, conn=2)
    s.shows("w", "a.0", 4, via="join", view=2, conn=2)
    s.agent_sends("a.1", 5)
    s.saw("w", 8, "disconnected", view=2, conn=2)
    s.expect("a.0", "live")
    s.expect("a.1", "live")


# -- what the sender was told


def unanswered_but_seen(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, answer="unanswered", answered=10)
    s.expect("a.0", "live")


def unanswered_but_stored(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, answer="unanswered", answered=5, published=None)
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "never_back")


def unanswered_and_never_seen(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, answer="unanswered", stored=False, published=None)
    s.agent_sends("a.1", 4, answer="refused", stored=False, published=None)
    s.saw("a", 5, "unsent", mid=s.mid("a.2"), due_ns=ns(s.start_s + 5), reason="stopped")
    for key in ("a.0", "a.1", "a.2"):
        s.expect(key, None)


def retried(s: Story) -> None:
    """Attempts of one mid: accepted is better than unanswered, unanswered better than refused."""
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, answer="unanswered", answered=1, stored=False, published=None)
    s.agent_sends("a.0", 4.5, due=3)
    s.agent_sends("a.1", 6, answer="refused", stored=False, published=None)
    s.agent_sends("a.1", 7, answer="unanswered", stored=False, published=None)
    s.agent_sends("a.1", 8, answer="refused", stored=False, published=None)
    s.expect("a.0", "live")
    s.expect("a.1", None)


def accepted_and_never_stored(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, stored=False, published=None)
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "not_stored")


# -- to whom it is owed


def stored_before_the_assume(s: Story) -> None:
    """The agent's read at the assume is as good as live; latency counts from the assume."""
    s.opens(0)
    s.widget_comes(1)
    s.widget_sends("w.0", 2)
    s.widget_sends("w.1", 3)
    s.assumes(30, joins=False)
    s.reads_history("a", 30.5, ["w.0", "w.1"])
    s.joins("a", 31)
    s.expect("w.0", "live")
    s.expect("w.1", "live")


def stored_before_the_assume_and_never_read(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.widget_sends("w.0", 2)
    s.assumes(30)
    s.expect("w.0", "lost", "early_message", "not_offered")


def stored_while_the_agent_assumes(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.widget_sends("w.0", 29.99)
    s.assumes(30, joins=False)
    s.reads_history("a", 30.1, ["w.0"])
    s.expect("w.0", "live")


def never_assumed(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.widget_sends("w.0", 2)
    s.expect("w.0", None)


def stored_after_leaving(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 4)
    s.closes("w", 5)
    s.inside.pop("w")
    s.agent_sends("a.1", 6)
    s.expect("a.0", "live")
    s.expect("a.1", None)


def echo(s: Story) -> None:
    """The sender sees its own message; the other side does not, and it is owed to the other side."""
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3, reaches=False)
    s.shows("a", "a.0", 3.02)
    s.agent_sends("a.1", 4)
    s.expect("a.0", "lost", ("unexplained", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")


# -- not judged


def withdrawn(s: Story) -> None:
    s.opens(0)
    s.widget_comes(1)
    s.assumes(2)
    s.agent_sends("a.0", 3)
    s.drops("w", 4)
    s.agent_sends("a.1", 5)
    s.saw("w", 10, "withdrawn", reason="stopped")
    s.expect("a.0", "live")
    s.expect("a.1", "unjudged")


def left_within_the_allowance(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 3)
    s.closes("w", 10)
    s.agent_sends("a.1", 11)
    s.expect("a.0", "unjudged")
    s.expect("a.1", None)


# -- not recovered


def not_asked(s: Story) -> None:
    """It joins again and asks for nothing, or from too late on."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.agent_sends("a.1", 7)
    s.widget_comes(8, after=None)
    s.drops("w", 9)
    s.widget_comes(10, after=1, offers=["a.1"])
    s.expect("a.0", "lost", "offline", "not_asked")
    s.expect("a.1", "recovered", "offline")


def what_was_asked_for_is_told_with_the_ack_only(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.connects("w", 8)
    s.saw("w", 8.1, "join_sent", room=s.room, conn=2)
    s.saw("w", 8.15, "joined", room=s.room, conn=2, after=0, count=0)
    s.expect("a.0", "lost", "offline", "not_offered")


def window(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.agent_sends("a.1", 9)
    s.widget_comes(10, offers=["a.1"])
    s.expect("a.0", "lost", "offline", "window")
    s.expect("a.1", "recovered", "offline")


def not_offered(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(10)
    s.expect("a.0", "lost", "offline", "not_offered")


def fetched(s: Story) -> None:
    """The widget's own fetch brings it back without a join."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    s.reads_history("w", 8, ["a.0"])
    s.expect("a.0", "recovered", ("not_published", "subscribed_nowhere"))


STORIES = tuple(value for name, value in list(globals().items()) if getattr(value, "__annotations__", {}).get("s"))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return told(STORIES, tmp_path_factory.mktemp("outcomes") / "run")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", [tell.__name__ for tell in STORIES])
def test_outcome(both, name, reading):
    stories, ledgers = both
    assert not differences(stories[name], ledgers[reading])


@pytest.fixture(params=READINGS)
def of(both, request):
    """row(story's name, key) of one reading."""
    stories, ledgers = both
    return lambda name, key: row(ledgers[request.param], f"{stories[name].index}.{key}")


def test_latency_counts_from_due(of):
    assert of("late_just_within_and_beyond", "a.0")["latency_ms"] == pytest.approx(1990.1)
    assert of("late_just_within_and_beyond", "a.1")["live_latency_ms"] == pytest.approx(2020.1)


def test_latency_counts_from_the_assume(of):
    assert of("stored_before_the_assume", "w.0")["latency_ms"] == pytest.approx(501.1)
    assert of("stored_before_the_assume", "w.1")["via"] == "history"


def test_recovered_rows_have_a_latency_but_no_live_one(of):
    found = of("replayed", "a.0")
    assert found["latency_ms"] == pytest.approx(600.1)
    assert found["live_latency_ms"] is None


def test_shown_later(of):
    found = of("shown_after_the_horizon", "a.0")
    assert found["shown_after_s"] == pytest.approx(38.1511)
    assert found["latency_ms"] is None


def test_views(of):
    assert of("best_view", "a.0")["view_misses"] == 0
    assert of("best_view", "a.1")["view_misses"] == 1
    assert of("best_view", "a.0")["copies"] == 1


@pytest.mark.parametrize(
    ("name", "key", "view", "reason"),
    [
        ("unanswered_but_seen", "a.0", "unanswered", "ack_lost"),
        ("unanswered_but_stored", "a.0", "unanswered", "ack_lost"),
        ("unanswered_and_never_seen", "a.0", "unanswered", "uplink_lost"),
        ("unanswered_and_never_seen", "a.1", "refused", "refused"),
        ("unanswered_and_never_seen", "a.2", "unsent", "unsent"),
        ("retried", "a.0", "accepted", None),
        ("retried", "a.1", "unanswered", "uplink_lost"),
        ("never_assumed", "w.0", "accepted", "never_assumed"),
        ("stored_after_leaving", "a.1", "accepted", "left"),
        ("left_within_the_allowance", "a.0", "accepted", "left"),
        ("withdrawn", "a.1", "accepted", "withdrawn"),
    ],
)
def test_reason(of, name, key, view, reason):
    found = of(name, key)
    assert (found["sender_view"], found["reason"]) == (view, reason)


def test_stored(of):
    assert of("unanswered_but_stored", "a.0")["stored"] == "yes"
    assert of("accepted_and_never_stored", "a.0")["stored"] == "no"


def test_attempts_and_due(of):
    found = of("retried", "a.0")
    assert found["attempts"] == 2
    assert found["latency_ms"] == pytest.approx(1520.1)


def test_the_horizon_is_the_books():
    assert HORIZON_S == 20.0
