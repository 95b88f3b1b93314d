"""G: the connection is down, or only looks up."""

from tests.written.history import Story, ns


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


def asked_for_before_its_sender_was_told(s: Story) -> None:
    """Emitted while the widget was away, which joined before the sender had its answer, and was given nothing."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 4)
    s.agent_sends("a.0", 5, answered=3)
    s.widget_comes(6)
    s.expect("a.0", "lost", "offline", "not_offered")


def half_open(s: Story) -> None:
    """The path dies at 5 s, and the client notices 9 s after the last frame: pingInterval and pingTimeout."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.9)
    s.agent_sends("a.1", 6, reaches=False)
    s.agent_sends("a.2", 12, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.agent_sends("a.3", 14.5)
    s.widget_comes(15, offers=["a.1", "a.2", "a.3"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("half_open", "gone_silent"))
    s.expect("a.2", "recovered", ("half_open", "gone_silent"))
    s.expect("a.3", "recovered", "offline")


def half_open_that_the_server_noticed_first(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.inside.pop("w")
    s.agent_sends("a.1", 12)
    s.drops("w", 14.2, last_frame=5, noticed=-3, reason="transport error")
    s.widget_comes(15, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))
    s.expect("a.1", "recovered", ("half_open", "gone_silent"))


def half_open_before_the_first_join_was_acked(s: Story) -> None:
    """The room was entered, the ack never came through: of the dead path the server knew nothing."""
    s.opens(0)
    s.assumes(2)
    s.connects("w", 4)
    s.joins("w", 5, acked=None)
    s.agent_sends("a.0", 8, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.agent_sends("a.1", 14.5)
    s.widget_comes(15, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", ("half_open", "join_race"))
    s.expect("a.1", "recovered", "offline")


def half_open_before_the_next_join_was_acked(s: Story) -> None:
    """The path dies again as it comes back; its last frame came a moment after the message should have."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 3)
    s.connects("w", 4)
    s.joins("w", 5, acked=None)
    s.agent_sends("a.0", 5.2, reaches=False)
    s.drops("w", 14.4, last_frame=5.4, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "offline"))


def reset_before_the_first_join_was_acked(s: Story) -> None:
    s.opens(0)
    s.assumes(2)
    s.connects("w", 4)
    s.joins("w", 5, acked=None)
    s.agent_sends("a.0", 5.2, reaches=False)
    s.drops("w", 5.25, last_frame=5.2)
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", ("offline", "join_race"))


def half_open_by_a_client_that_has_no_word_for_it(s: Story) -> None:
    """A short silence that a ping time-out ended, since another frame had come after the last ping."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.drops("w", 9, last_frame=4.9, reason="ping timeout")
    s.widget_comes(10, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def a_gap_that_began_half_open_upwards(s: Story) -> None:
    """The server heard nothing more and closed it; everything emitted until then had come."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 10)
    s.drops("w", 14, last_frame=13.5, heard=5)
    s.agent_sends("a.1", 14.5)
    s.widget_comes(15, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "offline")


def silent_for_less_than_a_time_out(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.drops("w", 12.9, last_frame=4.9)
    s.widget_comes(14, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def a_ping_time_out_without_a_silence(s: Story) -> None:
    """Pongs that come late from a slow page, say: frames came until a moment before."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.9, reason="ping timeout")
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def slow_consumer_by_its_queue(s: Story) -> None:
    """The journal saw its queue grow and nothing of it written; pings went on until the connection was reset."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    for n in range(1, 5):
        s.journal(5 + n, "queue", sid=s.sid("w"), depth=5 * n, upgrading=False)
        s.agent_sends(f"a.{n}", 5.5 + n, writes=False)
    s.drops("w", 15, last_frame=14.9)
    s.widget_comes(16, after=1, offers=["a.1", "a.2", "a.3", "a.4"])
    for n in range(1, 5):
        s.expect(f"a.{n}", "recovered", ("slow_consumer", "subscribed_nowhere"))


def a_ping_time_out_of_a_slow_reader(s: Story) -> None:
    """A message came late, then other frames did, and the pings were stuck behind them."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4, shown=0.6)
    s.agent_sends("a.1", 4.2, reaches=False)
    s.agent_sends("a.2", 5.5, reaches=False)
    s.drops("w", 6, last_frame=5.8, reason="ping timeout")
    s.agent_sends("a.3", 6.5)
    s.widget_comes(7, offers=["a.1", "a.2", "a.3"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "slow_consumer")
    s.expect("a.2", "recovered", "slow_consumer")
    s.expect("a.3", "recovered", "offline")


def its_own_message_sent_again(s: Story) -> None:
    """Its echo comes seconds after the first attempt, which was none of this connection's: nothing was late."""
    s.opens(0)
    s.assumes(1)
    s.saw("w", 1, "sent", mid=s.mid("w.0"), due_ns=ns(s.start_s + 1), via="socket")
    s.saw("w", 1.5, "unanswered", mid=s.mid("w.0"), reason="never connected")
    s.widget_comes(3)
    s.widget_sends("w.0", 3.2, via="socket")
    s.shows("w", "w.0", 3.22)
    s.agent_sends("a.0", 3.98, reaches=False)
    s.drops("w", 4, last_frame=3.9)
    s.widget_comes(5, after=1, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def frozen(s: Story) -> None:
    """The page stands still from 5 s to 25 s; the server gives it up at 14 s. What came before is shown on waking."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, shown=18.9)
    s.inside.pop("w")
    s.agent_sends("a.1", 16)
    s.freezes("w", 5, 20)
    s.drops("w", 25.02, last_frame=25.01, noticed=-11)
    s.agent_sends("a.2", 25.5)
    s.widget_comes(26, after=1, offers=["a.1", "a.2"])
    s.expect("a.0", "late")
    s.expect("a.1", "recovered", "frozen")
    s.expect("a.2", "recovered", "offline")


def frozen_and_nothing_of_it_was_read(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.freezes("w", 5, 7)
    s.drops("w", 12.01, last_frame=4.9, reason="ping timeout")
    s.widget_comes(13, offers=["a.0"])
    s.expect("a.0", "recovered", "frozen")


def a_freeze_that_the_connection_outlived(s: Story) -> None:
    """It is shown late; the reset a while later is only a reset."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, shown=2.1)
    s.freezes("w", 5, 3)
    s.agent_sends("a.1", 10)
    s.drops("w", 15, last_frame=14.5)
    s.agent_sends("a.2", 15.5)
    s.widget_comes(16, after=2, offers=["a.2"])
    s.expect("a.0", "late")
    s.expect("a.1", "live")
    s.expect("a.2", "recovered", "offline")


def frozen_when_its_path_was_dead_already(s: Story) -> None:
    """The path dies at 5 s, the server notices at 14 s, and the page, which stood still by then, when it wakes."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.freezes("w", 12, 8)
    s.drops("w", 20, last_frame=5, noticed=-6, heard=5, reason="ping timeout")
    s.widget_comes(21, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def frozen_before_there_was_the_connection(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.freezes("w", 3, 2)
    s.drops("w", 5.02, last_frame=5.01)
    s.widget_comes(5.2)
    s.agent_sends("a.0", 5.48, reaches=False)
    s.drops("w", 5.5, last_frame=5.4)
    s.agent_sends("a.1", 5.7)
    s.widget_comes(6, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", "offline")


def another_tab_joins_while_the_frozen_one_looks_up(s: Story) -> None:
    """The server had given the first page up, which learns that late; the other one asks for everything."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.freezes("w", 5, 7)
    s.inside.pop("w")
    s.agent_sends("a.0", 11.5)
    s.agent_sends("a.1", 12.5)
    other = {"view": 2, "conn": 2}
    s.saw("w", 13, "connecting", attempt=1, **other)
    s.saw("w", 13.05, "connected", sid="other", transport="websocket", **other)
    s.saw("w", 13.1, "join_sent", room=s.room, after=0, **other)
    s.saw("w", 13.15, "joined", room=s.room, after=0, count=2, **other)
    for key in ("a.0", "a.1"):
        s.shows("w", key, 13.16, via="join", **other)
    s.drops("w", 15, last_frame=12.01, noticed=-4)
    s.expect("a.0", "recovered", "frozen")
    s.expect("a.1", "recovered", "offline")


def frozen_before_it_ever_joined(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 3)
    s.freezes("w", 2, 3)
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", "early_message")


def frozen_in_the_wrong_room(s: Story) -> None:
    """It would not have come to a page that was awake either."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.freezes("w", 4, 2)
    s.agent_sends("a.0", 5, room=s.session)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def a_first_join_that_is_slow_and_a_page_that_stands_still(s: Story) -> None:
    """It was not in the room yet; awake it would have missed it as well."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 4)
    s.freezes("w", 3.5, 2)
    s.joins("w", 3, entered=3, acked=3.1, offers=["a.0"])
    s.expect("a.0", "recovered", "join_race")


def away_again_before_its_sender_was_told(s: Story) -> None:
    """What the first join after the half-open path handed over was not lost to what came afterwards."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 12, reaches=False, answered=4)
    s.drops("w", 14, last_frame=4.9, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.drops("w", 15.9, last_frame=15.2)
    s.widget_comes(18, after=1)
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def down_when_it_was_in_a_stale_room(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.saw("w", 1, "escalated")
    s.assumes(2, joins=False)
    s.joins("a", 2.1, room="chat:new")
    s.drops("w", 4)
    s.agent_sends("a.0", 5, room="chat:new", there=["a"])
    s.expect("a.0", "lost", "offline", "never_back")


def written_as_a_replay_before_its_client_knew(s: Story) -> None:
    """The server restores the connection, under its sid, and writes what was missed before it answers CONNECT."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.is_restored("w", 7)
    s.journal(7.045, "written", sid=s.sid("w"), mid=s.mid("a.0"), id=s.id("a.0"), session=s.session)
    s.shows("w", "a.0", 7.06, via="replay")
    s.expect("a.0", "recovered", "offline")


def others_handed_over_that_were_not_missed(s: Story) -> None:
    """A history of the newest is used up by what the customer wrote itself."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(8, count=1)
    s.widget_sends("w.0", 9)
    s.drops("w", 10)
    s.widget_comes(11, count=1)
    s.shows("w", "w.0", 11.2, via="join", why="duplicate")
    s.expect("a.0", "lost", "offline", "window")
