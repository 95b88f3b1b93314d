"""Sessions and messages in a database. One connection writes, in groups; any number read beside it."""

import contextlib
import dataclasses
import itertools
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server_under_test.chat import Draft, Message, Refused, Session, Status, Step, Stored
from server_under_test.defects import Defects

Change: TypeAlias = Session | Step | Draft  # a new session, a session's next status, a message
Outcome: TypeAlias = Session | Stored | Refused

LISTED_AT_MOST = 1_000
REMEMBERED_AT_MOST = 50_000  # sessions

schema = sa.MetaData()
sessions = sa.Table(
    "sessions",
    schema,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("email", sa.String),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),
    sa.Column("agent", sa.String),
    sa.Column("created_at", sa.String, nullable=False),
)
messages = sa.Table(
    "messages",
    schema,
    sa.Column("session_id", sa.String, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False),
    sa.Column("client_id", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
)
once = sa.Index("once", messages.c.client_id, messages.c.session_id, unique=True)  # finds a batch's known client_ids
token_keys = sa.Table("token_keys", schema, sa.Column("key", sa.LargeBinary, nullable=False))


_seq = sa.select(sa.func.coalesce(sa.func.max(messages.c.seq), 0)).where(messages.c.session_id == sessions.c.id)
_with_seq = sa.select(sessions, _seq.scalar_subquery().label("seq"))


class Storage:
    """An open database. What it cannot do is Refused: 404 for an unknown session, 503 when the database fails."""

    def __init__(self, engine: AsyncEngine, writer: AsyncConnection, token_key: bytes, defects: Defects) -> None:
        self._engine = engine
        self._writer = writer
        self._defects = defects
        self._sessions: dict[str, Session] = {}  # as committed; nobody else writes, so they need not be read again
        self.token_key = token_key

    async def close(self) -> None:
        await self._writer.close()
        await self._engine.dispose()

    async def commit(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make the changes in their order, in one transaction; one outcome each, a 503 for all when it fails."""
        try:
            try:
                return await self._commit(changes, look_up_known=False)
            except IntegrityError:  # a client_id that is known: too rare to look each one up beforehand
                return await self._commit(changes, look_up_known=True)
        except SQLAlchemyError as error:
            return [_failed(error)] * len(changes)

    async def _commit(self, changes: Sequence[Change], look_up_known: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with self._writer.begin():
            touched = await self._touched(changes)
            for is_draft, group in itertools.groupby(changes, lambda change: isinstance(change, Draft)):
                if is_draft:
                    drafts = [change for change in group if isinstance(change, Draft)]
                    outcomes += await self._store(drafts, touched, look_up_known)
                else:
                    steps = [change for change in group if not isinstance(change, Draft)]
                    outcomes += [await self._change(change, touched) for change in steps]
        if len(self._sessions) > REMEMBERED_AT_MOST:
            self._sessions.clear()
        self._sessions |= touched
        return outcomes

    async def session(self, session_id: str) -> Session:
        if session_id in self._sessions:
            return self._sessions[session_id]
        async with self._reading() as connection:
            return _found(await _read_sessions(connection, {session_id}), session_id)

    async def sessions(self, status: Status) -> list[Session]:
        """The sessions in that status, oldest first, at most LISTED_AT_MOST."""
        oldest = _with_seq.where(sessions.c.status == status).order_by(sessions.c.created_at)
        async with self._reading() as connection:
            return [Session(**row) for row in (await connection.execute(oldest.limit(LISTED_AT_MOST))).mappings()]

    async def messages(self, session_id: str, after: int) -> list[Message]:
        """The session's messages with a larger seq than `after`, in order of seq."""
        missed = sa.select(messages).where(messages.c.session_id == session_id, messages.c.seq > after)
        async with self._reading() as connection:
            rows = await connection.execute(missed.order_by(messages.c.seq))
            return [Message(**row) for row in rows.mappings()]

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _failed(error) from None

    async def _touched(self, changes: Sequence[Change]) -> dict[str, Session]:
        """The sessions that the changes are about, as far as they exist."""
        ids = {change.session_id for change in changes if not isinstance(change, Session)}
        remembered = {session_id: self._sessions[session_id] for session_id in ids & self._sessions.keys()}
        missing = ids - remembered.keys()
        return remembered | (await _read_sessions(self._writer, missing) if missing else {})

    async def _change(self, change: Session | Step, touched: dict[str, Session]) -> Session | Refused:
        if isinstance(change, Session):
            await self._insert(sessions, [change])
            changed = change
        else:
            try:
                changed = _found(touched, change.session_id).after(change.verb, change.bearer, change.to)
            except Refused as refusal:
                return refusal
            new = {"status": changed.status, "agent": changed.agent}
            await self._writer.execute(sa.update(sessions).where(sessions.c.id == changed.id).values(**new))
        touched[changed.id] = changed
        return changed

    async def _store(self, drafts: list[Draft], touched: dict[str, Session], look_up_known: bool) -> list[Outcome]:
        """A whole batch in one statement, however many messages it holds."""
        of_closed = any(session.status == "closed" for session in touched.values())  # insert will not find known ones
        look_up_known |= of_closed or self._defects.value("server.no-dedupe") > 0
        known = await self._known(drafts) if look_up_known else {}
        outcomes: list[Outcome] = [self._outcome(draft, touched, known) for draft in drafts]
        await self._insert(messages, [each.message for each in outcomes if isinstance(each, Stored) and each.new])
        return outcomes

    def _outcome(
        self, draft: Draft, touched: dict[str, Session], known: dict[tuple[str, str], Message]
    ) -> Stored | Refused:
        """Decide on one draft; `touched` and `known` take in what it becomes, for the drafts after it."""
        key = (draft.session_id, draft.client_id)
        try:
            session = _found(touched, draft.session_id)
            session.check_access(draft.bearer)
            if key in known and not self._defects.strikes("server.no-dedupe", draft):
                return Stored(known[key], new=False)
            session.check_open()
        except Refused as refusal:
            return refusal
        touched[session.id] = session = dataclasses.replace(session, seq=session.seq + 1)
        known[key] = draft.numbered(session.seq)
        return Stored(known[key], new=True)

    async def _insert(self, table: sa.Table, nouns: Sequence[Session | Message]) -> None:
        if nouns:
            rows = [{column.name: getattr(noun, column.name) for column in table.c} for noun in nouns]
            await self._writer.execute(sa.insert(table), rows)

    async def _known(self, drafts: list[Draft]) -> dict[tuple[str, str], Message]:
        wanted = sa.select(messages).where(messages.c.client_id.in_([draft.client_id for draft in drafts]))
        rows = await self._writer.execute(wanted)
        return {(row["session_id"], row["client_id"]): Message(**row) for row in rows.mappings()}


def _found(found: dict[str, Session], session_id: str) -> Session:
    if session_id not in found:
        raise Refused(404, "There is no such session.")
    return found[session_id]


def _failed(error: SQLAlchemyError) -> Refused:
    print(f"entrega server: the database fails: {getattr(error, 'orig', None) or error}", file=sys.stderr)
    return Refused(503, "The database does not work just now.")


async def _read_sessions(connection: AsyncConnection, ids: set[str]) -> dict[str, Session]:
    rows = await connection.execute(_with_seq.where(sessions.c.id.in_(ids)))
    return {row["id"]: Session(**row) for row in rows.mappings()}


async def open_storage(url: str, defects: Defects) -> Storage:
    """Open the database and make its tables where they are missing. Raises sqlalchemy.exc.SQLAlchemyError."""
    engine = create_async_engine(sa.make_url(url).set(drivername="sqlite+aiosqlite"))
    sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
    async with engine.begin() as connection:
        await connection.run_sync(schema.create_all)
        await connection.run_sync(once.drop if defects.value("server.no-dedupe") else once.create, checkfirst=True)
        key: bytes | None = await connection.scalar(sa.select(token_keys.c.key))
        if key is None:
            key = secrets.token_bytes(32)
            await connection.execute(sa.insert(token_keys), {"key": key})
    return Storage(engine, await engine.connect(), key, defects)


def _set_pragmas(connection: Any, _record: Any) -> None:
    # NORMAL: with WAL a killed process loses nothing that was committed; only a power failure could.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
