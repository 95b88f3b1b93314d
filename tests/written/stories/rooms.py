"""R: the recipient is not in the room when the server emits."""

from tests.written.history import Story


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


def written_before_its_join_was_acked_and_never_seen(s: Story) -> None:
    """By the journal it was there, and its connection went on: with that nothing explains it."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, acked=1.1)
    s.agent_sends("a.0", 3.5, reaches=False)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", ("unexplained", "join_race"), "not_offered")
    s.expect("a.1", "live")


def emitted_when_its_join_had_handed_it_over(s: Story) -> None:
    """Stored before the widget came, and emitted long after: the page had it by then. That it came late counts."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2, published=None)
    s.widget_comes(3, offers=["a.0"])
    about = {"mid": s.mid("a.0"), "id": s.id("a.0"), "session": s.session}
    s.journal(4, "published", room=s.room, members=2, sids=sorted(s.inside.values()), **about)
    s.journal(4.001, "written", sid=s.sid("w"), **about)
    s.shows("w", "a.0", 4.01, why="duplicate")
    s.expect("a.0", "recovered", "early_message")


def emitted_when_it_had_gone_and_come_again(s: Story) -> None:
    """It was there when the message was stored, and again when it was emitted; in between it had it from its join."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(1.5)
    s.agent_sends("a.0", 2, published=None)
    s.drops("w", 2.5, last_frame=2.4)
    s.widget_comes(3, offers=["a.0"])
    about = {"mid": s.mid("a.0"), "id": s.id("a.0"), "session": s.session}
    s.journal(4, "published", room=s.room, members=2, sids=sorted(s.inside.values()), **about)
    s.journal(4.001, "written", sid=s.sid("w"), **about)
    s.shows("w", "a.0", 4.01, why="duplicate")
    s.expect("a.0", "recovered", ("offline", "subscribed_nowhere"))


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


def restored_and_in_its_room_without_a_join(s: Story) -> None:
    """Connection state recovery: what was missed is handed over, and it needs no join to hear the rest."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.agent_sends("a.1", 5.7)
    s.shows("w", "a.0", 6.04, via="replay", conn=2)
    s.is_restored("w", 6)
    s.agent_sends("a.2", 8)
    s.agent_sends("a.3", 9, published=None)
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "lost", "offline", "window")
    s.expect("a.2", "live")
    s.expect("a.3", "lost", ("not_published", "subscribed_nowhere"), "never_back")


def restored_twice_and_in_flight_as_it_ends(s: Story) -> None:
    """The second end is its own, although the sid is the first one's; so is the third, half-open."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.is_restored("w", 6)
    s.agent_sends("a.0", 8, room="chat:new")
    s.drops("w", 9, last_frame=8.5)
    s.is_restored("w", 10)
    s.agent_sends("a.1", 12, reaches=False)
    s.drops("w", 20.5, last_frame=11.5, reason="ping timeout")
    s.widget_comes(22, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", ("room_mismatch", "subscribed_nowhere"))
    s.expect("a.1", "recovered", ("half_open", "gone_silent"))


def restored_and_written_to_and_never_seen(s: Story) -> None:
    """By the journal it was there, and its connection went on: what its sid had been through explains nothing."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.is_restored("w", 6)
    s.agent_sends("a.0", 8, reaches=False)
    s.expect("a.0", "lost", ("unexplained", "subscribed_nowhere"), "never_back")


def restored_without_its_room(s: Story) -> None:
    """By the journal it was in no room again; from outside nobody can tell."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.is_restored("w", 6, entered=False)
    s.agent_sends("a.0", 8)
    s.joins("w", 10, offers=["a.0"])
    s.agent_sends("a.1", 12)
    s.expect("a.0", "recovered", ("not_rejoined", "subscribed_nowhere"))
    s.expect("a.1", "live")


def restored_before_it_had_ever_joined(s: Story) -> None:
    """There was no room to restore, nor is there a state in a connection that is not restored."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.drops("w", 5)
    s.is_restored("w", 6, entered=False)
    s.agent_sends("a.0", 8)
    s.joins("w", 10, entered=0.01, offers=["a.0"])
    s.drops("w", 13)
    s.connects("w", 14)
    s.agent_sends("a.1", 16)
    s.expect("a.0", "recovered", "early_message")
    s.expect("a.1", "lost", "not_rejoined", "never_back")


