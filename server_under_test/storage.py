"""Sessions and messages in a database. One connection writes, in groups; any number read beside it."""

import itertools
import secrets
from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server_under_test.chat import Draft, Message, Refused, Session, Status, Step, Stored, utc_now

Change: TypeAlias = Session | Step | Draft  # a new session, a session's next status, a message
Outcome: TypeAlias = Session | Stored | Refused

LISTED_AT_MOST = 1_000

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
    sa.Column("seq", sa.Integer, nullable=False),
)
messages = sa.Table(
    "messages",
    schema,
    sa.Column("id", sa.String, nullable=False),
    sa.Column("client_id", sa.String, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("session_id", sa.String, primary_key=True),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
    sa.UniqueConstraint("client_id", "session_id"),  # this way round its index finds a batch's known client_ids
)
token_keys = sa.Table("token_keys", schema, sa.Column("key", sa.LargeBinary, nullable=False))


class Storage:
    """An open database. Every method may raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, engine: AsyncEngine, writer: AsyncConnection, token_key: bytes) -> None:
        self._engine = engine
        self._writer = writer
        self.token_key = token_key

    async def close(self) -> None:
        await self._writer.close()
        await self._engine.dispose()

    async def commit(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make the changes in their order, in one transaction; one outcome each. Nothing is made when it raises."""
        outcomes: list[Outcome] = []
        async with self._writer.begin():
            for kind, group in itertools.groupby(changes, type):
                if kind is Draft:
                    outcomes += await self._store([draft for draft in group if isinstance(draft, Draft)])
                else:
                    outcomes += [await self._change(change) for change in group if not isinstance(change, Draft)]
        return outcomes

    async def session(self, session_id: str) -> Session:
        """Raises Refused(404)."""
        async with self._engine.connect() as connection:
            return _found(await _sessions(connection, {session_id}), session_id)

    async def sessions(self, status: Status) -> list[Session]:
        """The sessions in that status, oldest first, at most LISTED_AT_MOST."""
        oldest = sa.select(sessions).where(sessions.c.status == status).order_by(sessions.c.created_at)
        async with self._engine.connect() as connection:
            return [Session(**row) for row in (await connection.execute(oldest.limit(LISTED_AT_MOST))).mappings()]

    async def messages(self, session_id: str, after: int) -> list[Message]:
        """The session's messages with a larger seq than `after`, in order of seq."""
        missed = sa.select(messages).where(messages.c.session_id == session_id, messages.c.seq > after)
        async with self._engine.connect() as connection:
            rows = await connection.execute(missed.order_by(messages.c.seq))
            return [Message(**row) for row in rows.mappings()]

    async def _change(self, change: Session | Step) -> Session | Refused:
        if isinstance(change, Session):
            await self._writer.execute(sa.insert(sessions), _row(change))
            return change
        try:
            found = _found(await _sessions(self._writer, {change.session_id}), change.session_id)
            changed = found.after(change.verb, change.bearer)
        except Refused as refusal:
            return refusal
        new = {"status": changed.status, "agent": changed.agent}
        await self._writer.execute(sa.update(sessions).where(sessions.c.id == changed.id).values(**new))
        return changed

    async def _store(self, drafts: list[Draft]) -> list[Outcome]:
        """A whole batch in four statements, however many messages it holds."""
        found = await _sessions(self._writer, {draft.session_id for draft in drafts})
        known = await self._known(drafts)
        seqs = {session.id: session.seq for session in found.values()}
        outcomes: list[Outcome] = [_outcome(draft, found, known, seqs) for draft in drafts]
        stored = [outcome.message for outcome in outcomes if isinstance(outcome, Stored) and outcome.new]
        if stored:
            await self._writer.execute(sa.insert(messages), [_row(message) for message in stored])
            latest = {message.session_id: message.seq for message in stored}
            raise_seq = sa.update(sessions).where(sessions.c.id == sa.bindparam("of")).values(seq=sa.bindparam("to"))
            await self._writer.execute(raise_seq, [{"of": of, "to": to} for of, to in latest.items()])
        return outcomes

    async def _known(self, drafts: list[Draft]) -> dict[tuple[str, str], Message]:
        wanted = sa.select(messages).where(messages.c.client_id.in_([draft.client_id for draft in drafts]))
        rows = await self._writer.execute(wanted)
        return {(row["session_id"], row["client_id"]): Message(**row) for row in rows.mappings()}


def _outcome(
    draft: Draft,
    found: dict[str, Session],
    known: dict[tuple[str, str], Message],
    seqs: dict[str, int],
) -> Stored | Refused:
    """Decide on one draft; `known` and `seqs` take in what it becomes, for the drafts after it."""
    key = (draft.session_id, draft.client_id)
    try:
        session = _found(found, draft.session_id)
        session.check_access(draft.bearer)
        if key in known:
            return Stored(known[key], new=False)
        session.check_open()
    except Refused as refusal:
        return refusal
    seqs[session.id] += 1
    known[key] = Message(
        id=secrets.token_hex(8),
        client_id=draft.client_id,
        seq=seqs[session.id],
        session_id=session.id,
        text=draft.text,
        sender=draft.bearer.role,
        metadata=draft.metadata,
        created_at=utc_now(),
    )
    return Stored(known[key], new=True)


def _found(found: dict[str, Session], session_id: str) -> Session:
    if session_id not in found:
        raise Refused(404, "There is no such session.")
    return found[session_id]


def _row(noun: Session | Message) -> dict[str, Any]:
    return {name: getattr(noun, name) for name in noun.__slots__}


async def _sessions(connection: AsyncConnection, ids: set[str]) -> dict[str, Session]:
    rows = await connection.execute(sa.select(sessions).where(sessions.c.id.in_(ids)))
    return {row["id"]: Session(**row) for row in rows.mappings()}


async def open_storage(url: str) -> Storage:
    """Open the database and make its tables where they are missing. Raises sqlalchemy.exc.SQLAlchemyError."""
    engine = create_async_engine(sa.make_url(url).set(drivername="sqlite+aiosqlite"))
    sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
    async with engine.begin() as connection:
        await connection.run_sync(schema.create_all)
        key: bytes | None = await connection.scalar(sa.select(token_keys.c.key))
        if key is None:
            key = secrets.token_bytes(32)
            await connection.execute(sa.insert(token_keys), {"key": key})
    return Storage(engine, await engine.connect(), key)


def _set_pragmas(connection: Any, _record: Any) -> None:
    # NORMAL: with WAL a killed process loses nothing that was committed; only a power failure could.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
