"""Two things around the end of one connection: the earlier missing stage has the word; each end explains its own."""

from tests.written.history import Story


def begun(s: Story, transport: str = "websocket") -> None:
    s.opens(0)
    s.connects("w", 0.5, transport)
    s.joins("w", 0.6)
    s.assumes(2)


def kicked_while_its_reader_is_behind(s: Story) -> None:
    """The server kicks it at 6, and the page reads that at 9."""
    begun(s)
    s.inside.pop("w")
    s.agent_sends("a.0", 7)
    s.drops("w", 9.01, last_frame=9.0, noticed=-3.01, reason="io server disconnect")
    s.expect("a.0", "lost", ("kicked", "subscribed_nowhere"), "never_back")


def ended_by_the_server_long_before_its_client_heard(s: Story) -> None:
    begun(s)
    s.inside.pop("w")
    s.agent_sends("a.0", 7)
    s.drops("w", 8.01, last_frame=8.0, noticed=-2.01)
    s.widget_comes(9, offers=["a.0"])
    s.expect("a.0", "recovered", ("offline", "subscribed_nowhere"))


def not_rejoined_and_kicked(s: Story) -> None:
    begun(s)
    s.drops("w", 4)
    s.connects("w", 5)
    s.agent_sends("a.0", 6)
    s.drops("w", 7, reason="io server disconnect")
    s.agent_sends("a.1", 8)
    s.expect("a.0", "lost", "not_rejoined", "never_back")
    s.expect("a.1", "lost", "kicked", "never_back")


def kicked_back_and_reset(s: Story) -> None:
    """The kick had been got over, but for the join."""
    begun(s)
    s.drops("w", 5, reason="io server disconnect")
    s.connects("w", 6)
    s.agent_sends("a.0", 7)
    s.drops("w", 9)
    s.agent_sends("a.1", 9.5)
    s.widget_comes(10, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "not_rejoined")
    s.expect("a.1", "recovered", "offline")


def a_slow_reader_is_kicked(s: Story) -> None:
    """What was on its way to it is lost with the connection, whoever ends that."""
    begun(s)
    s.agent_sends("a.0", 5, shown=4)
    s.agent_sends("a.1", 6, reaches=False)
    s.drops("w", 9.5, last_frame=9.4, reason="io server disconnect")
    s.agent_sends("a.2", 10)
    s.expect("a.0", "late")
    s.expect("a.1", "lost", "slow_consumer", "never_back")
    s.expect("a.2", "lost", "kicked", "never_back")


def a_race_that_a_later_history_mends(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.reads_history("w", 3, [])
    s.agent_sends("a.0", 3.2)
    s.widget_comes(3.4, after=None)
    s.drops("w", 6)
    s.connects("w", 6.4)
    s.reads_history("w", 6.5, ["a.0"])
    s.joins("w", 7.1, after=None)
    s.expect("a.0", "recovered", "history_race")


def upgrade_stuck_and_frozen(s: Story) -> None:
    """It was never written."""
    begun(s, "polling")
    s.agent_sends("a.0", 6, writes=False)
    s.journal(6.5, "queue", sid=s.sid("w"), depth=2, upgrading=True)
    s.freezes("w", 5, 11)
    s.drops("w", 16.05, last_frame=4.9, noticed=-3)
    s.widget_comes(17, offers=["a.0"])
    s.expect("a.0", "recovered", ("upgrade_stuck", "frozen"))


def a_ghost_beside_a_frozen_page(s: Story) -> None:
    """The connection that counts is the one that it was written to."""
    begun(s)
    ghost = s.sid("w")
    s.drops("w", 4)
    s.widget_comes(4.5)
    s.inside["ghost"] = ghost
    s.agent_sends("a.0", 7, reaches=False)
    s.journal(7.007, "not_enqueued", sid=ghost, why="no-socket", mid=s.mid("a.0"))
    s.inside.pop("ghost")
    s.freezes("w", 6, 11)
    s.drops("w", 17.05, last_frame=5.9, noticed=-2)
    s.widget_comes(18, offers=["a.0"])
    s.expect("a.0", "recovered", "frozen")


def a_bare_403_for_a_token_after_a_drop(s: Story) -> None:
    begun(s)
    s.drops("w", 5)
    s.cannot_connect("w", 6, "HTTP 403", 403)
    s.journal(6.03, "auth_refused", sid="nobody", reason="expired")
    s.agent_sends("a.0", 7)
    s.expect("a.0", "lost", ("auth_refused", "handshake_refused"), "never_back")


def behind_once_and_heard_of_for_long(s: Story) -> None:
    """Its last message came late; pings came for half a minute after that, which whoever is so far behind has not."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5, shown=1.5)
    s.agent_sends("a.1", 20, published=None)
    s.drops("w", 40, last_frame=39.5, reason="io client disconnect")
    s.expect("a.0", "live")
    s.expect("a.1", "lost", ("not_published", "subscribed_nowhere"), "never_back")
