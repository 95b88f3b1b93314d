"""Runs written by hand: what happened in a few words, as real event lines in a real run folder, sealed for real.

    def early_reply(s: Story) -> None:
        s.opens(0)
        s.assumes(1)
        s.agent_sends("a.0", 3)                 # the widget is not there yet
        s.widget_comes(5, offers=["a.0"])       # connects, joins, and the join's ack hands it over
        s.expect("a.0", "recovered", "early_message")

A story is one session; verbs are told in order of time, in seconds from the story's start. The server in it is healthy
(it stores, journals, publishes to who is in the room, writes; what is written is received and displayed) unless a verb
says otherwise. A book holds many stories, a thousand seconds apart, in one run folder.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.events import FORMAT

T0_NS = 1_000_000_000_000
RUN = "abc"
WIDGET = {"join": {"event": "join"}, "message": {"event": "new-message"}}  # of the target
APART_S = 1000.0
HORIZON_S, LATE_AFTER_S = 20.0, 2.0


def ns(at: float) -> int:
    return T0_NS + round(at * 1e9)


@dataclass(frozen=True)
class Expected:
    """Of one row: its outcome and causes. A pair is (with the journal, without it)."""

    key: str
    outcome: str | None
    missed_because: str | tuple[str | None, str | None] | None
    not_recovered_because: str | tuple[str | None, str | None] | None


class Book:
    """One run. `workers` and all else that run.json says may be given."""

    def __init__(self, **info: Any) -> None:
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self.stories: list[Story] = []
        self.cut: set[str] = set()  # sources whose recorder breaks off
        self.journal = "journal-1"
        self.ends: float | None = None  # when the run does; 200 s after its last story began
        self.info = {
            "format": FORMAT, "run": RUN, "scenario": {"name": "written", "seed": 7}, "seed": 7, "t0_ns": T0_NS,
            "target": {"promises": {"ack": True, "history": True, "order": True}, "widget": WIDGET},
            "horizon_s": HORIZON_S, "late_after_s": LATE_AFTER_S, "warm_up_s": 0.0, "workers": 1,
            "planned": {"widgets": 1, "agents": 1, "messages": 1}, "fault_windows": [],
            "clocks": [{"process": "start", "monotonic_ns": T0_NS, "utc": "2025-11-22T12:00:00+00:00"}],
            "end": {"state": "complete", "reason": None}, **info,
        }  # fmt: skip

    def story(self, audited: bool = True) -> "Story":
        self.stories.append(Story(self, len(self.stories), audited))
        return self.stories[-1]

    def event(self, at: float, kind: str, source: str, **fields: Any) -> None:
        """`at` counts from the run's start."""
        line = {"t": ns(at), "kind": kind, **{name: value for name, value in fields.items() if value is not None}}
        self.lines.setdefault(source, []).append(line)

    def server(self, at: float, kind: str, **fields: Any) -> None:
        if self.journal not in self.lines:
            self.event(0 if self.journal == "journal-1" else at, "server_started", self.journal, boot=self.journal)
        self.event(at, kind, self.journal, **fields)

    def server_is_killed(self, at: float, told: bool = True) -> None:
        """`told`: the launcher writes it down; the journal never does."""
        if told:
            self.event(at, "server_ended", "launcher", status=-9)
        for story in self.stories:
            story.inside.clear()

    def server_is_back(self, at: float, told: bool = True) -> None:
        self.journal = f"journal-{int(self.journal.partition('-')[2]) + 1}"
        self.server(at, "loop_lag", lag_ms=1.0)
        if told:
            self.event(at + 0.1, "server_ready", "launcher", url="http://127.0.0.1:8000")

    def write(self, folder: Path, ends: float | None = None) -> Path:
        """The run folder, unsealed. The run ends 200 s after its last story began, unless said."""
        ends = ends or self.ends or len(self.stories) * APART_S - APART_S + 200
        for story in self.stories:
            story.audit()
        if self.journal in self.lines:
            self.server(ends, "loop_lag", lag_ms=1.0)
        for source in [name for name in self.lines if name.startswith("swarm") and name not in self.cut] or ["swarm-1"]:
            self.event(ends, "sentinel", source)
        (folder / "events").mkdir(parents=True)
        for source, lines in self.lines.items():
            ordered = sorted(lines, key=lambda line: line["t"])
            (folder / "events" / f"{source}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in ordered))
        (folder / "run.json").write_text(json.dumps(self.info))
        return folder


@dataclass
class Story:
    """One session: a widget (`w`), an agent (`a`), and what is said to have become of their messages."""

    book: Book
    index: int
    audited: bool = True
    source: dict[str, str] = field(default_factory=lambda: {"w": "swarm-1", "a": "swarm-1"})
    expected: list[Expected] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start_s = self.index * APART_S
        self.session = f"s{self.index}"
        self.room = f"chat:{self.session}"
        self.names = {"w": f"widget-{self.index}", "a": f"agent-{self.index}"}
        self.conns = {"w": 0, "a": 0}
        self.restored = {"w": 0, "a": 0}  # of them, those that kept the sid of the one before
        self.inside: dict[str, str] = {}  # who is in the room, with which sid
        self.stored: list[str] = []

    # -- what is said of it

    def expect(
        self,
        key: str,
        outcome: str | None,
        missed: str | tuple[str | None, str | None] | None = None,
        not_recovered: str | tuple[str | None, str | None] | None = None,
    ) -> None:
        self.expected.append(Expected(f"{self.index}.{key}", outcome, missed, not_recovered))

    # -- one line

    def saw(self, who: str, at: float, kind: str, **fields: Any) -> None:
        party = {"party": self.names[who], "view": 1, "session": self.session, **fields}
        self.book.event(self.start_s + at, kind, self.source[who], **party)

    def journal(self, at: float, kind: str, **fields: Any) -> None:
        self.book.server(self.start_s + at, kind, **fields)

    def mid(self, key: str) -> str:
        return f"{RUN}:{self.index}.{key}"

    def sid(self, who: str) -> str:
        return f"{self.names[who]}#{self.conns[who] - self.restored[who]}"

    # -- sessions and connections

    def opens(self, at: float) -> None:
        self.saw("w", at, "session_opened", index=self.index)

    def assumes(self, at: float, joins: bool = True) -> None:
        """The agent takes the session; it is connected since long, and joins 50 ms later unless told not to."""
        self.connects("a", at - 1)
        self.saw("a", at, "assumed", index=self.index)
        if joins:
            self.joins("a", at + 0.05)

    def connects(self, who: str, at: float, transport: str = "websocket", **said: Any) -> None:
        """A connection, up 50 ms later; `said` is of its `connected`."""
        self.conns[who] += 1
        about = {"conn": self.conns[who]}
        self.saw(who, at, "connecting", attempt=1, **about)
        self.journal(at + 0.04, "sid_connected", sid=self.sid(who))
        self.saw(who, at + 0.05, "connected", sid=self.sid(who), transport=transport, **said, **about)

    def is_restored(self, who: str, at: float, entered: bool = True) -> None:
        """A connection with the sid and, if `entered`, the room of the one before, without a join."""
        self.restored[who] += 1
        self.connects(who, at, recovered=True)
        if entered:
            self.journal(at + 0.03, "room_entered", sid=self.sid(who), room=self.room, session=self.session)
            self.inside[who] = self.sid(who)

    def cannot_connect(
        self, who: str, at: float, reason: str, status: int | None = None, refused: bool | None = None
    ) -> None:
        """`refused`: by the answer to CONNECT."""
        about = {"status": status, "refused": refused, "conn": self.conns[who] + 1}
        self.saw(who, at, "connecting", attempt=1, conn=self.conns[who] + 1)
        self.saw(who, at + 0.05, "connect_failed", reason=reason, **about)

    def joins(
        self,
        who: str,
        at: float,
        *,
        entered: float | None = 0.02,
        acked: float | None = 0.05,
        failed: tuple[float, str] | None = None,
        after: int | None = 0,
        room: str | None = None,
        namespace: str | None = None,
        offers: Iterable[str] = (),
        count: int | None = None,
    ) -> None:
        """`entered`, `acked` and `failed` are seconds after the sending, None: never."""
        offers = list(offers)
        about = {"conn": self.conns[who], "room": room or self.room}
        self.saw(who, at, "join_sent", after=after, **about)
        if entered is not None:
            where = {"room": room or self.room, "namespace": namespace, "session": self.session}
            self.journal(at + entered, "room_entered", sid=self.sid(who), **where)
            self.inside[who] = self.sid(who)
        if failed is not None:
            self.saw(who, at + failed[0], "join_failed", reason=failed[1], conn=self.conns[who])
        elif acked is not None:
            count = len(offers) if count is None else count
            self.saw(who, at + acked, "joined", members=len(self.inside), after=after, count=count, **about)
            for key in offers:
                self.shows(who, key, at + acked + 0.001, via="join")

    def widget_comes(self, at: float, **join: Any) -> None:
        """The widget connects and joins 100 ms later."""
        self.connects("w", at)
        self.joins("w", at + 0.1, **join)

    def drops(
        self,
        who: str,
        at: float,
        last_frame: float | None = None,
        noticed: float = 0.01,
        reason: str = "transport close",
        heard: float | None = None,
    ) -> None:
        """The connection ends; its last frame came a second before, unless said. `noticed`: by the server, later.

        `heard`: when the server had heard of it last; None: it does not say.
        """
        last_frame = at - 1 if last_frame is None else last_frame
        frame_ns = ns(self.start_s + last_frame)
        self.saw(who, at, "disconnected", reason=reason, last_frame_ns=frame_ns, conn=self.conns[who])
        heard_ns = None if heard is None else ns(self.start_s + heard)
        server_s = reason if "server" in reason else "transport close"
        about = {"sid": self.sid(who), "reason": server_s.removeprefix("io "), "last_frame_ns": heard_ns}
        self.journal(at + noticed, "sid_disconnected", **about)
        self.inside.pop(who, None)

    def closes(self, who: str, at: float) -> None:
        self.saw(who, at, "closed")

    def freezes(self, who: str, at: float, for_s: float) -> None:
        """The page stands still; it can say so only when it goes on."""
        self.saw(who, at + for_s, "frozen", since_ns=ns(self.start_s + at))

    # -- messages

    def agent_sends(self, key: str, at: float, **how: Any) -> None:
        self._sends("a", key, at, **how)

    def widget_sends(self, key: str, at: float, **how: Any) -> None:
        self._sends("w", key, at, **how)

    def _sends(
        self,
        who: str,
        key: str,
        at: float,
        *,
        due: float | None = None,
        stored: bool = True,
        answer: str = "accepted",
        answered: float = 0.03,
        published: float | None = 0.006,
        room: str | None = None,
        there: Iterable[str] = (),
        namespace: str | None = None,
        reaches: bool = True,
        writes: bool = True,
        why: str | None = None,
        shown: float = 0.02,
        via: str = "rest",
        status: int = 400,
    ) -> None:
        """`published`, `answered`, `shown` are seconds after the sending; `reaches` False: written, never received.

        `why`: the page received it and did not show it. A message to another `room` or `namespace` reaches who is
        `there`. `writes` False: it was not even written.
        """
        seq = len(self.stored) + 1 if stored else None
        about = {"mid": self.mid(key)}
        due_ns = ns(self.start_s + (at if due is None else due))
        self.saw(who, at, "sent", due_ns=due_ns, via=via, **about)
        if stored:
            self.stored.append(key)
            self.journal(at + 0.005, "stored", id=self.id(key), seq=seq, session=self.session, **about)
        if published is not None:
            inside = {other: self.sid(other) for other in there} if room or namespace else dict(self.inside)
            where = {"room": room or self.room, "namespace": namespace}
            self._publishes(who, key, at, published, where, inside, reaches, writes, why, shown)
        told = {"accepted": {"status": 201, "id": self.id(key), "seq": seq}, "refused": {"status": status}}
        self.saw(who, at + answered, answer, **about, **told.get(answer, {"reason": "timeout"}))

    def _publishes(
        self, who: str, key: str, at: float, published: float, where: dict[str, str | None], inside: dict[str, str],
        reaches: bool, writes: bool, why: str | None, shown: float,
    ) -> None:  # fmt: skip
        about = {"mid": self.mid(key), "id": self.id(key), "session": self.session}
        sids = sorted(inside.values())
        self.journal(at + published, "published", members=len(sids), sids=sids, **where, **about)
        for other in inside:
            if writes:
                self.journal(at + published + 0.001, "written", sid=inside[other], **about)
            if other != who and reaches and writes:
                self.shows(other, key, at + shown, why=why)

    def id(self, key: str) -> str:
        return f"id-{self.index}-{key}"

    def seq(self, key: str) -> int | None:
        return self.stored.index(key) + 1 if key in self.stored else None

    def shows(self, who: str, key: str, at: float, via: str = "live", why: str | None = None, **fields: Any) -> None:
        """The message reaches the party and is displayed, or, with `why`, not."""
        about = {"mid": self.mid(key), "seq": self.seq(key), "conn": self.conns[who] or None, **fields}
        self.saw(who, at, "received", via=via, id=self.id(key), **about)
        if why is None:
            self.saw(who, at + 0.0001, "displayed", via=via, **about)
        else:
            self.saw(who, at + 0.0001, "not_displayed", why=why, id=self.id(key), **about)

    def reads_history(self, who: str, at: float, keys: Iterable[str], asked: float | None = None) -> None:
        """`at` it is answered; `asked`: when the request left, None: not recorded."""
        keys = list(keys)
        asked_ns = None if asked is None else ns(self.start_s + asked)
        about = {"conn": self.conns[who] or None, "asked_ns": asked_ns, "after": 0, "count": len(keys)}
        self.saw(who, at, "history_read", **about, audit=False)
        for key in keys:
            self.shows(who, key, at + 0.001, via="history")

    def audit(self, at: float = 150.0) -> None:
        """The auditor's read of what is stored, once, at the end."""
        if self.audited:
            self.audited = False
            self.saw("w", at, "history_read", after=0, count=len(self.stored), audit=True)
            for key in self.stored:
                about = {"mid": self.mid(key), "id": self.id(key), "seq": self.seq(key)}
                self.saw("w", at + 0.001, "received", via="audit", **about)


Written = Callable[[Story], None]
