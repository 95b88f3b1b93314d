"""What the plan's faults do to a party. Each ends by itself."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import gevent

from loadtests.plan import Strike
from loadtests.swarm.boxes import IdleLimit, poll_cut, websocket_cut
from loadtests.swarm.chat import Party
from loadtests.swarm.page import Page


def strike(party: Party, planned: Strike) -> None:
    """Let it happen now, and write that to the answer key."""
    now_ns = time.monotonic_ns()
    window = {"start_ns": now_ns, "end_ns": now_ns + round(planned.for_s * 1e9)}
    conn = party.pages[0].conn if party.pages else None
    party.inject("fault", planned.fault.name, "connection", conn=conn, **window)
    BEGIN[planned.fault.name](party, planned)


def _freeze(party: Party, planned: Strike) -> None:
    party.wire.freeze(planned.for_s)
    for page in party.pages:
        party.wire.loop.timer(0, _thawed, page, time.monotonic_ns())  # a page's own timer: it runs when they run again


def _thawed(page: Page, since_ns: int) -> None:
    page.record("frozen", session=page.party.session, since_ns=since_ns)


def _reload(party: Party, planned: Strike) -> None:
    if party.pages:
        party.close_page(party.pages[0])
        gevent.spawn_later(planned.for_s, _open, party)


def _open(party: Party) -> None:
    if party.seats:  # it has not left meanwhile
        party.open_page().client.connect()


def _two_tabs(party: Party, planned: Strike) -> None:
    tab = party.open_page()
    tab.client.connect()
    gevent.spawn_later(planned.for_s, party.close_page, tab)


def _expire(party: Party, planned: Strike) -> None:
    good, party.badge.token = party.badge.token, f"{party.badge.token}-expired"
    gevent.spawn_later(planned.for_s, _renew, party, good)


def _renew(party: Party, token: str | None) -> None:
    party.badge.token = token
    for page in party.pages:
        if page.was_refused:
            page.client.connect()


BEGIN: Mapping[str, Callable[[Party, Strike], object]] = {
    "drop": lambda party, planned: party.wire.reset(planned.for_s),
    "close": lambda party, planned: party.wire.close(planned.for_s),
    "offline": lambda party, planned: party.wire.vanish(planned.for_s),
    "half-open": lambda party, planned: party.wire.swallow(planned.way, planned.for_s),
    "idle-limit": lambda party, planned: party.wire.put_box(
        partial(IdleLimit, limit_s=planned.fault.idle_s), planned.for_s
    ),
    "websocket-cut": lambda party, planned: party.wire.put_box(websocket_cut, planned.for_s),
    "poll-cut": lambda party, planned: party.wire.put_box(poll_cut, planned.for_s),
    "slow-read": lambda party, planned: party.wire.slow(planned.fault.bytes_per_s, planned.for_s),
    "freeze": _freeze,
    "reload": _reload,
    "two-tabs": _two_tabs,
    "token-expiry": _expire,
}
