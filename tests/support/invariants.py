"""Nothing may be broken at the end of a test that did something violent."""

from __future__ import annotations

from datetime import timedelta

from kilo_gql import invariants
from kilo_gql.db import Database
from kilo_gql.storage import Store


async def assert_sound(db: Database, store: Store, *, decode: bool = True, grace: timedelta = timedelta(0)) -> None:
    """No violation of any rule; without a grace even an object that was stored this moment has its row."""
    found = await invariants.check(db, store, decode=decode, grace=grace)
    assert found == [], "\n".join(f"{one.rule}: {one.subject}: {one.says}" for one in found)
