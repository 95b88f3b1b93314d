"""What is true of a whole server or network, and needs a run of its own."""

from collections.abc import Callable

from tests.written.history import Book, Story
from tests.written.stories.both import emitted_late


def restarted(book: Book, kicked: bool = False) -> Story:
    """The server dies at 10 s and is ready at 14 s; the first back-off and the way back are 2 s at most."""
    s = book.story()
    book.event(-1, "server_ready", "launcher", url="http://127.0.0.1:8000")
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    if kicked:
        s.drops("w", 8, reason="io server disconnect")
    book.server_is_killed(10)
    if not kicked:
        s.drops("w", 10.01, last_frame=9.7)
    s.drops("a", 10.02, last_frame=9.7)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["kind"] != "sid_disconnected"]
    book.server_is_back(14)
    s.connects("a", 14.3)
    s.joins("a", 14.4, after=1)
    return s


def reconnect_storm(book: Book) -> None:
    """Everybody comes back at once; the widget's first attempt times out, then its back-off; its join takes long."""
    s = restarted(book)
    s.agent_sends("a.1", 15)
    s.saw("w", 15.5, "connecting", attempt=2, conn=2)
    s.agent_sends("a.2", 17)
    s.saw("w", 18.5, "connect_failed", reason="timeout", conn=2)
    s.agent_sends("a.3", 19)
    s.connects("w", 20)
    s.agent_sends("a.4", 20.5)
    s.agent_sends("a.5", 21.5)
    s.joins("w", 21, entered=1, acked=1.1, after=1, offers=["a.1", "a.2", "a.3", "a.4", "a.5"])
    s.expect("a.5", "recovered", "offline")
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", "server_restarted")
    s.expect("a.2", "recovered", "reconnect_storm")
    s.expect("a.3", "recovered", "reconnect_storm")
    s.expect("a.4", "recovered", "offline")


def away_before_and_after_a_short_restart(book: Book) -> None:
    """For a reason of its own: its next attempt comes when the server is back, and does not reach it."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 5, reason="transport error")
    book.server_is_killed(10)
    s.drops("a", 10.02, last_frame=9.7)
    book.server_is_back(10.4)
    s.connects("a", 11)
    s.joins("a", 11.1)
    s.cannot_connect("w", 14, "Network is unreachable")
    s.agent_sends("a.0", 17)
    s.connects("w", 18)
    s.joins("w", 18.1, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def told_by_the_second_boot_alone(book: Book) -> None:
    """The first one's journal is missing: that it tells of no room says nothing."""
    s = restarted(book)
    s.agent_sends("a.1", 17)
    s.widget_comes(18, after=1, offers=["a.1"])
    s.agent_sends("a.2", 20)
    book.lines["swarm-1"] = [
        line for line in book.lines["swarm-1"]
        if line.get("mid") != s.mid("a.0") or line["kind"] not in ("received", "displayed")
    ]  # fmt: skip
    del book.lines["journal-1"]
    s.expect("a.0", "lost", "subscribed_nowhere", "not_asked")
    s.expect("a.2", "live")


def back_with_the_first_back_off(book: Book) -> None:
    s = restarted(book)
    s.agent_sends("a.1", 14.8)
    s.connects("w", 15)
    s.agent_sends("a.2", 15.4)
    s.joins("w", 15.5, after=1, offers=["a.1", "a.2"])
    s.agent_sends("a.3", 19)
    s.drops("w", 20)
    s.agent_sends("a.4", 20.5)
    s.widget_comes(21, after=4, offers=["a.4"])
    for key in ("a.1", "a.2"):
        s.expect(key, "recovered", "server_restarted")
    s.expect("a.3", "live")
    s.expect("a.4", "recovered", "offline")


def never_back_after_a_restart(book: Book) -> None:
    s = restarted(book)
    s.agent_sends("a.1", 15)
    s.agent_sends("a.2", 30)
    s.expect("a.1", "lost", "server_restarted", "never_back")
    s.expect("a.2", "lost", "reconnect_storm", "never_back")


