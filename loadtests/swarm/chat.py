"""The verbs of a conversation: connect, join, say, read, leave. Each records what the party saw of it."""

import time
from functools import partial
from typing import Any

import gevent
import orjson

from loadtests.plan import SessionPlan
from loadtests.swarm.client import Backoff, Client
from loadtests.swarm.dial import Dial
from loadtests.swarm.message import Message, text_of
from loadtests.swarm.rest import Answer
from loadtests.swarm.screen import Screen
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage
from loadtests.swarm.wire import Wire

WIDGET, AGENT = "w", "a"


class Party:
    """A widget or an agent with its connection. Its client tells it everything (client.Listener)."""

    letter: str  # of KEY, for the messages that it sends

    def __init__(self, stage: Stage, name: str, token: str, dial: Dial, session: str | None) -> None:
        self.stage = stage
        self.name = name
        self.token = token
        self.seats: dict[str, Seat] = {}
        self._session = session  # of connection events; None for an agent, who has many
        self._conn = 0
        self._is_up = False
        self._connecting_ns = 0
        scenario = stage.scenario
        self.wire = Wire(dial)
        self.client = Client(
            wire=self.wire,
            dial=dial,
            auth=lambda: {"token": self.token},
            listener=self,
            backoff=Backoff(scenario.backoff_s, scenario.backoff_max_s, f"{scenario.seed}:backoff:{name}"),
            connect_deadline_s=scenario.connect_deadline_s,
        )
        self._message_event = stage.target.socket.message
        self._record = stage.recorder.add
        stage.counts.asked += 1

    def record(self, kind: str, **fields: Any) -> int:
        fields["party"], fields["view"] = self.name, 1
        return self._record(kind, fields)

    # -- what the client tells

    def connecting(self, attempt: int) -> None:
        self._connecting_ns = self._connection_event("connecting", self._conn + 1, attempt=attempt)

    def connect_failed(self, reason: str, status: int | None) -> None:
        t_ns = self._connection_event("connect_failed", self._conn + 1, reason=reason, status=status)
        self.stage.row("SIO", "connect", (t_ns - self._connecting_ns) / 1e6, reason)

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        self._conn += 1
        self._is_up = True
        t_ns = self._connection_event("connected", self._conn, sid=sid, transport=transport, recovered=recovered)
        self.stage.row("SIO", "connect", (t_ns - self._connecting_ns) / 1e6, None)
        self.stage.counts.connected += 1
        for seat in list(self.seats.values()):
            self.join(seat)

    def upgraded(self, transport: str) -> None:
        self._connection_event("upgraded", self._conn, transport=transport)

    def disconnected(self, reason: str, last_frame_ns: int | None) -> None:
        self._is_up = False
        self._connection_event("disconnected", self._conn, reason=reason, last_frame_ns=last_frame_ns)
        self.stage.counts.connected -= 1
        for seat in self.seats.values():
            self._out(seat)

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        payload = arguments[0] if arguments else None
        via = "live" if self._is_up else "replay"  # what comes before the answer to CONNECT was not emitted just now
        raw = self.stage.get["live_message"](payload) if name == self._message_event else payload
        self._take(raw, payload, via, name, size)

    def _connection_event(self, kind: str, conn: int, **fields: Any) -> int:
        return self.record(kind, session=self._session, conn=conn, **fields)

    # -- joining

    def sit(self, plan: SessionPlan, session: str, other: str, awaited: int, own: int) -> Seat:
        """Take one's place in a conversation in which `other` is to send `awaited` messages, and this party `own`."""
        mids = {f"{self.stage.run}:{plan.index}.{other}.{number}" for number in range(awaited)}
        seat = self.seats[session] = Seat(session, plan.index, Screen(session), mids, own)
        seat.check()  # a short run may plan nothing for it
        self.stage.over.rawlink(seat.give_up)
        return seat

    def enter(self, seat: Seat) -> None:
        """Join now, or with the next connection."""
        if self.client.connected:
            self.join(seat)

    def join(self, seat: Seat) -> None:
        """Ask to enter the session's room, and for what was missed. The outcome is recorded."""
        if seat.joins and "widget.no-rejoin" in self.stage.defects and self.letter == WIDGET:
            about = {"party": self.name, "session": seat.session, "conn": self._conn}
            self.stage.inject("defect", "widget.no-rejoin", "connection", start_ns=time.monotonic_ns(), **about)
            return
        if seat.joins and self.letter == WIDGET and not self.stage.target.client.rejoin:
            return
        seat.joins += 1
        socket = self.stage.target.socket
        room, after = socket.room.format(session=seat.session), seat.screen.after
        began_ns = self.record("join_sent", session=seat.session, conn=self._conn, room=room, after=after)
        answered = partial(self._join_answered, seat, self._conn, after, began_ns)
        deadline_s = self.stage.scenario.join_deadline_s
        self.client.emit(socket.join, {"room": room, "after": after}, acked=answered, deadline_s=deadline_s)

    def _join_answered(
        self, seat: Seat, conn: int, after: int, began_ns: int, answers: tuple[Any, ...], why: str | None
    ) -> None:
        if why == "disconnected":
            return  # recorded as the end of the connection
        answer, get = answers[0] if answers else None, self.stage.get
        if why is None and not get["ok"](answer):
            why = str(get["error"](answer) or "refused")[:200]
        about = {"session": seat.session, "conn": conn}
        took_ms = (time.monotonic_ns() - began_ns) / 1e6
        self.stage.row("SIO", "join", took_ms, why)
        if why is not None:
            self.record("join_failed", reason=why, **about)
            if why == "timeout" and self.client.connected:
                self.join(seat)
            return
        missed, members, room = (get[name](answer) for name in ("missed", "members", "room"))
        missed = missed if isinstance(missed, list) else []
        self.record(
            "joined",
            room=room if isinstance(room, str) else None,
            members=members if isinstance(members, int) else None,
            after=after,
            count=len(missed),
            **about,
        )
        if not seat.joined and seat.session in self.seats:
            seat.joined = True
            self.stage.counts.joined += 1
        for raw in missed:
            self._take(raw, raw, "join")

    # -- saying

    def say(self, seat: Seat, number: int, due_ns: int, via: str) -> None:
        """Send message `number` of this party's plan. Returns at once; the answer is recorded when it comes."""
        target, stage = self.stage.target, self.stage
        mid = f"{stage.run}:{seat.index}.{self.letter}.{number}"
        body = {target.fields.text: text_of(mid, due_ns), target.fields.mid: mid}
        sent_ns = self.record("sent", session=seat.session, mid=mid, due_ns=due_ns, via=via)
        stage.counts.sent += 1
        stage.counts.slip_ns = max(stage.counts.slip_ns, sent_ns - due_ns)
        if via == "rest":
            gevent.spawn(self._post, seat, mid, body)
        else:
            body[target.fields.session] = seat.session
            answered = partial(self._say_answered, seat, mid)
            self.client.emit(target.socket.send, body, acked=answered, deadline_s=stage.scenario.answer_deadline_s)

    def _post(self, seat: Seat, mid: str, body: dict[str, Any]) -> None:
        path = self.stage.target.rest.send.format(session=seat.session)
        answer = self.stage.call("send", "POST", path, body, self.token)
        self._answered(seat, mid, answer)

    def _say_answered(self, seat: Seat, mid: str, answers: tuple[Any, ...], why: str | None) -> None:
        payload = answers[0] if answers else None
        if why is not None:
            self._answered(seat, mid, Answer(None, None, why))
        elif self.stage.get["ok"](payload):
            self._answered(seat, mid, Answer(200, payload))
        else:
            self._answered(seat, mid, Answer(400, payload))

    def _answered(self, seat: Seat, mid: str, answer: Answer) -> None:
        get, about = self.stage.get, {"session": seat.session, "mid": mid}
        if answer.good:
            number, seq = self.stage.reader.number_and_seq(get["sent_message"](answer.body))
            self.record("accepted", status=answer.status, id=number, seq=seq, **about)
            self.stage.counts.accepted += 1
            seat.screen.has_seq(seq)
        elif answer.refused:
            reason = get["error"](answer.body)
            self.record("refused", status=answer.status, reason=reason and str(reason)[:200], **about)
        else:
            self.record("unanswered", status=answer.status, reason=answer.reason, **about)
        seat.unanswered -= 1
        seat.check()

    def never_say(self, seat: Seat, number: int, due_ns: int, reason: str) -> None:
        mid = f"{self.stage.run}:{seat.index}.{self.letter}.{number}"
        self.record("unsent", session=seat.session, mid=mid, due_ns=due_ns, reason=reason)
        seat.unanswered -= 1
        seat.check()

    # -- seeing

    def _take(self, raw: Any, payload: Any, via: str, event: str | None = None, size: int | None = None) -> None:
        message = self.stage.reader.read(raw if raw is not None else payload)
        about = {"session": message.session or self._session, "conn": self._conn, "mid": message.mid}
        seat = self.seats.get(message.session or self._session or "")
        size = size if size is not None else _size(payload)
        self.record("received", via=via, event=event, id=message.id, seq=message.seq, size=size, **about)
        why = self._why_not(seat, raw, message, via, event)
        if why is not None:
            self.record("not_displayed", why=why, id=message.id, seq=message.seq, **about)
        elif seat is not None and not self._is_mine(message):
            t_ns = self.record("displayed", via=via, seq=message.seq, **about)
            self.stage.counts.displayed += 1
            if message.due_ns is not None:
                self.stage.row("SIO", "deliver", (t_ns - message.due_ns) / 1e6, None)
            seat.awaited.discard(message.mid or "")
            seat.check()

    def _why_not(self, seat: Seat | None, raw: Any, message: Message, via: str, event: str | None) -> str | None:
        if event is not None and event != self._message_event:
            return "no-listener"
        if raw is None or not message.whole:
            return "shape"
        return seat.screen.show(message) if seat is not None else "session"

    def _is_mine(self, message: Message) -> bool:
        return message.mid is not None and f".{self.letter}." in message.mid

    def read_history(self, seat: Seat) -> None:
        """Read by REST what was written before, and show it."""
        messages = self._history(seat, seat.screen.after, self.token)
        if messages is not None:
            self.record("history_read", session=seat.session, after=seat.screen.after, count=len(messages), audit=False)
            for raw in messages:
                self._take(raw, raw, "history")

    def audit(self, seat: Seat) -> None:
        """Read all that is stored, by the auditor's token: a witness, never a display."""
        token = self.stage.auditor()
        messages = self._history(seat, 0, token) if token else None
        if messages is None:
            return
        self.record("history_read", session=seat.session, after=0, count=len(messages), audit=True)
        for message in map(self.stage.reader.read, messages):
            about = {"mid": message.mid, "id": message.id, "seq": message.seq}
            self.record("received", session=seat.session, via="audit", **about)
            if message.mid in seat.awaited:
                self.stage.row("SIO", "deliver", 0.0, "lost")

    def _history(self, seat: Seat, after: int, token: str) -> list[Any] | None:
        path = self.stage.target.rest.history.format(session=seat.session, after=after)
        answer = self.stage.insist("history", "GET", path, token=token)
        messages = self.stage.get["missed"](answer.body)
        return messages if answer.good and isinstance(messages, list) else None

    # -- leaving

    def leave(self, seat: Seat) -> None:
        """Be done with the session: what is stored later is not owed to this party."""
        if self.seats.pop(seat.session, None) is not None:
            self.stage.over.unlink(seat.give_up)
            self._out(seat)
            self.record("closed", session=seat.session)

    def withdraw(self, reason: str) -> None:
        """Stop in the middle; what is owed to the party from now on is unjudged."""
        for seat in list(self.seats.values()):
            self.record("withdrawn", session=seat.session, reason=reason)
            self.seats.pop(seat.session)

    def _out(self, seat: Seat) -> None:
        if seat.joined:
            seat.joined = False
            self.stage.counts.joined -= 1


def _size(payload: Any) -> int | None:
    try:
        return len(orjson.dumps(payload))
    except TypeError:  # bytes in it, or what JSON has no form for
        return None
