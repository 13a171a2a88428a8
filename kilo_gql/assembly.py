"""What the API, the worker and the commands assemble alike from the settings."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, update

from kilo_gql.access import Perm, System
from kilo_gql.backing import database_url
from kilo_gql.config import Settings
from kilo_gql.db import Database, House
from kilo_gql.models import Installation
from kilo_gql.storage import Store
from kilo_gql.storage import open_store as _open_store


def house_of(settings: Settings) -> House:
    """The house's facts, as far as the domain may know them."""
    return House(
        base_url=settings.base_url.rstrip("/"),
        signup_open=settings.signup == "open",
        key=settings.key,
        max_file_size=settings.max_file_size,
    )


def open_database(settings: Settings, *, pool: int | None = None) -> Database:
    """The database as this process uses it; the caller closes it."""
    return Database(database_url(settings), house_of(settings), pool=pool or settings.database_pool)


async def open_store(settings: Settings, db: Database) -> Store:
    """The object store that belongs to this database; the caller closes it.

    The first one ever opened gets a marker and is remembered by it, so that an empty folder in its place is noticed:
    for that one must be within reach (Unavailable). Later, opening does not need the store to be there.
    """
    async with db.transaction(System("store"), Perm.SYSTEM) as tx:
        known_as: str | None = await tx.scalar(select(Installation.store_id))
        store = await _open_store(settings, known_as=known_as, create=True)
        db.house = replace(db.house, links=store)
        if known_as is None:
            await tx.session.execute(
                update(Installation).where(Installation.store_id.is_(None)).values(store_id=await store.identify())
            )
            await tx.session.commit()
    return store
