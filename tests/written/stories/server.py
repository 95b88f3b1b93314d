"""G4 and S: the server stands still, or the message does not get out of it."""

from tests.written.history import Story


def server_stalled(s: Story) -> None:
    """Its loop stands still for 5 s, longer than the 4 s that it waits for a pong: it gives the connection up."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.9)
    s.journal(10, "loop_lag", lag_ms=5000.0)
    s.agent_sends("a.1", 10.5, writes=False)
    s.journal(10.51, "sid_disconnected", sid=s.sid("w"), reason="ping timeout")
    s.inside.pop("w")
    s.agent_sends("a.2", 11)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.agent_sends("a.3", 14.5)
    s.widget_comes(15, after=1, offers=["a.1", "a.2", "a.3"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("server_stalled", "gone_silent"))
    s.expect("a.2", "recovered", ("server_stalled", "gone_silent"))
    s.expect("a.3", "recovered", "offline")


def given_up_as_the_stalled_server_went_on(s: Story) -> None:
    """The first of what had waited comes through; then its client, who has had no ping for 9 s, ends the connection."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 8, published=5.98, answered=5.99, shown=5.985)
    s.agent_sends("a.1", 9, published=4.99, answered=5.01, reaches=False)
    s.drops("w", 14, last_frame=13.985, reason="ping timeout")
    s.journal(14.02, "loop_lag", lag_ms=8027.0)
    s.widget_comes(15, after=1, offers=["a.1"])
    s.agent_sends("a.2", 17)
    s.expect("a.0", "late")
    s.expect("a.1", "recovered", ("server_stalled", "offline"))
    s.expect("a.2", "live")


