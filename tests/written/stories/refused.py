"""C: the recipient cannot connect, or not stay connected."""

from tests.written.history import Story, ns


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


def origin_refused_and_then_no_network(s: Story) -> None:
    """An attempt that got no answer does not undo the refusal before it."""
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "Network is unreachable")
    s.agent_sends("a.0", 3)
    s.cannot_connect("w", 4, "https://shop.example is not an accepted origin", 400)
    s.cannot_connect("w", 6, "Network is unreachable")
    s.agent_sends("a.1", 7)
    s.widget_comes(8, offers=["a.0", "a.1"])
    s.drops("w", 10)
    s.cannot_connect("w", 11, "Network is unreachable")
    s.agent_sends("a.2", 12)
    s.expect("a.0", "recovered", "early_message")
    s.expect("a.1", "recovered", "origin_refused")
    s.expect("a.2", "lost", "offline", "never_back")


def handshake_refused(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    for at in (2, 4, 8):
        s.cannot_connect("w", at, "HTTP 403", 403)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", "handshake_refused", "never_back")


def handshake_refused_by_its_name(s: Story) -> None:
    """Whatever reads a bare 403 may call it Forbidden; that is no word about a token."""
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "Handshake status 403 Forbidden", 403)
    s.agent_sends("a.0", 5)
    s.cannot_connect("w", 8, "Forbidden")
    s.agent_sends("a.1", 9)
    s.expect("a.0", "lost", "handshake_refused", "never_back")
    s.expect("a.1", "lost", "auth_refused", "never_back")


def origin_refused_by_the_library_of_a_server_in_node(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "Not allowed by CORS", 500)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", "origin_refused", "never_back")


def origin_refused_by_the_journal(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "HTTP 403", 403)
    s.journal(2.03, "origin_refused", origin="https://shop.example")
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("origin_refused", "handshake_refused"), "never_back")


def auth_refused_in_words_of_their_own(s: Story) -> None:
    """Whoever checks tokens says what they like; that there is no such namespace says somebody else."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.cannot_connect("w", 6, "key already used", refused=True)
    s.agent_sends("a.0", 8)
    s.cannot_connect("w", 10, "Invalid namespace", refused=True)
    s.agent_sends("a.1", 12)
    s.expect("a.0", "lost", "auth_refused", "never_back")
    s.expect("a.1", "lost", "offline", "never_back")


def auth_refused(s: Story) -> None:
    """The token is old when the connection breaks; the client does not try again by itself."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.cannot_connect("w", 6, "The token has expired.")
    s.journal(6.04, "auth_refused", sid="x", reason="The token has expired.")
    s.agent_sends("a.1", 9)
    s.expect("a.0", "lost", "offline", "never_back")
    s.expect("a.1", "lost", "auth_refused", "never_back")


def auth_refused_from_the_first(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "HTTP 401", 401)
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", "auth_refused", "never_back")