def away_through_two_deaths(book: Book) -> None:
    """It never comes back; each death explains what follows it, until it is got over, and not what came before it."""
    s = restarted(book)
    s.agent_sends("a.1", 15)
    s.agent_sends("a.2", 18)
    book.server_is_killed(20)
    s.drops("a", 20.02, last_frame=19.7)
    book.server_is_back(24)
    s.connects("a", 24.3)
    s.joins("a", 24.4, after=1)
    s.agent_sends("a.3", 25)
    s.agent_sends("a.4", 28)
    book.server_is_killed(180)  # as the run ends
    for number, cause in enumerate(("server_restarted", "reconnect_storm") * 2, start=1):
        s.expect(f"a.{number}", "lost", cause, "never_back")


def upgrade_stuck_as_the_server_died(book: Book) -> None:
    """It waited for an upgrade, and then the server was killed with it."""
    s = book.story()
    book.event(-1, "server_ready", "launcher", url="http://127.0.0.1:8000")
    s.opens(0)
    s.connects("w", 0.5, transport="polling")
    s.joins("w", 0.6)
    s.assumes(2)
    s.agent_sends("a.0", 9, writes=False)
    s.journal(9.5, "queue", sid=s.sid("w"), depth=2, upgrading=True)
    book.server_is_killed(10)
    s.drops("w", 10.01, last_frame=8.9)
    s.drops("a", 10.02, last_frame=9.7)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["kind"] != "sid_disconnected"]
    book.server_is_back(14)
    s.widget_comes(14.8, offers=["a.0"])
    s.expect("a.0", "recovered", ("upgrade_stuck", "server_restarted"))


def kicked_by_the_new_boot_before_its_join(book: Book) -> None:
    s = restarted(book)
    s.connects("w", 15)
    s.drops("w", 15.08, last_frame=15.06, reason="io server disconnect")
    s.agent_sends("a.1", 15.5)
    s.agent_sends("a.2", 25)
    s.expect("a.1", "lost", "kicked", "never_back")
    s.expect("a.2", "lost", "kicked", "never_back")


def malformed_whatever_the_server_did(book: Book) -> None:
    """Sent before it was ready again, and after that; emitted when the widget had joined."""
    s = restarted(book)
    s.widget_comes(19, after=1)
    for n, at in enumerate((14.5, 18)):
        emitted_late(s, f"a.{n + 1}", at, 20 - at)
        s.expect(f"a.{n + 1}", "lost", "malformed", "never_back")


def kicked_before_the_server_died(book: Book) -> None:
    """It would not have come back to a living server either."""
    s = restarted(book, kicked=True)
    s.agent_sends("a.1", 14.6)
    s.agent_sends("a.2", 20)
    s.expect("a.1", "lost", "kicked", "never_back")
    s.expect("a.2", "lost", "kicked", "never_back")


def left_a_moment_before_the_server_died(book: Book) -> None:
    """Its page was being loaded anew: the server was there, and nobody else had been sent away yet."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.drops("w", 9.3, reason="io client disconnect")
    s.agent_sends("a.0", 9.5)
    book.server_is_killed(10)
    s.drops("a", 10.02, last_frame=9.7)
    book.server_is_back(14)
    s.connects("a", 14.3)
    s.joins("a", 14.4, after=1)
    s.agent_sends("a.1", 14.6)
    s.widget_comes(15, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", "server_restarted")


def frozen_as_the_server_died(book: Book) -> None:
    """The server had given it up before it died; its page noticed both when it went on."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.inside.pop("w")
    s.agent_sends("a.0", 15)
    s.freezes("w", 4, 18)
    book.server_is_killed(18)
    s.drops("a", 18.02, last_frame=17.7)
    s.drops("w", 22, last_frame=21.99, noticed=-8)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["t"] < 1_018_000_000_000]
    book.server_is_back(23)
    s.connects("a", 23.3)
    s.joins("a", 23.4, after=1)
    s.agent_sends("a.1", 23.6)
    s.widget_comes(24, offers=["a.0", "a.1"])
    s.expect("a.0", "recovered", "frozen")
    s.expect("a.1", "recovered", "server_restarted")


