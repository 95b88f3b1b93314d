"""The heart: what is said is stored first and published then, each session's messages in the order of their seq."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any

from server_under_test.chat import Bearer, Draft, Message, Refused, Session, Status, Step, Stored, Verb, utc
from server_under_test.defects import Defects
from server_under_test.journal import Journal
from server_under_test.publisher import Publisher
from server_under_test.storage import Change, Outcome, Storage

COMMIT_WITHIN_S = 10.0
BATCH_AT_MOST = 256  # changes in one transaction


@dataclass(frozen=True, slots=True)
class History:
    """Messages in order of seq; `seq` is the highest that is stored, whatever was asked for."""

    messages: tuple[Message, ...]
    seq: int

    def as_json(self) -> dict[str, Any]:
        return {"messages": [message.as_json() for message in self.messages], "seq": self.seq}


class Unanswered(Exception):
    """It was done, and the answer is withheld (server.ack-lost)."""


class Conversations:
    """The verbs of a chat. All of them may raise Refused."""

    def __init__(self, storage: Storage, publisher: Publisher, journal: Journal, defects: Defects) -> None:
        self._storage = storage
        self._publisher = publisher
        self._journal = journal
        self._defects = defects
        self._answers_lost: set[tuple[str, str]] = set()
        self._changes: asyncio.Queue[tuple[Change, asyncio.Future[Outcome]]] = asyncio.Queue()

    async def open(self, name: str, email: str | None, metadata: dict[str, Any]) -> Session:
        session = Session(secrets.token_hex(8), name, email, metadata, "open", None, utc(time.time()), 0)
        await self._commit(session)
        return session

    async def step(self, session_id: str, verb: Verb, bearer: Bearer, to: str | None = None) -> Session:
        """Escalate, assume, transfer or close. The agents hear of every session that waits."""
        session = await self._commit(Step(session_id, verb, bearer, to))
        assert isinstance(session, Session)
        if verb in ("escalate", "transfer") and session.status == "waiting":
            await self._publisher.announce(session)
        return session

    async def send(self, draft: Draft) -> Stored:
        """Returns once the message is stored and published. Raises Unanswered."""
        if self._defects.draws("server.emit-before-store", draft):
            return await self._emit_only(draft)
        stored = await self._commit(draft)
        assert isinstance(stored, Stored)
        self._lose_answer(draft)
        return stored

    async def _emit_only(self, draft: Draft) -> Stored:
        (await self._storage.session(draft.session_id)).check_access(draft.bearer)
        self._defects.strikes("server.emit-before-store", draft)
        message = draft.numbered(0)
        await self._publisher.publish(message)
        return Stored(message, new=True)

    def _lose_answer(self, draft: Draft) -> None:
        """By server.ack-lost, once a message: whoever sends it again is answered."""
        sent = draft.session_id, draft.client_id
        if sent not in self._answers_lost and self._defects.strikes("server.ack-lost", draft):
            self._answers_lost.add(sent)
            raise Unanswered

    async def in_status(self, status: Status, bearer: Bearer) -> list[Session]:
        if bearer.role != "agent":
            raise Refused(403, "Only an agent's token can list sessions.")
        return await self._storage.sessions(status)

    async def read(self, session_id: str, after: int, bearer: Bearer) -> History:
        """The history by REST: a widget reads its own session's, an agent any session's."""
        session = await self._storage.session(session_id)
        if bearer.role == "widget":
            session.check_access(bearer)
        history = await self._history(session, after)
        return self._given(history) if bearer.role == "widget" else history

    async def check_member(self, session_id: str, bearer: Bearer) -> None:
        """Raises Refused unless the bearer is one of the session's two parties."""
        if bearer != Bearer("widget", session_id):  # its own token is proof enough, and nothing needs to be awaited
            (await self._storage.session(session_id)).check_access(bearer)

    async def missed(self, session_id: str, after: int | None) -> History:
        """What a joiner missed after `after`; nothing when that is None."""
        session = await self._storage.session(session_id)
        if after is None:
            return History((), session.seq)
        return self._given(await self._history(session, after))

    async def _history(self, session: Session, after: int) -> History:
        messages = await self._storage.messages(session.id, after)
        return History(tuple(messages), max(session.seq, messages[-1].seq if messages else 0))

    def _given(self, history: History) -> History:
        return History(tuple(message for message in history.messages if not self._withheld(message)), history.seq)

    def _withheld(self, message: Message) -> bool:
        if self._defects.strikes("server.no-history", message):
            return True
        window_s = self._defects.value("server.recovery-window")
        too_old = window_s > 0 and message.created_at < utc(time.time() - window_s)
        return too_old and self._defects.strikes("server.recovery-window", message)

    async def _commit(self, change: Change) -> Outcome:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._changes.put_nowait((change, outcome))
        try:
            async with asyncio.timeout(COMMIT_WITHIN_S):
                return await outcome
        except TimeoutError:
            raise Refused(503, f"The database did not answer within {COMMIT_WITHIN_S:g} s.") from None

    async def write(self) -> None:
        """The one writer. While one transaction is on its way the next group gathers; one writer keeps the order."""
        while True:
            group = [await self._changes.get()]
            while len(group) < BATCH_AT_MOST and not self._changes.empty():
                group.append(self._changes.get_nowait())
            outcomes = await self._storage.commit([change for change, _ in group])
            await self._tell(outcomes)
            for (_, waiting), outcome in zip(group, outcomes, strict=True):
                if waiting.done():  # whoever asked has stopped waiting
                    continue
                if isinstance(outcome, Refused):
                    waiting.set_exception(outcome)
                else:
                    waiting.set_result(outcome)

    async def _tell(self, outcomes: list[Outcome]) -> None:
        new = [outcome.message for outcome in outcomes if isinstance(outcome, Stored) and outcome.new]
        for message in new:
            self._journal.tell("stored", message)
        for message in new:
            await self._publisher.publish(message)
