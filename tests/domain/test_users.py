"""Users: oneself is changed by oneself, others are seen by those who work with them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from kilo_gql.access import Anonymous, Perm
from kilo_gql.db import Database
from kilo_gql.domain import studios, users
from kilo_gql.errors import BadRequest, Unauthorized
from kilo_gql.models import Role, User
from kilo_gql.operations import Throat
from tests.support.login import row
from tests.support.make import Make


async def test_oneself(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user("ada@example.org")
    assert (await throat.execute(ada, users.me)).value.email == "ada@example.org"
    assert (await throat.execute(ada, users.update_me, "  Ada Lovelace ")).value.display_name == "Ada Lovelace"
    for name in ("", " ", "x" * 101, "a\x00b", "a\nb", "\ud800"):
        with pytest.raises(BadRequest):
            await throat.execute(ada, users.update_me, name)
    assert (await row(db, User)).display_name == "Ada Lovelace"
    with pytest.raises(Unauthorized):
        await throat.execute(Anonymous(), users.me)


async def test_others_are_seen_by_those_who_share_something(throat: Throat, make: Make) -> None:
    ada, bob, carl, eve = [await make.user(name=name) for name in ("Ada", "Bob", "Carl", "Eve")]
    project = await make.project(ada)
    await make.member(project.id, Role.VIEWER, bob)
    studio = (await throat.execute(bob, studios.create_studio, "Studio")).value
    await make.rows(studios.StudioMember(studio_id=studio.id, user_id=carl.user_id, role=Role.VIEWER))
    ids = [user.user_id for user in (eve, carl, bob, ada)]

    async def seen(actor) -> list[str | None]:
        found = (await throat.execute(actor, users.users_by_id, ids)).value
        return [user and user.display_name for user in found]

    assert await seen(ada) == [None, None, "Bob", "Ada"]
    assert await seen(bob) == [None, "Carl", "Bob", "Ada"]
    assert await seen(carl) == [None, "Carl", "Bob", None]
    assert await seen(eve) == ["Eve", None, None, None]


async def test_whoever_is_seen_is_not_changed(make: Make, db: Database) -> None:
    ada = await make.user(name="Ada")
    bob = await make.user(name="Bob")
    await make.member((await make.project(ada)).id, Role.VIEWER, bob)
    async with db.transaction(bob, Perm.ACCOUNT_MANAGE) as tx:
        await tx.session.execute(update(User).values(display_name="Bobby"))
        await tx.session.commit()
    assert ((await row(db, User, id=ada.user_id)).display_name, (await row(db, User, id=bob.user_id)).display_name) == (
        "Ada",
        "Bobby",
    )