def stalled_after_a_freeze_that_it_outlived(book: Book) -> None:
    """With pings every second, frames that came most of a second after the freeze are signs of life."""
    book.info["scenario"] |= {"ping_interval_s": 1.0, "ping_timeout_s": 1.0}
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.freezes("w", 4, 1)
    s.agent_sends("a.0", 5.74)
    s.inside.pop("w")
    s.agent_sends("a.1", 6.4, published=1.42, answered=1.44)
    s.drops("w", 7.0, last_frame=5.76, noticed=0.8, reason="ping timeout")
    s.journal(7.81, "loop_lag", lag_ms=1800.0)
    s.widget_comes(8, after=1, offers=["a.1"])
    s.expect("a.0", "live")
    s.expect("a.1", "recovered", ("server_stalled", "gone_silent"))


def idle_and_then_the_server_died(book: Book) -> None:
    """The proxy cut it three times; the third time there was no server to come back to."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(3):
        s.widget_comes(2 + 6 * n, after=0)
        s.drops("w", 5 + 6 * n, last_frame=3 + 6 * n)
    book.server_is_killed(19)
    s.drops("a", 19.01, last_frame=18.7)
    book.server_is_back(24)
    s.connects("a", 24.3)
    s.joins("a", 24.4)
    s.agent_sends("a.0", 24.6)
    s.widget_comes(25, offers=["a.0"])
    s.expect("a.0", "recovered", "server_restarted")


def emitted_to_another_room_after_a_storm(book: Book) -> None:
    s = restarted(book)
    s.widget_comes(20, after=1)
    s.agent_sends("a.1", 25, room=s.session)
    s.expect("a.1", "lost", ("room_mismatch", "subscribed_nowhere"), "never_back")


def idle_timeout(book: Book) -> None:
    """A proxy drops what is idle for 2 s, three times; pings come every 5 s."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(3):
        at = 2 + 6 * n
        s.widget_comes(at, after=2 * n, offers=[f"a.{2 * n - 1}"] if n else [])
        s.agent_sends(f"a.{2 * n}", at + 1)
        s.drops("w", at + 3.02 + n / 100, last_frame=at + 1.02)
        s.agent_sends(f"a.{2 * n + 1}", at + 4)
    s.widget_comes(20, after=5, offers=["a.5"])
    for n in range(3):
        s.expect(f"a.{2 * n}", "live")
        s.expect(f"a.{2 * n + 1}", "recovered", "idle_timeout")


def idle_timeouts_and_who_is_back_and_has_not_joined(book: Book) -> None:
    """Up again it is no longer the proxy's, and a message that was on its way when it was cut is neither."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(3):
        s.widget_comes(2 + 6 * n, after=n, offers=[])
        s.drops("w", 5 + 6 * n, last_frame=3 + 6 * n)
    s.connects("w", 18)
    s.agent_sends("a.0", 18.5)
    s.joins("w", 19, offers=["a.0"])
    s.agent_sends("a.1", 21.98, reaches=False)
    s.drops("w", 22, last_frame=20)
    s.widget_comes(23, after=1, offers=["a.1"])
    s.expect("a.0", "recovered", "offline")
    s.expect("a.1", "recovered", ("offline", "idle_timeout"))


def cut_as_the_message_came(book: Book) -> None:
    """The proxy cuts it a moment before its client is told."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(3):
        s.widget_comes(2 + 6 * n, after=0)
        if n == 2:
            s.inside.pop("w")
            s.agent_sends("a.0", 16.99)
        s.drops("w", 5 + 6 * n, last_frame=3 + 6 * n, noticed=-0.02)
    s.widget_comes(20, offers=["a.0"])
    s.expect("a.0", "recovered", "idle_timeout")


