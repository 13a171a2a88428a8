"""What the API, the worker and the commands assemble alike from the settings."""

from __future__ import annotations

from kilo_gql.backing import database_url
from kilo_gql.config import Settings
from kilo_gql.db import Database, House


def house_of(settings: Settings) -> House:
    """The house's facts, as far as the domain may know them."""
    return House(base_url=settings.base_url.rstrip("/"), signup_open=settings.signup == "open", key=settings.key)


def open_database(settings: Settings, *, pool: int | None = None) -> Database:
    """The database as this process uses it; the caller closes it."""
    return Database(database_url(settings), house_of(settings), pool=pool or settings.database_pool)
