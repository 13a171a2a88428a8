"""Transactions opened *for an actor*: rows are filtered and writes are checked here, not function by function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Select, event, false, insert, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, UOWTransaction, load_only
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.sql import Executable

from kilo_gql.access import RULES, Actor, Guest, Perm, System, admit, user_id_of
from kilo_gql.errors import Conflict, Forbidden, KiloError, not_found
from kilo_gql.events import Change, outbox_rows
from kilo_gql.models import Base, InGallery, InProject, InStudio, OutboxEvent, Owned, Project, ProjectStatus, Role
from kilo_gql.models.base import uuid7
from kilo_gql.sight import VISIBLE, VISIBLE_TO_GUEST, eyes, look_as, noun, rights, scope_column
from kilo_gql.upserts import upsert_statement

M = TypeVar("M", bound=Base)

_log: Final = structlog.get_logger(__name__)


class Links(Protocol):
    """Makes addresses of stored files, and keeps small ones; an object store is one."""

    async def signed_get(
        self, key: str, *, expires_at: datetime, content_type: str, filename: str | None = None
    ) -> str:
        """An address that anybody may read the file from until then."""
        ...

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Store a small file, durable when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class House:
    """What the domain may know about the house it runs in. ``links``: of the object store, once that is open.

    ``max_file_size``: of one upload, in bytes.
    """

    base_url: str
    signup_open: bool
    key: Callable[[str], bytes]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    links: Links | None = None
    max_file_size: int = 4 << 30


class _GuardedSession(OrmSession):
    """A session whose statements and flushes go through the guard."""


@event.listens_for(_GuardedSession, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    tx: Tx = state.session.info["tx"]
    if tx.trusted or state.execution_options.get("kilo_checked"):
        return
    if not state.is_orm_statement or state.is_insert:
        raise RuntimeError("An actor's transaction runs ORM statements only; use Tx.insert for rows.")
    if state.is_update or state.is_delete:
        for mapper in state.all_mappers:
            state.statement = state.statement.where(tx.writable(mapper.class_))  # type: ignore[attr-defined]
    state.statement = state.statement.options(*(VISIBLE if tx.guest is None else VISIBLE_TO_GUEST))


@event.listens_for(_GuardedSession, "before_flush")
def _guard_flush(session: OrmSession, flush: UOWTransaction, instances: object) -> None:
    tx: Tx = session.info["tx"]
    for row in (*session.new, *session.dirty, *session.deleted):
        tx.check_write(type(row), row.__dict__ if not isinstance(row, Project) else {"project_id": row.id})


@dataclass(slots=True)
class Tx:
    """One operation's transaction. ``op_id`` marks its events; ``now`` is its one moment in time (UTC)."""

    session: AsyncSession
    actor: Actor
    perm: Perm
    house: House
    op_id: UUID
    now: datetime
    granted: dict[UUID, Role] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    jobs: list[tuple[str, UUID]] = field(default_factory=list)
    #: Sessions and API tokens that this transaction ends: whoever remembers them must forget.
    ended: list[UUID] = field(default_factory=list)
    refusal: KiloError | None = None
    lifted: bool = False
    #: The guest with whose eyes this transaction sees, and in whose gallery it may write: see ``act_as``.
    guest: Guest | None = None

    @property
    def trusted(self) -> bool:
        return self.lifted or isinstance(self.actor, System)

    @contextmanager
    def trust(self, reason: str) -> Iterator[None]:
        """Lift the guard for a block: where a right does not follow from a row that the actor can see.

        What the block adds must be flushed in it. Every use stands, with its reason, in ``tests/house/test_trust.py``.
        """
        _log.debug("guard_lifted", reason=reason)
        before, self.lifted = self.lifted, True
        try:
            yield
        finally:
            self.lifted = before

    def act_as(self, guest: Guest) -> None:
        """See and write as this guest from here on, whoever called. For ``sharing.enter``, which lets guests in."""
        self.guest = guest
        look_as(guest)

    @property
    def user_id(self) -> UUID:
        """The acting user. Only for operations whose permission asks for one."""
        user_id = user_id_of(self.actor)
        if user_id is None:
            raise Forbidden("Only a signed-in user can do this.")
        return user_id

    def ask(self, perm: Perm) -> None:
        """This call wants more than its operation declares: from here on ``perm`` is what is checked."""
        admit(self.actor, perm)
        self.perm = perm

    # --- reading ---------------------------------------------------------------------------------------------

    async def rows(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """Rows with several columns, as light tuples with attribute names."""
        return (await self.session.execute(statement)).all()

    async def scalars(self, statement: Select[Any]) -> Sequence[Any]:
        return (await self.session.scalars(statement)).all()

    async def scalar(self, statement: Executable) -> Any:
        return await self.session.scalar(statement)

    async def get(
        self, model: type[M], key: UUID, *, lock: bool = False, only: Sequence[InstrumentedAttribute[Any]] = ()
    ) -> M:
        """The row with this id, and the right of this operation to work on it.

        ``only``: of a wide row these columns are read, and no others can be. Raises NotFound if the actor cannot see
        it, Forbidden if its role is too small, Conflict if archived.
        """
        column: InstrumentedAttribute[UUID] = model.id  # type: ignore[attr-defined]
        statement = select(model, *rights(model)).where(column == key)
        if only:
            statement = statement.options(load_only(*only, raiseload=True))
        if lock:
            statement = statement.with_for_update(of=model)
        found = (await self.session.execute(statement)).one_or_none()
        if found is None:
            raise not_found(noun(model.__name__))
        if issubclass(model, InProject):
            self._grant(found[0].project_id, found[1], found[2])
        elif issubclass(model, InStudio):
            self._grant(found[0].studio_id, found[1], ProjectStatus.ACTIVE)
        return found[0]  # type: ignore[no-any-return]

    async def enter(self, project_id: UUID) -> None:
        """The right to work inside a project without reading a row of it; raises as ``get`` does."""
        statement = select(Project.id, *rights(Project)).where(Project.id == project_id)
        found = (await self.session.execute(statement)).one_or_none()
        if found is None:
            raise not_found("project")
        self._grant(project_id, found[1], found[2])

    def _grant(self, scope_id: UUID, roles: Sequence[str] | None, status: str) -> None:
        role = Role.OWNER if self.trusted else max((Role(r) for r in roles or ()), key=lambda r: r.rank, default=None)
        if role is None:
            raise not_found("project")
        rule = RULES.get(self.perm)
        if rule is not None and rule.role is not None and role.rank < rule.role.rank and not self.trusted:
            raise Forbidden(
                f"This needs the role {rule.role.value}; yours is {role.value}.",
                details={"needed": rule.role.value, "role": role.value},
                remediation=["Ask an owner of the project for the role."],
            )
        if rule is not None and not rule.archived and status == ProjectStatus.ARCHIVED and not self.trusted:
            raise Conflict(
                "This project is archived and read-only.",
                code="project_archived",
                remediation=["Set the project's status to active first."],
            )
        self.granted[scope_id] = role

    # --- writing ---------------------------------------------------------------------------------------------

    def add(self, row: M) -> M:
        """Write a new row at the next flush."""
        self.session.add(row)
        return row

    def create(self, row: M) -> M:
        """Write the row that *is* a new scope (a project, a studio): its maker may fill it in this transaction."""
        self.granted[row.id] = Role.OWNER  # type: ignore[attr-defined]
        return self.add(row)

    async def flush(self) -> None:
        await self.session.flush()

    async def delete(self, row: Base) -> None:
        await self.session.delete(row)

    async def insert(self, model: type[Base], rows: Iterable[Mapping[str, Any]], *, ignore: bool = False) -> int:
        """Write many rows at once, each checked like a flushed one. ``ignore`` skips those that are there already.

        Returns how many were written.
        """
        values = [dict(row) for row in rows]
        for row in values:
            self.check_write(model, row)
        if not values:
            return 0
        table: Any = model.__table__
        checked = {"kilo_checked": True}
        if ignore:
            statement = pg_insert(table).on_conflict_do_nothing().values(values)
            return int((await self.session.execute(statement, execution_options=checked)).rowcount)  # type: ignore[attr-defined]
        # rows as parameters: the statement is compiled once, whatever their number
        await self.session.execute(insert(table), values, execution_options=checked)
        return len(values)

    async def upsert(
        self, model: type[Base], rows: Iterable[Mapping[str, Any]], *, changing: Sequence[str], stamp: str
    ) -> Sequence[Any]:
        """Write rows that may be there already, each checked like a flushed one, in one statement.

        All rows name the same columns, none of them an array. Of those that are there the columns ``changing`` become
        as given; only if one of them differs is the row written, and its ``stamp`` with it. Returns the primary keys of
        the rows that were.
        """
        values = [dict(row) for row in rows]
        for row in values:
            self.check_write(model, row)
        if not values:
            return []
        names = tuple(values[0])
        statement = upsert_statement(model, names, tuple(changing), stamp)
        given = {f"given_{name}": [row[name] for row in values] for name in names}
        return (await self.session.execute(statement, given, execution_options={"kilo_checked": True})).all()

    async def unchecked(self, statement: Executable, parameters: Any = None) -> Any:
        """Run a statement outside the guard. For the house's own tables (keys, outbox, jobs), never from ``domain``."""
        return await self.session.execute(statement, parameters, execution_options={"kilo_checked": True})

    def writable(self, model: type[Base]) -> Any:
        """The rows of ``model`` that this transaction may change, as a condition."""
        if self.guest is not None:
            return model.gallery_id == self.guest.gallery_id if issubclass(model, InGallery) else false()
        if issubclass(model, InProject):
            return scope_column(model).in_(self.granted)
        if issubclass(model, InStudio):
            return scope_column(model).in_(self.granted)
        if issubclass(model, Owned):
            return scope_column(model) == self.user_id
        raise RuntimeError(f"{model.__name__} belongs to the system.")

    def check_write(self, model: type[Base], values: Mapping[str, Any]) -> None:
        """A row may be written in an entered scope, or if it is the actor's own; anything else is a bug of ours."""
        if self.trusted:
            return
        if self.guest is not None:
            allowed = issubclass(model, InGallery) and values.get("gallery_id") == self.guest.gallery_id
        elif issubclass(model, InProject | InStudio):
            scope = values.get("project_id") if issubclass(model, InProject) else values.get("studio_id")
            allowed = scope in self.granted
        elif issubclass(model, Owned):
            allowed = values.get("user_id", values.get("id")) == self.user_id
        else:
            allowed = False
        if not allowed:
            raise RuntimeError(f"A row of {model.__name__} was written without a grant.")

    # --- effects ---------------------------------------------------------------------------------------------

    def emit(self, change: Change) -> None:
        """Announce a change when this transaction commits; equal changes of one transaction become one event."""
        for index, earlier in enumerate(self.changes):
            if earlier.mergeable(change):
                self.changes[index] = earlier.merged(change)
                return
        self.changes.append(change)

    def refuse(self, error: KiloError) -> Any:
        """Answer with ``error`` although what was written stands (a counted guess, a revoked family).

        ``return tx.refuse(error)`` ends an operation: the throat raises the error after the commit.
        """
        self.refusal = error
        return None

    async def write_outbox(self) -> None:
        """Put the collected changes beside their cause. Called once, just before the commit."""
        if self.changes:
            await self.session.flush()
            rows = outbox_rows(self.changes, self.op_id, user_id_of(self.actor))
            table: Any = OutboxEvent.__table__
            await self.unchecked(insert(table), rows)


class Database:
    """The way to PostgreSQL. ``url`` is a libpq URL; sessions are short and opened for an actor."""

    def __init__(self, url: str, house: House, *, pool: int = 12) -> None:
        self.house = house
        self.engine: AsyncEngine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=30,
            hide_parameters=True,  # values may be secrets; errors carry their statement only
            connect_args={
                "server_settings": {
                    "application_name": "kilo",
                    "jit": "off",
                    "lock_timeout": "10s",
                    "statement_timeout": "30s",
                    "idle_in_transaction_session_timeout": "60s",
                }
            },
        )
        # a read of one or two statements needs no BEGIN and COMMIT of its own
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self, actor: Actor, perm: Perm, *, write: bool = True) -> AsyncIterator[Tx]:
        """A transaction for ``actor``; the caller commits. Leaving without a commit rolls back."""
        session = AsyncSession(
            self.engine if write else self._reader,
            sync_session_class=_GuardedSession,
            expire_on_commit=False,
            autoflush=write,
        )
        tx = Tx(session, actor, perm, self.house, uuid7(), self.house.clock())
        session.sync_session.info["tx"] = tx
        with eyes(user_id_of(actor)):
            async with session:
                yield tx

    async def close(self) -> None:
        await self.engine.dispose()