def alike_by_chance_on_a_long_day(book: Book) -> None:
    """Whoever is cut often enough is so twice after nearly the same silence; so are all others."""
    for story in range(3):
        s = book.story()
        s.opens(0)
        s.assumes(1)
        for n in range(25):
            at = 2 + 6 * n
            s.widget_comes(at, after=n, offers=[f"a.{n - 1}"] if n else [])
            s.agent_sends(f"a.{n}", at + 4.99, reaches=False)
            s.drops("w", at + 5, last_frame=at + 0.3 + 4 * ((0.618 * n + 0.3 * story) % 1))
        s.widget_comes(152, after=25, offers=["a.24"])
        for n in range(25):
            s.expect(f"a.{n}", "recovered", "offline")


def closed_at_different_ages(book: Book) -> None:
    """As often, and nothing is constant about it."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n, silent_s in enumerate((0.6, 1.3, 2.0)):
        s.widget_comes(2 + 6 * n, after=n, offers=[f"a.{n - 1}"] if n else [])
        s.drops("w", 5 + 6 * n, last_frame=5 + 6 * n - silent_s)
        s.agent_sends(f"a.{n}", 6 + 6 * n)
    s.widget_comes(20, after=2, offers=["a.2"])
    for n in range(3):
        s.expect(f"a.{n}", "recovered", "offline")


def closed_twice_at_the_same_age(book: Book) -> None:
    """Twice is a coincidence."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(2):
        s.widget_comes(2 + 6 * n, after=n, offers=[f"a.{n - 1}"] if n else [])
        s.drops("w", 5 + 6 * n, last_frame=3 + 6 * n)
        s.agent_sends(f"a.{n}", 6 + 6 * n)
    s.widget_comes(20, after=1, offers=["a.1"])
    for n in range(2):
        s.expect(f"a.{n}", "recovered", "offline")


def a_few_alike_among_many_others(book: Book) -> None:
    """One party's drops are alike, those of four others are not: that is its own bad luck."""
    s = book.story()
    s.opens(0)
    s.assumes(1)
    for n in range(3):
        s.widget_comes(2 + 6 * n, after=n, offers=[f"a.{n - 1}"] if n else [])
        s.drops("w", 5 + 6 * n, last_frame=3 + 6 * n)
        s.agent_sends(f"a.{n}", 6 + 6 * n)
        s.expect(f"a.{n}", "recovered", "offline")
    s.widget_comes(20, after=2, offers=["a.2"])
    for _ in range(4):
        other = book.story()
        other.opens(0)
        other.widget_comes(1)
        other.drops("w", 5, last_frame=4.1)
        other.widget_comes(6)


def back_and_not_joined_when_the_run_ends(book: Book) -> None:
    """The page itself brings both; whether it would have joined on the last connection nobody can say any more."""
    s = book.story(audited=False)
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.drops("w", 3)
    s.connects("w", 4)
    s.agent_sends("a.0", 5)
    s.drops("w", 6)
    s.connects("w", 7)
    s.agent_sends("a.1", 8)
    s.reads_history("w", 9, ["a.0", "a.1"])
    s.expect("a.0", "recovered", "not_rejoined")
    s.expect("a.1", "recovered", "offline")
    book.ends = 12


