"""The chain of migrations makes exactly what the models say, and can be walked back."""

from __future__ import annotations

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from kilo_gql import migrate
from kilo_gql.models import Base
from kilo_gql.models.events import Xid8
from migrations import HEAD


async def test_the_chain_makes_the_models(database_url: str) -> None:
    engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)

    ischema_names["xid8"] = Xid8  # so that reflection knows it

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


async def test_down_and_up_again(database_url: str) -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == HEAD
    assert await migrate.migrate(database_url, "base") == (HEAD, None)
    connection = await asyncpg.connect(database_url)
    left = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert [row["tablename"] for row in left] == ["alembic_version"]
    assert await migrate.migrate(database_url) == (None, HEAD)
    assert await migrate.migrate(database_url) == (HEAD, HEAD)