def auth_refused_until_there_is_a_new_token(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.cannot_connect("w", 6, "jwt expired")
    s.agent_sends("a.0", 6.5)
    s.connects("w", 7)
    s.agent_sends("a.1", 7.03)
    s.joins("w", 7.1, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "auth_refused")
    s.expect("a.1", "recovered", "offline")


def auth_refused_by_the_journal(s: Story) -> None:
    s.opens(0)
    s.assumes(1)
    s.cannot_connect("w", 2, "HTTP 403", 403)
    s.journal(2.03, "auth_refused", sid="x", reason="no token")
    s.agent_sends("a.0", 5)
    s.expect("a.0", "lost", ("auth_refused", "handshake_refused"), "never_back")


def refused_by_the_network_only(s: Story) -> None:
    """Somebody else's token is refused at that time."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.journal(6.04, "auth_refused", sid="x", reason="no token")
    s.cannot_connect("w", 6, "Connection refused")
    s.agent_sends("a.0", 6.5)
    s.widget_comes(8, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def an_origin_that_was_good_before(s: Story) -> None:
    """The allow-list changed while it was connected; until it asks it is only away."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.agent_sends("a.0", 5.5)
    s.cannot_connect("w", 6, "not an accepted origin", 400)
    s.agent_sends("a.1", 6.5)
    s.expect("a.0", "lost", "offline", "never_back")
    s.expect("a.1", "lost", "origin_refused", "never_back")


def an_origin_that_was_good_before_by_the_journal(s: Story) -> None:
    """With a journal it is no less known than without."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.cannot_connect("w", 6, "Forbidden", 403)
    s.journal(6.03, "origin_refused", origin="https://shop.example")
    s.agent_sends("a.0", 6.5)
    s.widget_comes(9, offers=["a.0"])
    s.expect("a.0", "recovered", ("origin_refused", "handshake_refused"))


def a_proxy_that_does_not_reach_its_origin(s: Story) -> None:
    """That origin is the server, not the page's."""
    s.opens(0)
    s.assumes(1)
    s.widget_comes(2)
    s.drops("w", 5)
    s.cannot_connect("w", 6, "Origin is unreachable", 523)
    s.agent_sends("a.0", 6.5)
    s.expect("a.0", "lost", "offline", "never_back")


def kicked(s: Story) -> None:
    """The server disconnects it as the message comes; it does not come back from that by itself."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.inside.pop("w")
    s.agent_sends("a.0", 5)
    s.drops("w", 5.008, last_frame=5.007, noticed=-0.006, reason="io server disconnect")
    s.agent_sends("a.1", 9)
    s.expect("a.0", "lost", "kicked", "never_back")
    s.expect("a.1", "lost", "kicked", "never_back")


def kicked_and_back(s: Story) -> None:
    """Its application connects again; joining is no longer the kick's."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5, reason="io server disconnect")
    s.agent_sends("a.0", 5.5)
    s.connects("w", 6)
    s.agent_sends("a.1", 6.5)
    s.joins("w", 7, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "kicked")
    s.expect("a.1", "recovered", "offline")


def _second_page(s: Story, at: float, conn: int) -> None:
    page = {"view": 2, "conn": conn}
    sid = f"{s.session}-{conn}"
    s.saw("w", at, "connected", sid=sid, transport="websocket", **page)
    s.saw("w", at + 0.1, "join_sent", after=0, room=s.room, **page)
    s.journal(at + 0.12, "room_entered", sid=sid, room=s.room, session=s.session)
    s.saw("w", at + 0.15, "joined", after=0, count=0, room=s.room, **page)


def kicked_by_a_tab_that_was_closed_later(s: Story) -> None:
    """The server allows one connection a user: the second tab takes the first one's place, and is closed."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    _second_page(s, 3, conn=2)
    s.drops("w", 3.2, reason="io server disconnect", last_frame=3.19)
    s.saw("w", 6, "disconnected", view=2, conn=2, reason="io client disconnect", last_frame_ns=ns(s.start_s + 5.9))
    s.journal(6.01, "sid_disconnected", sid=f"{s.session}-2", reason="client disconnect")
    s.agent_sends("a.0", 8)
    s.expect("a.0", "lost", "kicked", "never_back")


def kicked_some_time_before_a_reload(s: Story) -> None:
    """The page before is no other tab; what is missed between the two is not the kick's doing."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.drops("w", 3, reason="io server disconnect")
    s.agent_sends("a.0", 3.2)
    s.widget_comes(3.5, offers=["a.0"])
    s.drops("w", 6, reason="io client disconnect")
    s.agent_sends("a.1", 6.2)
    _second_page(s, 6.5, conn=3)
    s.expect("a.0", "recovered", "kicked")
    s.expect("a.1", "lost", "offline", "not_offered")


def kicked_before_a_reload_and_reset_after_it(s: Story) -> None:
    """The first page is gone, although nobody saw it go; that the second is closed in the end changes nothing."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.drops("w", 3, reason="io server disconnect")
    _second_page(s, 4, conn=2)
    s.saw("w", 6, "disconnected", view=2, conn=2, reason="transport close", last_frame_ns=ns(s.start_s + 5.99))
    s.agent_sends("a.0", 6.2)
    _second_page(s, 6.5, conn=3)
    s.saw("w", 9, "disconnected", view=2, conn=3, reason="io client disconnect", last_frame_ns=ns(s.start_s + 8.99))
    s.expect("a.0", "lost", "offline", "not_offered")


def kicked_by_a_tab_that_was_reset_before_it_was_closed(s: Story) -> None:
    """While the second tab is open, it is its own absence that counts."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    _second_page(s, 3, conn=2)
    s.drops("w", 3.2, reason="io server disconnect", last_frame=3.19)
    s.saw("w", 6, "disconnected", view=2, conn=2, reason="transport close", last_frame_ns=ns(s.start_s + 5.99))
    s.agent_sends("a.0", 6.2)
    _second_page(s, 6.5, conn=3)
    s.saw("w", 9, "disconnected", view=2, conn=3, reason="io client disconnect", last_frame_ns=ns(s.start_s + 8.99))
    s.expect("a.0", "lost", "offline", "not_offered")


def kicked_by_the_journal(s: Story) -> None:
    """A client that calls it a closed transport."""
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5)
    s.journal(4.999, "sid_disconnected", sid=s.sid("w"), reason="server disconnect")
    s.agent_sends("a.0", 5.5)
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", ("kicked", "offline"))


def on_its_way_when_it_was_kicked(s: Story) -> None:
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 4.98, reaches=False)
    s.drops("w", 5, last_frame=4.97, reason="io server disconnect")
    s.widget_comes(6, offers=["a.0"])
    s.expect("a.0", "recovered", ("offline", "kicked"))


def connected_again_after_a_refused_join_and_asking_no_more(s: Story) -> None:
    """That it does not join is because its join was not understood."""
    s.opens(0)
    s.assumes(1)
    s.connects("w", 2)
    s.joins("w", 2.1, entered=None, failed=(0.02, "There is no event 'join'"))
    s.drops("w", 4)
    s.connects("w", 5)
    s.agent_sends("a.0", 8)
    s.expect("a.0", "lost", "event_mismatch", "never_back")