def a_join_acked_but_not_entered(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.joins("w", 6.5, entered=None)
    s.agent_sends("a.0", 8)
    s.expect("a.0", "lost", ("not_rejoined", "subscribed_nowhere"), "never_back")


def acked_before_the_room_is_entered(s: Story) -> None:
    """Its first join: the ack says no more than that the server has heard of it."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, acked=0.05, entered=1)
    entered = s.inside.pop("w")
    s.agent_sends("a.0", 3.5)
    s.inside["w"] = entered
    s.agent_sends("a.1", 5)
    s.expect("a.0", "lost", ("join_race", "subscribed_nowhere"), "never_back")
    s.expect("a.1", "live")


def acked_again_before_the_room_is_entered(s: Story) -> None:
    """Its rejoin: from the drop until it is in the room it is a gap."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.connects("w", 6)
    s.joins("w", 6.5, acked=0.05, entered=1)
    s.inside.pop("w")
    s.agent_sends("a.0", 7)
    s.expect("a.0", "lost", ("offline", "subscribed_nowhere"), "never_back")


def acked_but_entered_by_the_next_join_only(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2, entered=None)
    s.agent_sends("a.0", 5)
    s.joins("w", 6, offers=["a.0"])
    s.expect("a.0", "recovered", ("not_rejoined", "subscribed_nowhere"))


def malformed_on_one_connection_and_the_other_not_in_the_room_yet(s: Story) -> None:
    """The page's second connection, then another page's first: what came over the first one was not missed for them."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    first = s.inside["w"]
    s.connects("w", 3)
    s.joins("w", 3.1, acked=0.05, entered=1)
    s.inside["w"] = first
    s.agent_sends("a.0", 3.5, reaches=False)
    s.shows("w", "a.0", 3.52, why="shape", conn=1)
    other = {"view": 2, "conn": 3, "room": s.room}
    s.saw("w", 5, "connected", sid="third", transport="websocket", view=2, conn=3)
    s.saw("w", 5.1, "join_sent", after=0, **other)
    s.saw("w", 5.15, "joined", after=0, count=0, **other)
    s.agent_sends("a.1", 5.5, reaches=False)
    s.shows("w", "a.1", 5.52, why="shape", conn=1)
    s.journal(6, "room_entered", sid="third", room=s.room, session=s.session)
    s.expect("a.0", "lost", "malformed", "not_offered")
    s.expect("a.1", "lost", "malformed", "never_back")


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


def moved(s: Story, connects: float = 0.5) -> str:
    """The session is escalated and gets another room, which the agent enters; the widget had joined, or joins later."""
    s.opens(0)
    s.widget_comes(connects)
    s.saw("w", 1, "escalated")
    s.assumes(2, joins=False)
    new = f"{s.room}-human"
    s.joins("a", 2.1, room=new)
    return new


def stale_room(s: Story) -> None:
    new = moved(s)
    s.agent_sends("a.0", 5, room=new, there=["a"])
    s.widget_sends("w.0", 6, room=new, there=["a"])
    s.expect("a.0", "lost", ("stale_room", "subscribed_nowhere"), "never_back")
    s.expect("w.0", "live")


def stale_room_in_which_messages_had_come(s: Story) -> None:
    """Nobody is seen to enter the new one, but before the escalation the old one was in use."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.saw("w", 3, "escalated")
    s.agent_sends("a.1", 5, room="chat:its-own")
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("stale_room", "subscribed_nowhere"), "never_back")


def stale_room_of_another_session(s: Story) -> None:
    """The conversation got a new id; the widget joined under the old one and stays there."""
    s.opens(0)
    s.widget_comes(0.5)
    s.saw("w", 1, "escalated")
    old, s.session = s.session, f"{s.session}-new"
    s.room = f"chat:{s.session}"
    s.assumes(2)
    s.agent_sends("a.0", 5, room=s.room, there=["a"])
    s.session = old
    s.expect("a.0", "lost", ("stale_room", "subscribed_nowhere"), "never_back")


