"""The verbs of a conversation: take a seat, say, read the history, leave. Each records what came of it."""

import dataclasses
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.event import AsyncResult

from loadtests.payload import body, spread
from loadtests.plan import SessionPlan
from loadtests.swarm.badge import Badge
from loadtests.swarm.dial import LONGEST_REASON, Dial
from loadtests.swarm.message import text_of
from loadtests.swarm.page import Page
from loadtests.swarm.rest import Answer
from loadtests.swarm.screen import NOTHING, Mark
from loadtests.swarm.seat import Pane, Seat
from loadtests.swarm.stage import TRY_AGAIN_S, Stage
from loadtests.swarm.talk import Reply, Talk, path
from loadtests.swarm.wire import Wire
from loadtests.target import Step

WIDGET, AGENT = "w", "a"
GRACE_S = 1.0  # beyond pingInterval + pingTimeout, until the server has given up a connection


@dataclass(slots=True)
class Draft:
    """A message on its way, and how often it may be sent again."""

    pane: Pane
    mid: str
    due_ns: int
    via: str
    text: str
    retries: int


class Party:
    """A widget or an agent: a person, their network, and the pages that they have open."""

    letter: str  # of KEY, for the messages that it sends
    fetches = False  # its pages ask for what was missed by a fetch of their own

    def __init__(self, stage: Stage, name: str, badge: Badge, talk: Talk, dial: Dial, session: str | None) -> None:
        self.stage = stage
        self.name = name
        self.badge = badge
        self.talk = talk
        self.dial = dial = dataclasses.replace(dial, badge=badge)
        self.session = session  # of connection events; None for an agent, who has many
        self.seats: dict[str, Seat] = {}
        self._sessions: dict[str, str] = {}  # by the index in mids, for messages that do not name their session
        self.defects: dict[str, float] = {}  # of its pages: those that are on, and habits that are declared
        self.also_hears: dict[str, Callable[[Any], None]] = {}  # events beside messages, and what is done with them
        send = talk.side.send
        by_rest = send.path or stage.code.has("send")
        self._only_way = None if send.event and by_rest else "socket" if send.event else "rest"  # that the target has
        scenario = stage.scenario
        self.wire = Wire(dial, scenario.ping_interval_s + scenario.ping_timeout_s + GRACE_S)
        self.pages: list[Page] = []
        self._views = self._conns = 0
        self._fetches = 0
        stage.counts.asked += 1

    def record(self, kind: str, **fields: Any) -> int:
        pages = self.pages
        fields["party"], fields["view"] = self.name, pages[0].view if pages else None
        return self.stage.recorder.add(kind, fields)

    def inject(self, kind: str, name: str, scope: str, **about: Any) -> None:
        """One line of the answer key: this party was struck."""
        about = {"start_ns": time.monotonic_ns(), "session": self.session, **about}
        self.stage.inject(kind, name, scope, party=self.name, **about)

    # -- pages

    def open_page(self) -> Page:
        """One more page: it knows the person's conversations, and nothing of what was said."""
        self._views += 1
        page = Page(self, self._views)
        self.pages.append(page)
        return page

    def close_page(self, page: Page) -> None:
        if page in self.pages:
            self.pages.remove(page)
            page.close()

    def connect(self) -> None:
        for page in self.pages:
            page.client.connect()

    def next_conn(self) -> int:
        self._conns += 1
        return self._conns

    def is_connected(self) -> None:
        """A page has joined what it is to join."""

    def credentials(self) -> dict[str, Any]:
        """What a page shows the server."""
        return self.badge.in_connect()

    def session_of(self, mid: str | None) -> str | None:
        """Whose a message is that does not say so: the customer's own, or by the token in its text."""
        return self.session or self._sessions.get(mid.partition(":")[2].partition(".")[0]) if mid else self.session

    def room_session(self, session: str) -> str:
        """The session whose room a page enters for this one."""
        return session

    def fetch_takes_s(self) -> float:
        self._fetches += 1
        dice = random.Random(f"{self.stage.scenario.seed}:fetch:{self.name}:{self._fetches}")
        return dice.uniform(*self.stage.scenario.fetch_takes_s)

    # -- a place in a conversation

    def sit(self, plan: SessionPlan, session: str, since_ns: int, other: str, awaited: Iterable[int], own: int) -> Seat:
        """Take one's place where `other` is to send the messages with the numbers `awaited`, and this party `own`."""
        mids = {f"{self.stage.run}:{plan.index}.{other}.{number}" for number in awaited}
        seat = self.seats[session] = Seat(session, plan.index, since_ns, mids, own)
        self._sessions[str(plan.index)] = session
        for page in self.pages:
            page.show(seat)
        seat.check()  # a short run may plan nothing for it
        self.stage.over.rawlink(seat.give_up)
        return seat

    def enter(self, seat: Seat) -> None:
        """Join now, or with the next connection."""
        for page in self.pages:
            if page.client.connected:
                page.join(page.panes[seat.session])

    def has_seen(self, pane: Pane, mid: str | None, via: str, late_ms: float | None) -> None:
        """A page shows it, so long after its due."""
        seat = pane.seat
        if mid in seat.awaited:
            seat.awaited.remove(mid)
            counts = self.stage.counts
            counts.displayed += 1
            if late_ms is not None and (via != "history" or self.letter != AGENT):  # owed from the assume on
                counts.caught_up += via != "live"
                counts.latencies_ms.append(round(late_ms, 3))
        if pane.awaited is not None:
            pane.awaited.discard(mid or "")
        seat.check()

    def takes_step(self, name: str, session: str, ask: Callable[..., Answer] | None = None) -> bool:
        """Ask for escalate, assume or close, which waits; true also where the target needs no such request."""
        step = getattr(self.stage.target, name)
        said = body(step.extra, step.session)(self.stage.id_of(session))
        if step.event:
            return self._takes_by_event(step, said)
        ask = ask or self.stage.insist
        return not step.path or ask(name, step.method, path(step.path, session), said, self.badge).good

    def _takes_by_event(self, step: Step, said: Any) -> bool:
        if not self.pages:
            return False
        told = AsyncResult()
        self.pages[0].client.emit(
            step.event,
            *spread(step.arguments)(said),
            acked=lambda arguments, why: told.set((arguments, why)),
            deadline_s=self.stage.scenario.answer_deadline_s,
            takes_s=0.0 if step.answer == "none" else None,
        )
        arguments, why = told.get()
        return why is None and Reply(step.answer, "", "", step.error).read(arguments)[1] is None

    # -- saying

    def say(self, seat: Seat, via: str, number: int, due_ns: int) -> None:
        """Send message `number` of this party's plan. Returns at once; the answer is recorded when it comes."""
        if not self.pages or self.wire.loop.frozen:
            self.never_say(seat, "frozen" if self.pages else "no page", number, due_ns)
            return
        stage = self.stage
        mid = f"{stage.run}:{seat.index}.{self.letter}.{number}"
        pane, text = self.pages[0].panes[seat.session], text_of(mid, due_ns, stage.words(mid))
        sent_ns = self._send(Draft(pane, mid, due_ns, self._only_way or via, text, stage.scenario.retries))
        counts, slip_ns = stage.counts, sent_ns - due_ns
        counts.sent += 1
        if slip_ns > counts.slip_ns:
            counts.slip_ns = slip_ns

    def never_say(self, seat: Seat, reason: str, number: int, due_ns: int) -> None:
        mid = f"{self.stage.run}:{seat.index}.{self.letter}.{number}"
        self.record("unsent", session=seat.session, mid=mid, due_ns=due_ns, reason=reason)
        self._is_through(seat)

    def _send(self, draft: Draft) -> int:
        session, send = draft.pane.seat.session, self.talk.side.send
        sent_ns = self.record("sent", session=session, mid=draft.mid, due_ns=draft.due_ns, via=draft.via)
        if draft.via == "rest":
            gevent.spawn(self._post, draft)
        else:
            self.pages[0].client.emit(
                send.event,
                *self.talk.emit(draft.text, draft.mid, self.stage.id_of(session)),
                acked=partial(self._say_answered, draft),
                deadline_s=self.stage.scenario.answer_deadline_s,
                takes_s=send.takes_s if send.answer == "none" else None,
            )
        return sent_ns

    def _post(self, draft: Draft) -> None:
        session, send = draft.pane.seat.session, self.talk.side.send
        if self.stage.code.has("send"):
            answer = self.stage.ask_own("send", self.badge, session, draft.text, draft.mid)
        else:
            said = self.talk.say(draft.text, draft.mid)
            answer = self.stage.call("send", send.method, path(send.path, session), said, self.badge)
        self._answered(draft, answer)

    def _say_answered(self, draft: Draft, answers: tuple[Any, ...], why: str | None) -> None:
        if why is not None:
            self._answered(draft, Answer(None, None, why))
            return
        payload, why = self.talk.said(answers)
        self._answered(draft, Answer(200 if why is None else 400, payload, why))

    def _answered(self, draft: Draft, answer: Answer) -> None:
        seat, mid = draft.pane.seat, draft.mid
        session = seat.session
        if answer.good:
            number, seq = self.talk.reader.number_and_seq(self.talk.stored(answer.body))
            self.record("accepted", status=answer.status, id=number, session=session, mid=mid, seq=seq)
            self.stage.counts.accepted += 1
            draft.pane.screen.has_seq(seq)
        elif answer.refused:
            reason = self.talk.why_refused(answer.body) or answer.reason
            reason = reason and str(reason)[:LONGEST_REASON]
            self.record("refused", status=answer.status, reason=reason, session=session, mid=mid)
        else:
            self.record("unanswered", status=answer.status, reason=answer.reason, session=session, mid=mid)
            if draft.retries and self.pages:
                draft.retries -= 1
                gevent.spawn_later(TRY_AGAIN_S, self._send_again, draft)
                return
        self._is_through(seat)

    def _send_again(self, draft: Draft) -> None:
        if self.pages:
            self._send(draft)
        else:
            self._is_through(draft.pane.seat)

    def _is_through(self, seat: Seat) -> None:
        """One of the party's own messages will not be sent any more."""
        seat.unanswered -= 1
        seat.check()

    # -- reading what is stored

    def audit(self, seat: Seat) -> None:
        """Read all that is stored, as the auditor: a witness, never a display."""
        badge = self.stage.auditor() if self.has_history else None
        messages = self.history(seat, NOTHING, badge) if badge else None
        if messages is None:
            return
        self.record("history_read", session=seat.session, after=0, count=len(messages), audit=True)
        for message in map(self.talk.reader.read, messages):
            about = {"mid": message.mid, "id": message.id, "seq": message.seq}
            self.record("received", session=seat.session, via="audit", **about)
            if message.mid in seat.awaited:
                self.stage.row("SIO", "deliver", 0.0, "lost")

    @property
    def has_history(self) -> bool:
        return bool(self.talk.side.history.path) or self.stage.code.has("history")

    def history(self, seat: Seat, mark: Mark, badge: Badge) -> list[Any] | None:
        """The messages after that; None when they cannot be had."""
        if self.stage.code.has("history"):
            answer = self.stage.insist_on(lambda: self.stage.ask_own("history", badge, seat.session, mark.place))
            messages = answer.body
        else:
            answer = self.stage.insist("history", "GET", self.talk.history_path(seat.session, mark), None, badge)
            messages = self.talk.listed(answer.body)
        return messages if answer.good and isinstance(messages, list) else None

    # -- leaving

    def leave(self, seat: Seat) -> None:
        """Be done with the session: what is stored later is not owed to this party."""
        if self.seats.pop(seat.session, None) is not None:
            self.stage.over.unlink(seat.give_up)
            for page in self.pages:
                page.forget(seat)
            self.record("closed", session=seat.session)

    def withdraw(self, reason: str) -> None:
        """Stop in the middle; what is owed to the party from now on is unjudged."""
        for seat in list(self.seats.values()):
            self.record("withdrawn", session=seat.session, reason=reason)
            self.seats.pop(seat.session)

    def go(self) -> None:
        """Close every page."""
        for page in list(self.pages):
            self.close_page(page)
