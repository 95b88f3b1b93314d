"""The steps of a probe: what each asks of the server, what came of it, and what mends the target where nothing did."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import NoReturn

from gevent.event import AsyncResult

from loadtests.plan import SessionPlan
from loadtests.swarm import mends
from loadtests.swarm.chat import Party
from loadtests.swarm.parties import Customer, Desk
from loadtests.swarm.probed import WITHIN_S, Failed, Probed
from loadtests.swarm.seat import Seat
from loadtests.swarm.tape import EVENT, Event

AWAY_S = 0.3
SAYING = "event, text, session; or arguments, if it takes several; or answer, if the server acks none"
SEQ_IS = "count is 1, 2, 3...; time is what only grows: ms, an ISO 8601 time, an id"
PLAN = SessionPlan(0, 0, 0.0, 0.0, 0.0, 0.0, (0.0,), (0.0, 0.0), None, ())  # one message there, two back


class Steps(Probed):
    """Of one customer and one agent, to be taken in their order."""

    def titled(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        customer: tuple[tuple[str, Callable[[], str]], ...] = (
            ("a customer opens a session", self.open),
            ("the customer connects", lambda: self.connects(self.customer)),
            ("the customer joins", lambda: self.joins(self.customer)),
        )
        agent: tuple[tuple[str, Callable[[], str]], ...] = (
            ("an agent logs in", self.log_in),
            ("the agent connects", lambda: self.connects(self.desk)),
        )
        asks = self.target.escalate.path or self.target.escalate.event
        return (
            *(customer + agent if asks or not self.target.waiting.event else agent + customer),  # who must hear of it
            ("the customer asks for a human, and the agent hears of it", self.escalate),
            ("the agent takes the session and joins", self.assume),
            ("the agent says something to the customer", lambda: self.says(self.desk, 0, self.customer)),
            ("the customer says something to the agent", lambda: self.says(self.customer, 0, self.desk)),
            ("the history is read", self.audit),
            ("the customer's connection is reset, and it misses a message", self.come_back),
            ("the session is closed", self.close),
        )

    # -- the steps; each returns what came of it, or raises Failed

    def open(self) -> str:
        opened = Customer.open(self.stage, PLAN)
        if opened is None:
            self.refuse("the session was not opened", "open")
        self.customer, self.seat = opened
        self.tape.wears(self.customer.badge)
        self.listen(self.customer)
        return f"session {self.seat.session}"

    def connects(self, party: Party) -> str:
        dial = party.dial
        self.tape.lines.append(f"> GET {dial.resource(dial.transports[0], {})}")
        party.connect()
        transport = self.connected(party)["transport"]
        return f"connected by {transport}; who is silent is given up after {party.pages[0].client.silence_s:g} s"

    def connected(self, party: Party) -> Event:
        found = self.wait(party, "connected", "connect_failed")
        if found is None:
            self.fail_to_connect(party, "timeout", None)
        if found["kind"] == "connect_failed":
            self.fail_to_connect(party, found["reason"], found["status"])
        return found

    def fail_to_connect(self, party: Party, reason: str, status: int | None) -> NoReturn:
        key, mend = mends.of_connection(reason, status, self.reached(party))
        of_agents = mends.OF_AGENTS + self.no_secret if isinstance(party, Desk) and key == mends.AUTH else ""
        raise Failed(f"no connection: {reason}", key, mend + of_agents)

    def joins(self, party: Party) -> str:
        side = party.talk.side
        found = self.wait(party, "joined", "join_failed")
        if found is None or found["kind"] == "join_failed":
            why = "timeout" if found is None else found["reason"]
            if why == "timeout":
                raise Failed(
                    "the join was not answered", "[join] event", "is it known there, in the namespace of [socket]? or "
                    "arguments, if it takes several; or answer, if it acks none"
                )  # fmt: skip
            raise Failed(f"the join was refused: {why}", *mends.of_ack("join", why, "room, into, session, token"))
        if not side.join.event:
            return "the server is to put the connection into its room by itself"
        self.check_ack(party, "join")
        told = f", {found['members']} there" if found["members"] is not None else ""
        rests = f"no answer is expected: entered {side.join.takes_s:g} s later" if side.join.answer == "none" else ""
        return rests or f"in {found['room'] or party.talk.room(self.seat.session)}{told}"

    def log_in(self) -> str:
        badge = self.stage.log_in(0)
        if badge is None:
            self.refuse("the agent could not log in", "login")
        self.tape.wears(badge)
        self.told = AsyncResult()
        self.desk = Desk(self.stage, 0, badge, lambda session, *_: self.told.set(session))
        self.listen(self.desk)
        has = [f"{len(badge.cookies)} cookie(s)"] * bool(badge.cookies) + ["a token"] * bool(badge.token)
        return f"with {' and '.join(has) or 'nothing'}"

    def escalate(self) -> str:
        waiting = self.target.waiting
        if not self.customer.takes_step("escalate", self.seat.session):
            self.refuse("the customer could not ask for a human", "escalate")
        if self.stage.tells_waiting:
            return "entrega itself tells agents who waits"
        told = self.told.wait(WITHIN_S) if waiting.event else self.seat.session
        if told is None:
            raise Failed(
                f"no {waiting.event!r} came that names {self.name}", "[waiting]", "event, event_session, event_name"
            )
        if told != self.seat.session:
            fields = ", ".join(mends.paths(next(iter(self.tape.last_arguments(self.desk.name, EVENT)), None)))
            raise Failed(
                f"{waiting.event!r} came with another id", "[waiting] event_session", f"its payload has {fields}"
            )
        named = self.stage.id_of(self.seat.session), self.name, None
        if waiting.path and named not in self.desk.read_waiting():
            if not self.stage.last.good:
                self.refuse("the list of waiting sessions cannot be read", "waiting")
            raise Failed(f"{self.name} is not in the list", "[waiting]", "path, list, session, name: see what came")
        return " and ".join(["by the event"] * bool(waiting.event) + ["by the list"] * bool(waiting.path))

    @property
    def name(self) -> str:
        return f"entrega-{self.stage.run}-{PLAN.index}"

    def assume(self) -> str:
        seat = self.desk.assume(PLAN, self.seat.session, False)
        if seat is None:
            self.refuse("the agent could not take the session", "assume")
        self.desk_seat: Seat = seat
        for page in self.desk.pages:
            page.read_history(seat)
        self.desk.enter(seat)
        return self.joins(self.desk)

    def says(self, sender: Party, number: int, to: Party) -> str:
        seat, key = (self.desk_seat, "a") if sender is self.desk else (self.seat, "w")
        mid = f"{self.stage.run}:0.{key}.{number}"
        sender.say(seat, "rest" if sender is self.desk else "socket", number, time.monotonic_ns())
        answered = self.wait(sender, "accepted", "refused", "unanswered", within_s=6.0)
        if answered is None or answered["kind"] != "accepted":
            why = "no answer" if answered is None else f"{answered['kind']}, {answered['reason']}"
            said = answered["reason"] if answered and answered["kind"] == "refused" else ""
            mend = mends.of_ack("send", said, SAYING)
            by_rest = self.tape.lines[-1].startswith("< ") and not self.stage.last.good
            raise Failed(f"it was not taken: {why}", *(mends.of_answer(self.stage.last, "send") if by_rest else mend))
        if self.find(sender, "sent")[-1]["via"] == "socket":
            self.check_ack(sender, "send")
        shown = self.wait(to, "displayed", mid=mid)
        if shown is None:
            self.not_shown(to, mid)
        side = sender.talk.side
        lacks = side.send.answer != "none" and side.message.id and not answered["id"]
        return f"shown to {to.name}" + "; its answer names no id ([send] message)" * bool(lacks)

    def not_shown(self, to: Party, mid: str) -> NoReturn:
        """What the recipient's page made of what came to it meanwhile."""
        names, table = to.talk.side.message, self.table(to, "message")
        came = self.find(to, "received")
        if not came:
            raise Failed("it never came", "[join] room", "is that the room that the server emits to?")
        event = came[-1]["event"]
        if event != names.event:
            raise Failed(f"an event {event!r} came, not {names.event!r}", f"{table} event", f"is it {event!r}?")
        refused = self.find(to, "not_displayed")
        why = refused[-1]["why"] if refused else f"no {mid} in its text"
        arguments = self.tape.last_arguments(to.name, EVENT)
        place = mends.argument_with(mid, names, arguments)
        if place not in (None, names.argument):
            raise Failed(
                f"it came and cannot be shown ({why})", f"{table} argument", f"its text is in argument {place}"
            )
        payload = arguments[names.argument] if names.argument < len(arguments) else None
        mend = f"its payload has {', '.join(mends.paths(payload))}{mends.lacking(names, payload)}"
        raise Failed(f"it came and cannot be shown ({why})", f"{table} body, text, id, session", mend)

    def table(self, party: Party, name: str) -> str:
        """Where the target says that of this party."""
        own = party is self.desk and getattr(self.target.agent, name) != getattr(self.target.widget, name)
        return f"[agent.{name}]" if own else f"[{name}]"

    def audit(self) -> str:
        if not self.customer.has_history:
            return "there is none: what is stored is not known, and agents cannot read what was said before"
        self.customer.audit(self.seat)
        if not self.find(self.customer, "history_read"):
            self.refuse("it could not be read", "history")
        mids = {event["mid"] for event in self.find(self.customer, "received")}
        lacking = {f"{self.stage.run}:0.{key}.0" for key in "aw"} - mids
        if lacking:
            raise Failed(f"it holds {len(mids)} of 2 messages", "[history]", "list, from_start; [message] text, mid")
        self.look_at_seqs()
        return "both messages are in it"

    def look_at_seqs(self) -> None:
        """Those in the history: what is no count, and taken for one, has holes everywhere, or before the first."""
        names = self.customer.talk.side.message
        seqs = [event["seq"] for event in self.find(self.customer, "received") if event["via"] == "audit"]
        found = sorted(seq for seq in seqs if seq is not None)
        if names.seq and not found:
            raise Failed(f"{names.seq!r} holds no {names.seq_is}", "[message] seq, seq_is", SEQ_IS)
        if names.seq_is == "count" and (found[:1] > [1] or any(seq != before + 1 for before, seq in pairwise(found))):
            raise Failed(f"{names.seq!r} is no count without holes: {found}", "[message] seq_is", SEQ_IS)

    def come_back(self) -> str:
        customer, recover = self.customer, self.target.client.recover
        customer.wire.reset(AWAY_S)
        self.desk.say(self.desk_seat, "rest", 1, time.monotonic_ns())
        if not self.target.client.reconnect:
            return "the widget is declared not to come back"
        self.connected(customer)
        if self.target.client.rejoin:
            self.joins(customer)
        mid = f"{self.stage.run}:0.a.1"
        shown = self.wait(customer, "displayed", mid=mid)
        if shown is not None:
            rests = "" if shown["via"] != "replay" or recover == "none" else f"; by {recover} it has not been tried"
            return f"back, and what it missed came by {shown['via']}{rests}"
        if recover == "none":
            return "back, and what it missed is lost: the target has no way to it ([join] missed, or [history] path)"
        read = self.find(customer, "history_read", "joined")
        about = "the answer held nothing" if read and not read[-1]["count"] else "the answer was not read"
        key = "[join]" if recover == "join" else "[history]"
        raise Failed(f"back, and what it missed did not come by {recover}: {about}", key, "after, missed; path, list")

    def close(self) -> str:
        if not self.customer.takes_step("close", self.seat.session):
            self.refuse("it could not be closed", "close")
        self.customer.go()
        self.desk.go()
        closes = self.target.close.path or self.target.close.event
        return "closed" if closes else f"nothing closes it; its name is {self.name}"
