"""A party with several pages: what one of them runs into says nothing of a party that another one keeps in the room."""

from tests.written.history import Story, ns


def emitted_elsewhere(s: Story, not_recovered: str) -> None:
    s.agent_sends("a.0", 5, room="lobby")
    s.agent_sends("a.1", 6)
    s.expect("a.0", "lost", ("room_mismatch", "subscribed_nowhere"), not_recovered)
    s.expect("a.1", "live")


def second_tab_turned_away(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.saw("w", 4, "connecting", attempt=1, view=2, conn=2)
    s.saw("w", 4.05, "connect_failed", reason="The token has expired.", refused=True, view=2, conn=2)
    emitted_elsewhere(s, "never_back")


def second_tab_connected_only(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.saw("w", 4, "connecting", attempt=1, view=2, conn=2)
    s.journal(4.04, "sid_connected", sid="second")
    s.saw("w", 4.05, "connected", sid="second", transport="websocket", view=2, conn=2)
    emitted_elsewhere(s, "never_back")


def second_tab_joins_meanwhile(s: Story) -> None:
    second_tab = {"view": 2, "conn": 2}
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.saw("w", 4, "connecting", attempt=1, **second_tab)
    s.saw("w", 4.05, "connected", sid="second", transport="websocket", **second_tab)
    s.saw("w", 4.9, "join_sent", after=0, room=s.room, **second_tab)
    s.saw("w", 5.5, "joined", after=0, count=0, room=s.room, **second_tab)
    emitted_elsewhere(s, "not_offered")


def second_tab_turned_away_and_the_first_drops(s: Story) -> None:
    """The first comes back by itself: it could connect."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.saw("w", 4, "connecting", attempt=1, view=2, conn=2)
    s.saw("w", 4.05, "connect_failed", reason="The token has expired.", refused=True, view=2, conn=2)
    s.saw("w", 5, "disconnected", reason="transport close", conn=1, last_frame_ns=ns(s.start_s + 4.9))
    s.journal(5.01, "sid_disconnected", sid=s.sid("w"), reason="transport close")
    s.inside.pop("w")
    s.agent_sends("a.0", 6)
    s.conns["w"] = 2
    s.widget_comes(8, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")
