"""What the database was asked to do: by SQLAlchemy, and past it by asyncpg (``kilo_gql.reads``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from kilo_gql.db import Database


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The statements that run on this database's connections within a block; asyncpg tells a turn of the loop later."""
    seen: list[str] = []
    watched: dict[int, Any] = {}

    def note(record: Any) -> None:
        seen.append(record.query)

    def before(_connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, many: bool) -> None:
        if not many:  # asyncpg tells of those itself
            seen.append(statement)

    def watch(connection: Any, *_: Any) -> None:
        driver = connection.driver_connection
        if id(driver) not in watched:
            watched[id(driver)] = driver
            driver.add_query_logger(note)

    engine = db.engine.sync_engine
    event.listen(engine, "checkout", watch)
    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "checkout", watch)
        event.remove(engine, "before_cursor_execute", before)
        for driver in watched.values():
            driver.remove_query_logger(note)