def a_journal_that_tells_no_rooms(book: Book) -> None:
    """Acked, and by the journal not there: where it was instead nobody knows."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5, entered=None)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["kind"] != "room_entered"]
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")


def a_journal_that_tells_no_writes(book: Book) -> None:
    """Emitted to a connection over which the next one comes: in a poll that nobody read, or held back, nobody knows."""
    s = book.story()
    s.opens(0)
    s.connects("w", 0.5, transport="polling")
    s.joins("w", 0.6)
    s.assumes(2)
    s.agent_sends("a.0", 5, reaches=False)
    s.agent_sends("a.1", 7)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["kind"] != "written"]
    s.expect("a.0", "lost", "subscribed_nowhere", "never_back")
    s.expect("a.1", "live")


def frozen_when_the_server_was_back(book: Book) -> None:
    """Whoever stands still would miss it without a death as well."""
    s = restarted(book)
    s.agent_sends("a.1", 25)
    s.freezes("w", 15, 13)
    s.widget_comes(28.1, after=1, offers=["a.1"])
    s.expect("a.1", "recovered", "frozen")


def died_under_a_supervisor(book: Book) -> None:
    """The launcher knows only that there is a server; without a journal the refused connections tell."""
    s = book.story()
    book.event(-1, "server_ready", "launcher", url="http://127.0.0.1:8000")
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 9.95, reaches=False, answered=0.02)
    book.server_is_killed(10, told=False)
    s.drops("w", 10.01, last_frame=9.94)
    s.drops("a", 10.02, last_frame=9.94)
    book.lines["journal-1"] = [line for line in book.lines["journal-1"] if line["kind"] != "sid_disconnected"]
    s.cannot_connect("w", 11, "Connection refused")
    s.cannot_connect("a", 11, "Connection refused")
    book.server_is_back(14, told=False)
    s.widget_comes(14.5, offers=["a.0"])
    s.connects("a", 14.6)
    s.expect("a.0", "recovered", "server_restarted")


def left_before_the_server_was_ended(book: Book) -> None:
    """All are closed by themselves, and a moment later the launcher ends the server: it sent nobody away."""
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 9.95, reaches=False, answered=0.02)
    s.drops("w", 10, last_frame=9.94, reason="io client disconnect")
    s.drops("a", 10.01, last_frame=9.99, reason="io client disconnect")
    book.server_is_killed(10.2)
    s.expect("a.0", "lost", "offline", "never_back")


def own_heartbeat(book: Book, heartbeat_s: float) -> Story:
    """The scenario's is 5 + 4 s, and this server's another."""
    s = book.story()
    s.opens(0)
    s.connects("w", 0.5, heartbeat_ns=round(heartbeat_s * 1e9))
    s.joins("w", 0.6)
    s.assumes(2)
    return s


def reset_when_it_had_been_quiet_for_less_than_a_heartbeat(book: Book) -> None:
    s = own_heartbeat(book, 45)
    s.agent_sends("a.0", 39.99, reaches=False, answered=0.005)
    s.drops("w", 40, last_frame=20)
    s.widget_comes(41, offers=["a.0"])
    s.expect("a.0", "recovered", "offline")


def dead_for_a_short_heartbeat(book: Book) -> None:
    s = own_heartbeat(book, 3)
    s.agent_sends("a.0", 21.5, reaches=False)
    s.drops("w", 23, last_frame=20, reason="ping timeout", heard=19.95)
    s.widget_comes(24, offers=["a.0"])
    s.expect("a.0", "recovered", ("half_open", "gone_silent"))


ALONE: tuple[Callable[[Book], None], ...] = (
    a_journal_that_tells_no_rooms,
    a_journal_that_tells_no_writes,
    reconnect_storm,
    away_before_and_after_a_short_restart,
    told_by_the_second_boot_alone,
    back_with_the_first_back_off,
    never_back_after_a_restart,
    away_through_two_deaths,
    upgrade_stuck_as_the_server_died,
    kicked_by_the_new_boot_before_its_join,
    malformed_whatever_the_server_did,
    kicked_before_the_server_died,
    left_a_moment_before_the_server_died,
    frozen_as_the_server_died,
    stalled_after_a_freeze_that_it_outlived,
    idle_and_then_the_server_died,
    emitted_to_another_room_after_a_storm,
    idle_timeout,
    idle_timeouts_and_who_is_back_and_has_not_joined,
    cut_as_the_message_came,
    alike_by_chance_on_a_long_day,
    closed_at_different_ages,
    closed_twice_at_the_same_age,
    a_few_alike_among_many_others,
    back_and_not_joined_when_the_run_ends,
    frozen_when_the_server_was_back,
    died_under_a_supervisor,
    left_before_the_server_was_ended,
    reset_when_it_had_been_quiet_for_less_than_a_heartbeat,
    dead_for_a_short_heartbeat,
)
