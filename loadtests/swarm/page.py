"""A page: one connection of a party, the rooms that it joins, and what it shows. Each step is recorded.

The widget's defects stand here: wrong code of a page, a line or two each.
"""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
import orjson

from loadtests.swarm.backoff import Backoff
from loadtests.swarm.client import Client
from loadtests.swarm.message import Message, mid_within
from loadtests.swarm.screen import NOTHING, Mark, Screen
from loadtests.swarm.seat import Pane, Seat

if TYPE_CHECKING:
    from loadtests.swarm.chat import Party


class Page:
    """One page instance. Its client tells it everything (client.Listener)."""

    def __init__(self, party: "Party", view: int) -> None:
        self.party = party
        self.view = view
        self.panes: dict[str, Pane] = {}
        self.conn = 0
        self.was_refused = False
        self._stage = stage = party.stage
        self._is_up = False
        self._had_connection = True  # the first one gets a number of its own, too
        self._connecting_ns = 0
        self._talk = talk = party.talk
        self._message_event, self._argument = talk.side.message.event, talk.side.message.argument
        self._joins: list[partial[None]] = []  # what waits for its answer, where that is an event
        self._handlers = 0 if self._broken("late-listener") or self._broken("handler-per-connect") else 1
        scenario = stage.scenario
        seed = f"{scenario.seed}:backoff:{party.name}:{view}"
        self.client = Client(
            wire=party.wire,
            dial=party.dial,
            auth=party.credentials,
            listener=self,
            backoff=Backoff(scenario.backoff_s, scenario.backoff_max_s, seed, scenario.backoff),
            connect_deadline_s=scenario.connect_deadline_s,
            namespace=talk.side.socket.namespace,
        )
        for seat in party.seats.values():
            self.show(seat)

    def show(self, seat: Seat) -> None:
        """Show the conversation; nothing of it is there yet."""
        dedupe = not (self._broken("no-dedupe") or self._broken("handler-per-connect"))
        screen = Screen(dedupe, counts=self._talk.side.message.seq_is == "count")
        self.panes[seat.session] = seat.watched_by(screen)

    def forget(self, seat: Seat) -> None:
        pane = self.panes.pop(seat.session)
        seat.panes.remove(pane)
        self._out(pane)

    def close(self) -> None:
        for pane in list(self.panes.values()):
            self.forget(pane.seat)
            pane.seat.check()
        self.client.disconnect()

    def record(self, kind: str, **fields: Any) -> int:
        fields["party"], fields["view"], fields["conn"] = self.party.name, self.view, self.conn or None
        return self._stage.recorder.add(kind, fields)

    def _broken(self, defect: str) -> float:
        """The value of widget.DEFECT; 0 when it is off, or when this is no widget's page."""
        return self.party.defects.get(f"widget.{defect}", 0.0)

    def _did(self, defect: str, scope: str, **about: Any) -> None:
        if f"widget.{defect}" not in self._stage.defects:
            return  # a habit that the target declares: nothing was broken on purpose
        self.party.inject("defect", f"widget.{defect}", scope, view=self.view, conn=self.conn, **about)

    # -- what the client tells

    def connecting(self, attempt: int) -> None:
        if self._had_connection:
            self._had_connection = False
            self.conn = self.party.next_conn()
        self._connecting_ns = self._connection_event("connecting", attempt=attempt)

    def connect_failed(self, reason: str, status: int | None) -> None:
        self.was_refused = not self.client.wanted
        t_ns = self._connection_event("connect_failed", reason=reason, status=status, refused=self.was_refused or None)
        self._stage.row("SIO", "connect", (t_ns - self._connecting_ns) / 1e6, reason)

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        self._is_up = self._had_connection = True
        heartbeat_s = self.client.silence_s
        about = {"sid": sid, "transport": transport, "recovered": recovered, "heartbeat_ns": round(heartbeat_s * 1e9)}
        t_ns = self._connection_event("connected", **about)
        self._stage.heartbeat_s = max(self._stage.heartbeat_s, heartbeat_s)
        self._stage.row("SIO", "connect", (t_ns - self._connecting_ns) / 1e6, None)
        self._stage.counts.connected += self._is_first_up()
        self._listen()
        for pane in list(self.panes.values()):
            self.join(pane)
        self.party.is_connected()

    def upgraded(self, transport: str) -> None:
        self._connection_event("upgraded", transport=transport)

    def disconnected(self, reason: str, last_frame_ns: int | None) -> None:
        self._is_up = False
        self._joins.clear()
        self._connection_event("disconnected", reason=reason, last_frame_ns=last_frame_ns)
        self._stage.counts.connected -= self._is_first_up()
        for pane in self.panes.values():
            self._out(pane)
        if self._broken("no-reconnect") and self.client.wanted:
            self._did("no-reconnect", "connection")
            self.client.disconnect()

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        place = self._argument if name == self._message_event else 0
        payload = arguments[place] if place < len(arguments) else None
        if name in self.party.also_hears:
            self.party.also_hears[name](payload)
            return
        if self._joins and name == self._talk.side.join.answer_event:
            self._joins.pop(0)(arguments, None)
            return
        via = "live" if self._is_up else "replay"  # what comes before the answer to CONNECT was not emitted just now
        raw = self._talk.live(payload)
        message = self._received(raw, payload, via, event=name, size=size)
        handlers = self._handlers if name == self._message_event else 0
        for _ in range(handlers):
            self._display(raw, message, via)
        if not handlers:
            self._not_displayed(message, "no-listener")
        if handlers != 1 and name == self._message_event and not self._is_mine(message.mid):
            broken = "handler-per-connect" if handlers else "late-listener"
            self._did(broken, "mid", session=message.session, mid=message.mid)

    def _is_first_up(self) -> bool:
        """No other page of the party is connected: parties are counted, not pages."""
        return not any(page._is_up for page in self.party.pages if page is not self)

    def _connection_event(self, kind: str, **fields: Any) -> int:
        return self.record(kind, session=self.party.session, **fields)

    def _listen(self) -> None:
        """Listen for messages; without a defect that is done when the page is made."""
        if self._broken("handler-per-connect"):
            self._handlers += 1
        elif not self._handlers:
            self.party.wire.loop.timer(self._broken("late-listener") / 1000, self._heed)

    def _heed(self) -> None:
        self._handlers = 1

    # -- joining, and asking for what was missed

    def join(self, pane: Pane) -> None:
        """Enter the session's room, on the way that this page has to what was missed."""
        pane.mark = pane.screen.beginning if self._broken("no-dedupe") else pane.screen.mark
        if pane.joins and self._broken("no-rejoin"):
            self._did("no-rejoin", "connection")
        elif self._broken("fetch-then-join"):
            pane.joins += 1
            gevent.spawn(self._fetch, pane)
        else:
            pane.joins += 1
            self._join(pane, None if self._fetches else self._talk.asks_from(pane.mark))

    @property
    def _fetches(self) -> bool:
        """Whether it asks for what was missed by a fetch of its own, not with the join."""
        return bool(self.party.fetches or self._broken("fetch-then-join") or self._broken("replace-on-fetch"))

    def _join(self, pane: Pane, mark: Mark | None) -> None:
        session, talk, join = pane.seat.session, self._talk, self._talk.side.join
        if not join.event:
            self._is_joined(pane, mark, None)
            return
        room = talk.room(self.party.room_session(session))
        began_ns = self.record("join_sent", session=session, room=room, after=mark and mark.seq)
        answered = partial(self._join_answered, pane, self.conn, mark, began_ns)
        arguments = talk.join(self._stage.id_of(session), room, mark, self.party.badge.token)
        deadline_s = self._stage.scenario.join_deadline_s
        if join.answer == "event":
            self.client.emit(join.event, *arguments)
            self._joins.append(answered)
            self.party.wire.loop.timer(deadline_s, self._join_is_late, answered)
        else:
            takes_s = join.takes_s if join.answer == "none" else None
            self.client.emit(join.event, *arguments, acked=answered, deadline_s=deadline_s, takes_s=takes_s)

    def _join_is_late(self, answered: "partial[None]") -> None:
        if answered in self._joins:
            self._joins.remove(answered)
            answered((), "timeout")

    def _join_answered(
        self, pane: Pane, conn: int, mark: Mark | None, began_ns: int, answers: tuple[Any, ...], why: str | None
    ) -> None:
        if why == "disconnected":
            return  # recorded as the end of the connection
        session, answer = pane.seat.session, None
        if why is None:
            answer, why = self._talk.joined(answers)
        self._stage.row("SIO", "join", (time.monotonic_ns() - began_ns) / 1e6, why)
        if why is not None:
            self.record("join_failed", session=session, reason=why)
            if why == "timeout" and conn == self.conn and self.client.connected:
                self._join(pane, mark)
            return
        self._is_joined(pane, mark, answer)

    def _is_joined(self, pane: Pane, mark: Mark | None, answer: Any) -> None:
        talk, session = self._talk, pane.seat.session
        missed, members, room = talk.missed(answer), talk.told_members(answer), talk.told_room(answer)
        missed = missed if isinstance(missed, list) else []
        self.record(
            "joined",
            session=session,
            room=room if isinstance(room, str) else None,
            members=members if isinstance(members, int) else None,
            after=mark and mark.seq,
            count=len(missed) if talk.side.join.missed else None,
        )
        if not pane.joined and session in self.panes:
            self._stage.counts.joined += not any(each.joined for each in pane.seat.panes)
            pane.joined = True
        for raw in missed:
            self._display(raw, self._received(raw, raw, "join", pane.seat.session), "join")
        if self._broken("fetch-then-join"):
            about = {"start_ns": pane.fetched_ns, "end_ns": time.monotonic_ns()}
            self._did("fetch-then-join", "connection", session=session, **about)
        elif self._fetches:
            gevent.spawn(self._fetch, pane)

    def _fetch(self, pane: Pane) -> None:
        """Read the history, and show it in a while; what comes meanwhile is shown as it comes."""
        replaces, conn = bool(self._broken("replace-on-fetch")), self.conn
        pane.fetched_ns = time.monotonic_ns()
        read = self._read(pane, NOTHING if replaces else pane.mark)
        gevent.sleep(self.party.fetch_takes_s())
        if pane.seat.session not in self.panes:
            return  # it has left meanwhile
        if replaces and read:
            self._replace(pane, {message.key for _, message in read})
        for raw, message in read:
            self._display(raw, message, "history")
        if self._broken("fetch-then-join") and conn == self.conn and self.client.connected:
            self._join(pane, None)

    def read_history(self, seat: Seat) -> None:
        """Read by REST what was written before, and show it."""
        pane = self.panes[seat.session]
        for raw, message in self._read(pane, pane.screen.mark):
            self._display(raw, message, "history")

    def _read(self, pane: Pane, mark: Mark) -> list[tuple[Any, Message]]:
        """What the history holds after that, raw and read; nothing when it cannot be had."""
        mark, session, asked_ns = self._talk.reads_from(mark), pane.seat.session, time.monotonic_ns()
        messages = self.party.history(pane.seat, mark, self.party.badge) if self.party.has_history else None
        if messages is None:
            return []
        about = {"asked_ns": asked_ns, "after": mark.seq, "count": len(messages)}
        self.record("history_read", session=session, **about, audit=False)
        return [(raw, self._received(raw, raw, "history", session)) for raw in messages]

    def _replace(self, pane: Pane, ids: set[str | None]) -> None:
        for mid in pane.screen.keep(ids):
            if mid is not None and not self._is_mine(mid):
                self.record("removed", session=pane.seat.session, mid=mid)
                self._did("replace-on-fetch", "mid", session=pane.seat.session, mid=mid)

    # -- seeing

    def _received(
        self,
        raw: Any,
        payload: Any,
        via: str,
        session: str | None = None,
        event: str | None = None,
        size: int | None = None,
    ) -> Message:
        """`session`: whose it is, where the message does not say."""
        message = self._talk.reader.read(raw if raw is not None else payload)
        if message.mid is None and event in (None, self._message_event):
            message = message._replace(mid=mid_within(payload))
        if not self._talk.reader.names_session:
            message = message._replace(session=session or self.party.session_of(message.mid))
        mid, number, seq, session, *_ = message
        session = session or self.party.session
        size = _size(payload) if size is None else size
        self.record("received", via=via, event=event, session=session, mid=mid, seq=seq, id=number, size=size)
        return message

    def _display(self, raw: Any, message: Message, via: str) -> None:
        pane = self.panes.get(message.session or self.party.session or "")
        again = bool(self.party.defects) and pane is not None and pane.screen.has(message.key)
        mid, _, seq, session, due_ns, *_ = message
        why = "shape" if raw is None or not message.whole else pane.screen.show(message) if pane else "session"
        if why is not None:
            self._not_displayed(message, why)
        elif pane is not None and not self._is_mine(mid):
            if again and self._broken("no-dedupe"):
                self._did("no-dedupe", "mid", session=session, mid=mid)
            t_ns = self.record("displayed", via=via, session=session, mid=mid, seq=seq)
            late_ms = (t_ns - due_ns) / 1e6 if due_ns is not None else None
            if late_ms is not None:
                self._stage.row("SIO", "deliver", late_ms, None)
            self.party.has_seen(pane, mid, via, late_ms)

    def _not_displayed(self, message: Message, why: str) -> None:
        about = {"session": message.session or self.party.session, "mid": message.mid, "seq": message.seq}
        self.record("not_displayed", why=why, id=message.id, **about)

    def _is_mine(self, mid: str | None) -> bool:
        return mid is not None and f".{self.party.letter}." in mid

    def _out(self, pane: Pane) -> None:
        if pane.joined:
            pane.joined = False
            self._stage.counts.joined -= not any(each.joined for each in pane.seat.panes)


def _size(payload: Any) -> int | None:
    try:
        return len(orjson.dumps(payload))
    except TypeError:  # bytes in it, or what JSON has no form for
        return None
