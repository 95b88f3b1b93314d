"""S and W: it was there, and the message did not leave, or was not shown."""

from tests.written.history import Story


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


def emitted_to_two_rooms_by_a_journal_that_lists_nobody(s: Story) -> None:
    """To all agents first, then to the session's room, in which it is."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, published=None)
    for at, room in ((5.006, "agents"), (5.007, s.room)):
        s.journal(at, "published", room=room, mid=s.mid("a.0"), session=s.session)
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")


def emitted_once_more_when_it_had_joined(s: Story) -> None:
    """It was not there the first time, and what it got the second time is no news."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(3)
    about = {"mid": s.mid("a.0"), "id": s.id("a.0"), "session": s.session}
    s.journal(4, "published", room=s.room, members=2, sids=sorted(s.inside.values()), **about)
    s.shows("w", "a.0", 4.01)
    s.expect("a.0", "recovered", "early_message")


def malformed(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, why="shape")
    s.agent_sends("a.1", 6, why="session")
    s.expect("a.0", "lost", "malformed", "never_back")
    s.expect("a.1", "lost", "malformed", "never_back")


def the_id_of_another_message(s: Story) -> None:
    """The server gave it once before, to one that it rolled back: the page takes the second for the first."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.agent_sends("a.1", 6, why="duplicate")
    s.expect("a.0", "live")
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
    s.expect("a.0", "lost", "history_race", "wiped")
    s.expect("a.1", "live")


def wiped_of_what_a_join_had_brought(s: Story) -> None:
    """The live message was missed for another reason; the history took away what the join had mended."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.widget_comes(3, offers=["a.0"])
    s.saw("w", 4, "removed", mid=s.mid("a.0"), conn=1)
    s.expect("a.0", "lost", "early_message", "wiped")


def history_race(s: Story) -> None:
    """Fetch, then join without asking again: what comes in between is in neither."""
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.reads_history("w", 3, ["a.0"])
    s.agent_sends("a.1", 3.2)
    s.connects("w", 3.4)
    s.agent_sends("a.2", 3.52)
    s.joins("w", 3.5, entered=0.05, acked=0.06, after=None)
    s.agent_sends("a.3", 5)
    s.expect("a.0", "recovered", "early_message")
    s.expect("a.1", "lost", "history_race", "not_asked")
    s.expect("a.2", "lost", "history_race", "not_asked")
    s.expect("a.3", "live")


def history_race_after_a_gap(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.2)
    s.reads_history("w", 5.5, ["a.0"])
    s.agent_sends("a.1", 5.8)
    s.widget_comes(6, after=None)
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "lost", "history_race", "not_asked")


def fetch_then_join_that_asks(s: Story) -> None:
    """The join asks again; that the server hands over nothing is another mistake."""
    s.opens(0)
    s.assumes(1)
    s.reads_history("w", 3, [])
    s.agent_sends("a.0", 3.2)
    s.widget_comes(3.4)
    s.expect("a.0", "lost", "early_message", "not_offered")


def a_fetch_of_an_earlier_time(s: Story) -> None:
    """It was read before the connection broke: what was missed then it could not hold."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.reads_history("w", 3, [])
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.widget_comes(6, after=None)
    s.expect("a.0", "lost", "offline", "not_asked")


def a_fetch_and_no_join_after_it(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.reads_history("w", 5.5, [])
    s.agent_sends("a.0", 5.8)
    s.expect("a.0", "lost", "offline", "never_back")


def stored_as_its_history_was_on_the_way(s: Story) -> None:
    """The history had been read on the server a moment before; that nothing was offered is not the server's fault."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.agent_sends("a.0", 3)
    s.reads_history("w", 3.05, [])
    s.joins("w", 3.1, after=1)
    s.expect("a.0", "lost", "early_message", "not_asked")


def fetched_at_once_after_it_and_nothing_came(s: Story) -> None:
    """The server was quick; the widget asked after the message was stored all the same."""
    s.opens(0)
    s.widget_comes(0.5, after=None)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(5.99, after=None)
    s.reads_history("w", 6.15, [], asked=6.145)
    s.expect("a.0", "lost", "offline", "not_offered")


def fetched_after_every_join(s: Story) -> None:
    """The history before it was read by the connection that then went silent; after the next join it was read again."""
    s.opens(0)
    s.widget_comes(0.5, after=None)
    s.reads_history("w", 0.66, [], asked=0.655)
    s.assumes(2)
    s.drops("w", 5, last_frame=0.65)
    s.agent_sends("a.0", 6)
    s.widget_comes(7, after=None)
    s.reads_history("w", 7.2, ["a.0"], asked=7.16)
    s.expect("a.0", "recovered", "offline")