def the_new_room_is_no_stale_one(s: Story) -> None:
    """It joined after the escalation: that is another mistake."""
    new = moved(s, connects=1.5)
    s.agent_sends("a.0", 5, room=new, there=["a"])
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def stale_room_without_an_escalation(s: Story) -> None:
    """What was said to it came where it was, and then no longer."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.joins("a", 6, room="chat:new")
    s.agent_sends("a.1", 7, room="chat:new", there=["a"])
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("stale_room", "subscribed_nowhere"), "never_back")


def another_session_s_room_is_no_new_one(s: Story) -> None:
    """The agent enters it after this session's, as it holds both; one message goes there by mistake."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.journal(6, "room_entered", sid=s.sid("a"), room="chat:s0", session="s0")
    s.agent_sends("a.1", 7, room="chat:s0", there=["a"])
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def put_into_another_room_than_its_join_was_acked_with(s: Story) -> None:
    """Nothing was said before the escalation, and the agent enters the right one after it: it has not moved."""
    s.opens(0)
    s.connects("w", 0.5)
    s.joins("w", 0.6, entered=None)
    s.journal(0.62, "room_entered", sid=s.sid("w"), room=f"chat{s.session}", session=s.session)
    s.saw("w", 1, "escalated")
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def in_the_room_and_left_out_of_the_emit(s: Story) -> None:
    """It is listed among those who are there, on a connection that goes on, and nothing is written to it."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, writes=False)
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")
    s.expect("a.1", "live")


def stale_room_of_the_agent(s: Story) -> None:
    """Escalated long before; then the customer moves from the room in which both were, and nothing had been said."""
    s.opens(0)
    s.widget_comes(0.5)
    s.saw("w", 1, "escalated")
    s.assumes(2)
    s.joins("w", 6, room="chat:new")
    s.widget_sends("w.0", 7, room="chat:new", there=["w"])
    s.expect("w.0", "lost", ("stale_room", "subscribed_nowhere"), "never_back")


def another_room_since_it_came_back(s: Story) -> None:
    """On this connection nothing ever came to its room: it may as well have entered the wrong one."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 3)
    s.drops("w", 5)
    s.widget_comes(6, after=1)
    s.agent_sends("a.1", 8, room="chat:new")
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def two_sides_that_never_met(s: Story) -> None:
    """Each enters and uses a room of its own: what the one had said in the other's is no sign of a move."""
    s.opens(0)
    s.widget_comes(0.5)
    s.widget_sends("w.0", 1)
    s.assumes(2, joins=False)
    s.reads_history("a", 2.1, ["w.0"])
    s.joins("a", 2.2, room=s.session)
    s.agent_sends("a.0", 5, room=s.session, there=["a"])
    s.expect("w.0", "live")
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def an_escalation_and_a_room_that_nobody_ever_entered(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.saw("w", 1, "escalated")
    s.assumes(2)
    s.agent_sends("a.0", 5, room=s.session)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def a_session_that_uses_two_rooms_by_turns(s: Story) -> None:
    """What the agent says goes to one room, what the customer says to the other, before and after the escalation."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.widget_sends("w.0", 2)
    s.saw("w", 3, "escalated")
    s.agent_sends("a.0", 5, room=s.session)
    s.widget_sends("w.1", 6)
    s.expect("w.0", "live")
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")
    s.expect("w.1", "live")


def a_room_that_was_used_before_the_escalation(s: Story) -> None:
    """The session was there all the time, and the agent entered it; the widget was never in it."""
    s.opens(0)
    s.widget_comes(0.5)
    s.widget_sends("w.0", 2, room=s.session)
    s.saw("w", 5, "escalated")
    s.assumes(6, joins=False)
    s.reads_history("a", 6.1, ["w.0"])
    s.joins("a", 6.2, room=s.session)
    s.agent_sends("a.0", 8, room=s.session, there=["a"])
    s.expect("w.0", "live")
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def room_mismatch_around_a_drop(s: Story) -> None:
    """Whose connection is down is offline, wherever it was in; whose looks up is not, whatever comes of it."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, room=s.session)
    s.drops("w", 5.5, last_frame=4.5)
    s.agent_sends("a.1", 6, room=s.session)
    s.widget_comes(7, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", ("room_mismatch", "offline"))
    s.expect("a.1", "recovered", "offline")


def namespace_mismatch(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, namespace="/support")
    s.expect("a.0", "lost", ("namespace_mismatch", "subscribed_nowhere"), "never_back")


def namespace_mismatch_the_other_way_round(s: Story) -> None:
    s.opens(0)
    s.connects("w", 0.5)
    s.joins("w", 0.6, namespace="/support")
    s.inside.clear()
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("namespace_mismatch", "subscribed_nowhere"), "never_back")


def another_namespace_before_it_was_kicked(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, namespace="/support")
    s.drops("w", 5.5, last_frame=4.5, reason="io server disconnect")
    s.widget_comes(7, offers=["a.0"])
    s.expect("a.0", "recovered", ("namespace_mismatch", "kicked"))


def one_namespace_for_all(s: Story) -> None:
    s.opens(0)
    s.connects("w", 0.5)
    s.joins("w", 0.6, namespace="/support")
    s.assumes(2)
    s.agent_sends("a.0", 5, namespace="/support", there=["a", "w"])
    s.expect("a.0", "live")


def another_room_in_another_namespace(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, namespace="/support", room=s.session)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def left_room(s: Story) -> None:
    """It had entered the room, by the journal, and by the journal it was not there any more, whoever did that."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.inside.pop("w")
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("left_room", "subscribed_nowhere"), "never_back")


def emitted_to_single_connections(s: Story) -> None:
    """The journal names no room, only who it was emitted to: nobody can tell what the recipient had left."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    about = {"mid": s.mid("a.0"), "id": s.id("a.0"), "session": s.session}
    s.journal(5.006, "published", members=1, sids=[s.sid("a")], **about)
    s.journal(5.007, "written", sid=s.sid("a"), **about)
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")


def received_though_it_was_in_no_room(s: Story) -> None:
    """It came, and the page says neither that it shows it nor why not: that nobody was there explains nothing."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.inside.pop("w")
    s.agent_sends("a.0", 5)
    s.saw("w", 5.02, "received", via="live", mid=s.mid("a.0"), id=s.id("a.0"), seq=1, conn=1)
    s.expect("a.0", "lost", "unexplained", "never_back")


def emitted_to_two_rooms_and_out_of_one(s: Story) -> None:
    """To everybody's overview first, and to the session's room, which it had left: the first line is not the whole."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.journal(4, "room_left", sid=s.sid("w"), room=s.room)
    s.inside.pop("w")
    s.agent_sends("a.0", 5)
    s.journal(5.0055, "published", members=0, sids=[], room="overview", mid=s.mid("a.0"), session=s.session)
    s.expect("a.0", "lost", ("left_room", "subscribed_nowhere"), "never_back")