def stalled_for_nearly_as_long_as_it_waits(s: Story) -> None:
    """3.9 s by what the loop measures, which begins a moment after it stood still; it waits for 4 s."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(9, "loop_lag", lag_ms=3900.0)
    s.agent_sends("a.0", 9.5, writes=False)
    s.journal(9.51, "sid_disconnected", sid=s.sid("w"), reason="ping timeout")
    s.inside.pop("w")
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("server_stalled", "gone_silent"))


def stalled_for_less_than_it_waits(s: Story) -> None:
    """A dead path, and a loop that stood still for 3 s meanwhile."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(9, "loop_lag", lag_ms=3000.0)
    s.agent_sends("a.0", 9.5, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def stalled_until_its_clients_gave_up(s: Story) -> None:
    """12 s: what was sent meanwhile is emitted as it goes on, to nobody. What was sent to who had gone is offline."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.9)
    s.inside.pop("w")
    s.agent_sends("a.1", 8, published=9.3, answered=9.32)
    s.drops("w", 14, last_frame=5, noticed=3.25, reason="ping timeout")
    s.agent_sends("a.2", 15, published=2.3, answered=2.32)
    s.journal(17.2, "loop_lag", lag_ms=12_000.0)
    s.widget_comes(18, after=1, offers=["a.1", "a.2"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("server_stalled", "gone_silent"))
    s.expect("a.2", "recovered", "offline")


def stalled_when_it_had_given_up_a_dead_path(s: Story) -> None:
    """The path dies at 5 s, the server notices at 13.9 s, and only then it stands still."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6, reaches=False)
    s.drops("w", 14.1, last_frame=5, noticed=-0.2, heard=4.9, reason="ping timeout")
    s.journal(19, "loop_lag", lag_ms=5000.0)
    s.widget_comes(20, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def given_up_by_a_server_that_had_stalled(s: Story) -> None:
    """It had not heard the widget for 9 s as it went on; the widget had heard a message later than that."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 9)
    s.inside.pop("w")
    s.agent_sends("a.1", 12, published=3.22, answered=3.23)
    s.journal(15.2, "loop_lag", lag_ms=6000.0)
    s.drops("w", 15.24, last_frame=9.02, noticed=-0.03, heard=5)
    s.widget_comes(16, after=1, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("server_stalled", "offline"))


def malformed_as_a_stalled_server_went_on(s: Story) -> None:
    """The widget was in the room again, and was just being told."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(17.2, "loop_lag", lag_ms=12_000.0)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.connects("w", 17.2)
    s.joins("w", 17.26, acked=0.06)
    s.agent_sends("a.0", 8, published=9.3, answered=9.31, shown=9.305, why="shape")
    s.expect("a.0", "lost", "malformed", "not_offered")


def a_stall_shorter_than_a_time_out(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(8, "loop_lag", lag_ms=3000.0)
    s.agent_sends("a.0", 8.5, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def a_stall_that_the_connection_outlived(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(10, "loop_lag", lag_ms=5000.0)
    s.agent_sends("a.0", 11)
    s.agent_sends("a.1", 14, reaches=False)
    s.drops("w", 22, last_frame=12.5, reason="ping timeout")
    s.widget_comes(23, after=1, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("half_open", "gone_silent"))


def reset_in_a_stall(s: Story) -> None:
    """It had not gone silent for longer than pings are apart: whatever the server did, the path broke."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 6.98, reaches=False)
    s.drops("w", 7, last_frame=4.9)
    s.journal(10, "loop_lag", lag_ms=5000.0)
    s.widget_comes(11, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def ghost_member(s: Story) -> None:
    """Its first connection is gone and still in the room."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    ghost = dict(s.inside)
    s.drops("w", 5)
    s.inside |= {"w": ghost["w"]}
    s.agent_sends("a.0", 6, writes=False)
    s.journal(6.007, "not_enqueued", sid=ghost["w"], why="no-socket", mid=s.mid("a.0"))
    s.inside.pop("w")
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", ("ghost_member", "offline"))


def ghost_member_of_a_connection_that_nobody_was_told_of(s: Story) -> None:
    """The client had gone before the answer to CONNECT: only the journal knows its sid, and whose it was."""
    s.opens(0)
    s.assumes(2)
    s.saw("w", 3, "connecting", conn=1)
    s.journal(3.1, "sid_connected", sid="ghost", session=s.session)
    s.journal(3.1, "room_entered", sid="ghost", room=s.room, session=s.session)
    s.saw("w", 3.2, "connect_failed", conn=1, reason="timeout")
    s.inside["ghost"] = "ghost"
    s.agent_sends("a.0", 6, writes=False)
    s.journal(6.007, "not_enqueued", sid="ghost", why="no-socket", mid=s.mid("a.0"))
    s.inside.pop("ghost")
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", ("ghost_member", "early_message"))


def a_connection_that_was_just_closing(s: Story) -> None:
    """It had a socket and took nothing any more: a race with its end, and nobody's ghost."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.995, writes=False)
    s.journal(5.002, "not_enqueued", sid=s.sid("w"), why="closed", mid=s.mid("a.0"))
    s.drops("w", 5, last_frame=4.5)
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def polling(s: Story) -> None:
    s.opens(0)
    s.connects("w", 0.5, transport="polling")
    s.joins("w", 0.6)
    s.assumes(2)


def upgrade_stuck(s: Story) -> None:
    """The websocket was opened and nothing came of it: what is emitted stays in the queue."""
    polling(s)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.5, "queue", sid=s.sid("w"), depth=2, upgrading=True)
    s.drops("w", 14, last_frame=13.9)
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("upgrade_stuck", "subscribed_nowhere"))


def upgrade_stuck_with_the_answer_to_the_join(s: Story) -> None:
    """It is in the room, and has not been told."""
    s.opens(0)
    s.assumes(2)
    s.connects("w", 3, transport="polling")
    s.joins("w", 3.1, acked=None)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.5, "queue", sid=s.sid("w"), depth=3, upgrading=True)
    s.drops("w", 6, last_frame=4.5)
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", ("upgrade_stuck", "join_race"))


def upgraded_in_time(s: Story) -> None:
    """It was upgrading before, and is no longer when the next message comes."""
    polling(s)
    s.journal(4.5, "queue", sid=s.sid("w"), depth=1, upgrading=True)
    s.saw("w", 4.6, "upgraded", transport="websocket", conn=1)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "live")


def queued_and_not_upgrading(s: Story) -> None:
    polling(s)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.5, "queue", sid=s.sid("w"), depth=2)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")
    s.expect("a.1", "live")


def written_while_it_upgraded(s: Story) -> None:
    """It left by the poll, and nobody read that: the upgrade did not hold it back."""
    polling(s)
    s.agent_sends("a.0", 5, reaches=False)
    s.journal(5.5, "queue", sid=s.sid("w"), depth=2, upgrading=True)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", ("poll_abandoned", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")


def poll_abandoned(s: Story) -> None:
    """The network changes: the poll that carried it was read by nobody, and the client connects anew."""
    polling(s)
    s.agent_sends("a.0", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.5)
    s.agent_sends("a.1", 5.5)
    s.connects("w", 6, transport="polling")
    s.joins("w", 6.1, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", ("poll_abandoned", "offline"))
    s.expect("a.1", "recovered", "offline")


def poll_abandoned_by_a_client_that_goes_on(s: Story) -> None:
    """A hole: the same connection carries the next one."""
    polling(s)
    s.agent_sends("a.0", 5, reaches=False)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", ("poll_abandoned", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")


def still_queued_when_the_polling_client_went(s: Story) -> None:
    polling(s)
    s.agent_sends("a.0", 4.98, writes=False)
    s.drops("w", 5, last_frame=4.5)
    s.connects("w", 6, transport="polling")
    s.joins("w", 6.1, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def emitted_to_a_polling_client_that_had_gone(s: Story) -> None:
    """The server had not noticed yet, and wrote into the poll; its client knew already that it was away."""
    polling(s)
    gone = dict(s.inside)
    s.drops("w", 5, last_frame=4.5, noticed=2)
    s.inside |= {"w": gone["w"]}
    s.agent_sends("a.0", 5.5, reaches=False)
    s.inside.pop("w")
    s.connects("w", 6, transport="polling")
    s.joins("w", 6.1, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def in_flight_on_a_connection_that_had_been_polling(s: Story) -> None:
    polling(s)
    s.saw("w", 3, "upgraded", transport="websocket", conn=1)
    s.agent_sends("a.0", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.5)
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def half_open_while_polling(s: Story) -> None:
    polling(s)
    s.agent_sends("a.0", 6, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


def slow_consumer(s: Story) -> None:
    """The last message that it read was 4 s old; what came after that one was still on its way."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, shown=4)
    s.agent_sends("a.1", 6, reaches=False)
    s.agent_sends("a.2", 9.2, reaches=False)
    s.drops("w", 9.5, last_frame=9.4)
    s.agent_sends("a.3", 9.8)
    s.widget_comes(10, after=1, offers=["a.1", "a.2", "a.3"])
    s.expect("a.0", "late")
    s.expect("a.1", "recovered", "slow_consumer")
    s.expect("a.2", "recovered", "slow_consumer")
    s.expect("a.3", "recovered", "offline")


def slow_consumer_by_its_own_echo(s: Story) -> None:
    """The last that it read was its own message, and that this had been accepted it read as late."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.widget_sends("w.0", 5, answered=4.01)
    s.agent_sends("a.0", 5.5, reaches=False)
    s.saw("w", 9, "received", via="live", mid=s.mid("w.0"), seq=1, conn=1)
    s.drops("w", 9.5, last_frame=9.4)
    s.widget_comes(10, offers=["a.0"])
    s.expect("w.0", "live")
    s.expect("a.0", "recovered", "slow_consumer")


def slow_consumer_by_its_queue(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.01, "queue", sid=s.sid("w"), depth=40)
    s.drops("w", 5.05, last_frame=4.9)
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", ("slow_consumer", "offline"))


def a_little_behind(s: Story) -> None:
    """Half a second late, two packets in the queue: that is no slow reader."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4, shown=0.5)
    s.journal(4.6, "queue", sid=s.sid("w"), depth=2)
    s.agent_sends("a.1", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.9)
    s.widget_comes(6, after=1, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "offline")


def a_little_behind_with_its_last_frame(s: Story) -> None:
    """The last that it read was 600 ms old, and what came after that one was still on its way."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4, shown=0.6)
    s.agent_sends("a.1", 4.3, reaches=False)
    s.drops("w", 5, last_frame=4.6)
    s.widget_comes(6, after=1, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "offline")


def ghost_member_in_a_journal_that_shows_no_emission(s: Story) -> None:
    """What was not taken was emitted, whatever else the journal leaves out."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6, published=None)
    s.journal(6.007, "not_enqueued", sid=s.sid("w"), why="no-socket", mid=s.mid("a.0"))
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", ("ghost_member", "offline"))


def ghost_member_of_somebody_who_is_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(2)
    s.journal(3.1, "sid_connected", sid="ghost2", session=s.session)
    s.cannot_connect("w", 4, "not an accepted origin", 400)
    s.inside["ghost"] = "ghost2"
    s.agent_sends("a.0", 6, writes=False)
    s.journal(6.007, "not_enqueued", sid="ghost2", why="no-socket", mid=s.mid("a.0"))
    s.inside.pop("ghost")
    s.expect("a.0", "lost", ("ghost_member", "origin_refused"), "never_back")


def upgrade_stuck_on_a_server_that_stalls(s: Story) -> None:
    """It would not have been enqueued anyway: the connection had been given up."""
    polling(s)
    s.journal(10, "loop_lag", lag_ms=5000.0)
    s.agent_sends("a.0", 10.5, writes=False)
    s.journal(10.6, "queue", sid=s.sid("w"), depth=2, upgrading=True)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, offers=["a.0"])
    s.expect("a.0", "recovered", ("server_stalled", "gone_silent"))


def upgrade_stuck_with_a_long_queue(s: Story) -> None:
    """It grows because the upgrade holds it, not because the reader is slow."""
    polling(s)
    s.agent_sends("a.0", 5, writes=False)
    s.journal(5.5, "queue", sid=s.sid("w"), depth=40, upgrading=True)
    s.drops("w", 8, last_frame=4.5)
    s.widget_comes(9, offers=["a.0"])
    s.expect("a.0", "recovered", ("upgrade_stuck", "offline"))
