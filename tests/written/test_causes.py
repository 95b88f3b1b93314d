"""Every cause, with the server's journal and without: a story in words and what the ledger must say of it."""

import pytest

from tests.written.history import Story
from tests.written.reading import READINGS, differences, told

# -- nothing is missing


def steady(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.widget_sends("w.0", 6)
    s.agent_sends("a.1", 7, shown=3)
    s.expect("a.0", "live")
    s.expect("w.0", "live")
    s.expect("a.1", "late")


# -- R: not in the room


def early_message(s: Story) -> None:
    """Before it connects, while it connects, and connected without a join sent."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.agent_sends("a.1", 3.0, published=0.02)
    s.connects("w", 3.0)
    s.agent_sends("a.2", 4)
    s.joins("w", 5, offers=["a.0", "a.1", "a.2"])
    s.agent_sends("a.3", 6)
    for key in ("a.0", "a.1", "a.2"):
        s.expect(key, "recovered", "early_message")
    s.expect("a.3", "live")


def early_message_without_history(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(5)
    s.expect("a.0", "lost", "early_message", "not_offered")


def early_message_to_an_agent_who_has_not_joined(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(3, joins=False)
    s.widget_sends("w.0", 4)
    s.joins("a", 5, offers=["w.0"])
    s.expect("w.0", "recovered", "early_message")


def join_race(s: Story) -> None:
    """The first join is on its way, for long; the room is entered late."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 3.5)
    s.joins("w", 3, entered=1.0, acked=1.1, offers=["a.0"])
    s.expect("a.0", "recovered", "join_race")


def a_later_slow_join_is_offline(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.agent_sends("a.0", 7.5)
    s.joins("w", 7, entered=1.0, acked=1.1, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def a_first_join_that_times_out_once_is_slow(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 4)
    s.agent_sends("a.1", 6.5)
    s.joins("w", 3, entered=None, failed=(3, "timeout"))
    s.joins("w", 6.1, entered=1, acked=1.1, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "join_race")
    s.expect("a.1", "recovered", "join_race")


def a_first_join_that_is_reset_is_a_gap_from_then_on(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 3.2)
    s.joins("w", 3, entered=None, acked=None)
    s.drops("w", 3.5)
    s.agent_sends("a.1", 4)
    s.connects("w", 5)
    s.agent_sends("a.2", 5.5)
    s.joins("w", 6, offers=["a.0", "a.1", "a.2"], entered=1, acked=1.1)
    s.agent_sends("a.3", 6.5, reaches=False, published=0.006)
    s.expect("a.0", "recovered", "join_race")
    s.expect("a.1", "recovered", "offline")
    s.expect("a.2", "recovered", "offline")


def not_rejoined(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.connects("w", 6)
    s.agent_sends("a.1", 8)
    s.agent_sends("a.2", 12)
    s.expect("a.0", "lost", "offline", "never_back")
    s.expect("a.1", "lost", "not_rejoined", "never_back")
    s.expect("a.2", "lost", "not_rejoined", "never_back")


def not_rejoined_on_a_connection_that_ended(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.agent_sends("a.0", 8)
    s.drops("w", 9)
    s.widget_comes(10, offers=["a.0"])
    s.expect("a.0", "recovered", "not_rejoined")


def a_rejoin_within_the_horizon_is_only_a_gap(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.agent_sends("a.0", 8)
    s.joins("w", 15, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def a_rejoin_beyond_the_horizon_is_none(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.agent_sends("a.0", 8)
    s.joins("w", 40, offers=["a.0"])
    s.expect("a.0", "lost", "not_rejoined", "never_back")


def a_join_acked_but_not_entered(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.joins("w", 6.5, entered=None)
    s.agent_sends("a.0", 8)
    s.expect("a.0", "lost", ("not_rejoined", "subscribed_nowhere"), "never_back")


def room_mismatch(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, room=s.session)
    s.widget_sends("w.0", 6, room=s.session)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")
    s.expect("w.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def event_mismatch(s: Story) -> None:
    """An error ack at once, on every connection; before the join was sent it is only early."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 1.5)
    s.connects("w", 2)
    s.joins("w", 2.1, entered=None, failed=(0.02, "There is no event 'join'"))
    s.journal(2.11, "unknown_event", sid=s.sid("w"), event="join")
    s.agent_sends("a.1", 5)
    s.drops("w", 6)
    s.agent_sends("a.2", 6.5)
    s.connects("w", 7)
    s.joins("w", 7.1, entered=None, failed=(0.02, "There is no event 'join'"))
    s.agent_sends("a.3", 8)
    s.expect("a.0", "lost", "early_message", "never_back")
    s.expect("a.1", "lost", "event_mismatch", "never_back")
    s.expect("a.2", "lost", "offline", "never_back")
    s.expect("a.3", "lost", "event_mismatch", "never_back")


def event_mismatch_by_two_timeouts(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 4)
    s.joins("w", 2.1, entered=None, failed=(3, "timeout"))
    s.joins("w", 5.2, entered=None, failed=(3, "timeout"))
    s.agent_sends("a.1", 9)
    s.expect("a.0", "lost", "event_mismatch", "never_back")
    s.expect("a.1", "lost", "event_mismatch", "never_back")


def event_mismatch_by_the_journal(s: Story) -> None:
    """One time-out only, but the journal says that nobody knows the event."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.journal(2.11, "unknown_event", sid=s.sid("w"), event="join")
    s.agent_sends("a.0", 4)
    s.joins("w", 2.1, entered=None, failed=(3, "timeout"))
    s.expect("a.0", "lost", ("event_mismatch", "join_race"), "never_back")


def slow_joins_that_succeed_in_the_end(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 4)
    s.joins("w", 2.1, entered=None, failed=(3, "timeout"))
    s.joins("w", 5.2, entered=None, failed=(3, "timeout"))
    s.joins("w", 8.3, offers=["a.0"])
    s.expect("a.0", "recovered", "join_race")


def event_that_nobody_listens_to(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, why="no-listener")
    s.expect("a.0", "lost", "event_mismatch", "never_back")


# -- C: cannot connect


def origin_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 1.5)
    for at in (2, 4, 8):
        s.cannot_connect("w", at, "https://shop.example is not an accepted origin", 400)
    s.agent_sends("a.1", 5)
    s.agent_sends("a.2", 20)
    s.expect("a.0", "lost", "early_message", "never_back")
    s.expect("a.1", "lost", "origin_refused", "never_back")
    s.expect("a.2", "lost", "origin_refused", "never_back")


def handshake_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    for at in (2, 4, 8):
        s.cannot_connect("w", at, "HTTP 403", 403)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", "handshake_refused", "never_back")


def origin_refused_by_the_journal(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "HTTP 403", 403)
    s.journal(2.03, "origin_refused", origin="https://shop.example")
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("origin_refused", "handshake_refused"), "never_back")


# -- G: the connection is down


def offline(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.agent_sends("a.0", 4)
    s.drops("w", 5)
    s.agent_sends("a.1", 5.5)
    s.cannot_connect("w", 6, "Network is unreachable")
    s.agent_sends("a.2", 6.5)
    s.widget_comes(7, after=1, offers=["a.1", "a.2"])
    s.agent_sends("a.3", 9)
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "offline")
    s.expect("a.2", "recovered", "offline")
    s.expect("a.3", "live")


def in_flight(s: Story) -> None:
    """Written to a connection that ended before any later frame of it arrived; the commonest healthy case."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.agent_sends("a.0", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.5)
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def lost_on_a_connection_that_went_on(s: Story) -> None:
    """A later frame came on the same connection, so that it was not in flight: nothing explains it."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.agent_sends("a.0", 4, reaches=False)
    s.agent_sends("a.1", 6)
    s.drops("w", 7, last_frame=6.5)
    s.widget_comes(8, offers=["a.0"])
    s.expect("a.0", "recovered", ("unexplained", "subscribed_nowhere"))


def offline_before_any_join(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.drops("w", 3)
    s.agent_sends("a.0", 4)
    s.connects("w", 5)
    s.agent_sends("a.1", 6)
    s.joins("w", 7, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", "early_message")


# -- S and W: it was there


def not_published(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")


def not_published_before_the_join(s: Story) -> None:
    """The first missing stage wins; without a journal it is the join that is missing."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2, published=None)
    s.widget_comes(5, offers=["a.0"])
    s.expect("a.0", "recovered", ("not_published", "early_message"))


def malformed(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, why="shape")
    s.agent_sends("a.1", 6, why="session")
    s.expect("a.0", "lost", "malformed", "never_back")
    s.expect("a.1", "lost", "malformed", "never_back")


def malformed_without_a_mid(s: Story) -> None:
    """The frame is known by the server's id only; it is shown when the join hands it over in the right form."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, reaches=False)
    about = {"conn": 1, "id": s.id("a.0")}
    s.saw("w", 5.02, "received", via="live", event="new-message", **about)
    s.saw("w", 5.02, "not_displayed", why="shape", **about)
    s.drops("w", 7)
    s.widget_comes(8, offers=["a.0"])
    s.expect("a.0", "recovered", "malformed")


def wiped(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.saw("w", 6, "removed", mid=s.mid("a.0"), conn=1)
    s.agent_sends("a.1", 7)
    s.saw("w", 8, "removed", mid=s.mid("a.1"), conn=1)
    s.saw("w", 8.1, "displayed", mid=s.mid("a.1"), conn=1, via="history")
    s.expect("a.0", "lost", "unexplained", "wiped")
    s.expect("a.1", "live")


STORIES = tuple(value for name, value in list(globals().items()) if getattr(value, "__annotations__", {}).get("s"))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return told(STORIES, tmp_path_factory.mktemp("causes") / "run")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", [tell.__name__ for tell in STORIES])
def test_cause(both, name, reading):
    stories, ledgers = both
    assert not differences(stories[name], ledgers[reading])
