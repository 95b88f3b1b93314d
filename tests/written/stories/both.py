"""Two things at once: the earlier missing stage has the word, and what did arrive was not missed for want of a way."""

from tests.written.history import Story


def emitted_late(s: Story, key: str, at: float, published: float) -> None:
    """The server takes its time: stored at once, emitted when all is well, and in a form that the page rejects."""
    s.agent_sends(key, at, published=published, answered=published + 0.03, shown=published + 0.02, why="shape")


def malformed_whatever_it_was_before(s: Story) -> None:
    """Sent while it had never connected, was refused, was joining; emitted when it was joined."""
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "not an accepted origin", 400)
    s.cannot_connect("w", 3, "HTTP 401", 401)
    s.cannot_connect("w", 4, "HTTP 403", 403)
    s.connects("w", 5)
    s.joins("w", 6, entered=1, acked=1.1)
    for n, at in enumerate((1.5, 2.02, 3.02, 4.02, 5.5, 6.5)):
        emitted_late(s, f"a.{n}", at, 9 - at)
        s.expect(f"a.{n}", "lost", "malformed", "never_back")


def malformed_whatever_it_was_after_a_drop(s: Story) -> None:
    """Sent while it was down, kicked, connected again and not joined; emitted when it was joined."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.drops("w", 3, reason="io server disconnect")
    s.connects("w", 5)
    s.joins("w", 6)
    for n, at in enumerate((3.5, 5.5)):
        emitted_late(s, f"a.{n}", at, 9 - at)
        s.expect(f"a.{n}", "lost", "malformed", "never_back")


def malformed_after_a_fetch(s: Story) -> None:
    """Sent between the fetch and the join, emitted when it was joined; later it joins once more, and never asks."""
    s.opens(0)
    s.assumes(1)
    s.reads_history("w", 2, [])
    s.widget_comes(4, after=None)
    emitted_late(s, "a.0", 2.5, 3.5)
    s.drops("w", 8)
    s.widget_comes(9, after=None)
    s.expect("a.0", "lost", "malformed", "not_asked")


def malformed_on_a_connection_that_the_server_restored(s: Story) -> None:
    """Connection state recovery: it is in its room again without a join."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 4)
    s.connects("w", 5)
    s.inside["w"] = s.sid("w")
    s.agent_sends("a.0", 6, why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")


def malformed_and_never_joined(s: Story) -> None:
    """Two joins time out, though the server let it in: what it receives it was there for."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 2.1, entered=0.1, failed=(3, "timeout"))
    s.joins("w", 5.2, entered=0.1, failed=(3, "timeout"))
    s.agent_sends("a.0", 9, why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")


def malformed_though_it_entered_no_room(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 2.1, entered=None)
    s.agent_sends("a.0", 5, reaches=False)
    s.shows("w", "a.0", 5.02, why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")


def on_the_list_though_it_entered_no_room(s: Story) -> None:
    """The journal contradicts itself: it was there, by the list."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 2.1, entered=None)
    s.inside["w"] = s.sid("w")
    s.agent_sends("a.0", 5, reaches=False)
    s.expect("a.0", "lost", ("unexplained", "subscribed_nowhere"), "never_back")


def malformed_though_the_journal_shows_no_emission(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    s.shows("w", "a.0", 5.02, why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")


def malformed_just_before_the_end(s: Story) -> None:
    """The last that came over a connection that was reset; over one whose path died; to a page that stood still."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 4.95, why="shape")
    s.drops("w", 5, last_frame=4.98)
    s.widget_comes(6, after=1)
    s.agent_sends("a.1", 8, why="shape")
    s.drops("w", 17.2, last_frame=8.05, reason="ping timeout")
    s.widget_comes(18, after=2)
    s.agent_sends("a.2", 21, why="shape", shown=9)
    s.freezes("w", 20, 10)
    s.drops("w", 30.1, last_frame=30)
    s.widget_comes(31, after=3)
    for key in ("a.0", "a.1", "a.2"):
        s.expect(key, "lost", "malformed", "not_asked")


def malformed_beside_a_ghost(s: Story) -> None:
    """The old connection is still in the room; the new one gets it."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    ghost = s.sid("w")
    s.drops("w", 5)
    s.widget_comes(6)
    s.agent_sends("a.0", 8, why="shape")
    s.journal(8.007, "not_enqueued", sid=ghost, why="no-socket", mid=s.mid("a.0"))
    s.expect("a.0", "lost", "malformed", "never_back")


def malformed_in_a_poll(s: Story) -> None:
    """Two of them, the second while the connection waits for an upgrade: the server does not say what it writes."""
    s.opens(0)
    s.connects("w", 0.5, transport="polling")
    s.joins("w", 0.6)
    s.assumes(2)
    s.agent_sends("a.0", 5, why="shape")
    s.agent_sends("a.1", 6, writes=False)
    s.journal(6.5, "queue", sid=s.sid("w"), depth=1, upgrading=True)
    s.shows("w", "a.1", 6.6, why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")
    s.expect("a.1", "lost", "malformed", "never_back")


def malformed_in_one_of_two_rooms(s: Story) -> None:
    """It entered another room as well, last; it is on the list of the right one, once in vain. Nothing is stale."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.joins("w", 3, room=f"vip:{s.session}")
    s.saw("w", 4, "escalated")
    s.joins("a", 4.5)
    s.agent_sends("a.0", 5, why="shape")
    s.agent_sends("a.1", 6, reaches=False)
    s.expect("a.0", "lost", "malformed", "never_back")
    s.expect("a.1", "lost", ("unexplained", "subscribed_nowhere"), "never_back")


def malformed_in_another_namespace(s: Story) -> None:
    """It is connected to two namespaces, and the one of the message is not the one of its last entry."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, namespace="/support", there=["w"], why="shape")
    s.expect("a.0", "lost", "malformed", "never_back")


def not_published_and_handed_over_in_a_form_that_it_rejects(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    s.drops("w", 6, last_frame=5.9)
    s.widget_comes(7)
    s.shows("w", "a.0", 7.2, via="join", why="shape")
    s.expect("a.0", "lost", ("not_published", "subscribed_nowhere"), "not_offered")


def replayed_to_nobody(s: Story) -> None:
    """Missed while it was away, and replayed before the page listened: it was missed for being away."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.connects("w", 6)
    s.shows("w", "a.0", 6.04, via="replay", why="no-listener")
    s.joins("w", 6.1, after=1)
    s.expect("a.0", "lost", "offline", "not_asked")


def not_published_and_replayed_before_the_page_listened(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4)
    s.agent_sends("a.1", 5, published=None)
    s.drops("w", 6, last_frame=5.9)
    s.connects("w", 7)
    s.shows("w", "a.1", 7.04, via="replay", why="no-listener")
    s.joins("w", 7.1, after=2)
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("not_published", "subscribed_nowhere"), "not_asked")


def connected_and_never_asked_to_join(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 3)
    s.expect("a.0", "lost", "early_message", "never_back")


def before_a_join_that_is_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 3)
    s.joins("w", 4, entered=None, failed=(0.02, "There is no event 'join'"))
    s.expect("a.0", "lost", "early_message", "never_back")


def entered_and_reset_before_the_ack(s: Story) -> None:
    """With the journal it was on its way to a connection that ended; without, all that is known is the join."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 3, entered=0.1, acked=None)
    s.agent_sends("a.0", 3.4, reaches=False)
    s.drops("w", 3.5, last_frame=3.45)
    s.widget_comes(5, offers=["a.0"])
    s.expect("a.0", "recovered", ("offline", "join_race"))


def an_ack_that_names_no_room(s: Story) -> None:
    s.opens(0)
    s.connects("w", 0.5)
    s.saw("w", 0.6, "join_sent", conn=1, after=0)
    s.journal(0.62, "room_entered", sid=s.sid("w"), room=s.room, session=s.session)
    s.saw("w", 0.65, "joined", conn=1, after=0, count=0)
    s.assumes(2)
    s.agent_sends("a.0", 5, room=s.session)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def a_journal_that_does_not_say_who_was_there(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    s.journal(5.006, "published", mid=s.mid("a.0"), session=s.session, room=s.room)
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")


def fetched_while_the_path_was_dead(s: Story) -> None:
    """The page read the history meanwhile and did not ask again, but what it missed it missed over a dead path."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.reads_history("w", 6, [])
    s.agent_sends("a.0", 7, reaches=False)
    s.drops("w", 14, last_frame=5, reason="ping timeout")
    s.widget_comes(15, after=None)
    s.expect("a.0", "lost", ("half_open", "gone_silent"), "not_asked")


def not_published_and_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "not an accepted origin", 400)
    s.agent_sends("a.0", 5, published=None)
    s.expect("a.0", "lost", ("not_published", "origin_refused"), "never_back")
