"""Rows that may be there already, written by one statement that is the same for any number of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, bindparam, column, func, or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from kilo_gql.models.base import Base


@lru_cache(maxsize=64)
def upsert_statement(model: type[Base], names: tuple[str, ...], changing: tuple[str, ...], stamp: str) -> Any:
    """``Tx.upsert`` of these columns: one array parameter a column, so the statement is built and compiled once."""
    table: Any = model.__table__
    columns = [bindparam(f"given_{name}", type_=ARRAY(table.c[name].type, dimensions=1)) for name in names]
    shape = [column(name, table.c[name].type) for name in names]
    source = func.unnest(*columns).table_valued(*shape).render_derived()
    new = pg_insert(table).from_select(list(names), select(*source.c))
    news = new.excluded
    return new.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: news[name] for name in (*changing, stamp)},
        where=or_(*(table.c[name].is_distinct_from(news[name]) for name in changing)),
    ).returning(*table.primary_key.columns)