def left_out_of_its_history(s: Story) -> None:
    """By the journal it is stored; but it is in no history, and that is what can be read."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(7)
    s.stored.remove("a.0")
    s.expect("a.0", "lost", "offline", "not_stored")


def asked_for_before_it_and_answered_long_after(s: Story) -> None:
    """A history that took its time was read before the message was there, so that it fell between that and the join."""
    s.opens(0)
    s.widget_comes(0.5, after=None)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.reads_history("w", 6.5, [], asked=5.9)
    s.widget_comes(7, after=None)
    s.expect("a.0", "lost", "history_race", "not_asked")


def asked_for_before_it_and_in_the_answer(s: Story) -> None:
    """That history was read after the message was there: there was no race."""
    s.opens(0)
    s.widget_comes(0.5, after=None)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.reads_history("w", 6.5, ["a.0"], asked=5.9)
    s.widget_comes(7, after=None)
    s.expect("a.0", "recovered", "offline")


def first_asked_for_before_it_and_answered_long_after(s: Story) -> None:
    """The page's first history, and its first join; what came next the next fetch brought."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 3)
    s.agent_sends("a.0", 3.5)
    s.reads_history("w", 4, [], asked=3.1)
    s.joins("w", 4.05, after=None)
    s.reads_history("w", 9, ["a.0"], asked=8.9)
    s.expect("a.0", "recovered", "history_race")


def handed_over_too_late_and_nothing_else_before(s: Story) -> None:
    """The join in time held nothing; that this very message came after its horizon does not make others of it."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(7)
    s.reads_history("w", 40, ["a.0"], asked=39.9)
    s.expect("a.0", "lost", "offline", "not_offered")


def late_listener(s: Story) -> None:
    """The page is joined from 0.65 s on, and listens from 3 s on."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2, why="no-listener")
    s.agent_sends("a.1", 5)
    s.expect("a.0", "lost", "late_listener", "never_back")
    s.expect("a.1", "live")


def late_listener_after_a_reconnect(s: Story) -> None:
    """It listened before, and after."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.drops("w", 5)
    s.widget_comes(6, after=1)
    s.agent_sends("a.1", 6.3, why="no-listener")
    s.expect("a.0", "live")
    s.expect("a.1", "lost", "late_listener", "never_back")


def late_listener_of_a_single_message(s: Story) -> None:
    """There was no other time at which it could have listened; the event is the one that the target names."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2, reaches=False)
    s.shows("w", "a.0", 2.02, why="no-listener", event="new-message")
    s.expect("a.0", "lost", "late_listener", "never_back")


def a_listener_for_another_event(s: Story) -> None:
    """Its own echo comes under the name that it knows, the agent's message under one that it never listens to."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, reaches=False)
    about = {"mid": s.mid("a.0"), "conn": 1, "id": s.id("a.0"), "seq": 1}
    s.saw("w", 5.02, "received", via="live", event="message", **about)
    s.saw("w", 5.02, "not_displayed", why="no-listener", **about)
    s.widget_sends("w.0", 6)
    s.saw("w", 6.02, "received", via="live", event="new-message", mid=s.mid("w.0"), conn=1)
    s.expect("a.0", "lost", "event_mismatch", "never_back")
    s.expect("w.0", "live")


def history_race_and_a_connection_on_which_it_never_joined(s: Story) -> None:
    """It could not have come: on that connection nobody asked for the room."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 4)
    s.connects("w", 5)
    s.reads_history("w", 5.5, [])
    s.agent_sends("a.0", 6)
    s.drops("w", 7)
    s.widget_comes(8, after=None)
    s.expect("a.0", "lost", "not_rejoined", "not_asked")


def history_race_after_a_kick(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5, reason="io server disconnect")
    s.reads_history("w", 5.5, [])
    s.agent_sends("a.0", 5.8)
    s.widget_comes(6, after=None)
    s.expect("a.0", "lost", "history_race", "not_asked")


def fetched_much_later_on_the_same_connection(s: Story) -> None:
    """That fetch belongs to no join: when it was missed nobody asked for it."""
    s.opens(0)
    s.widget_comes(0.5, after=None)
    s.assumes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 6)
    s.widget_comes(7, after=None)
    s.reads_history("w", 100, [], asked=99.9)
    s.expect("a.0", "lost", "offline", "not_asked")
