"""Users: oneself, and the people one works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.models import User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import one_line

NAME_MAX: Final = 100


@operation(Perm.ACCOUNT_READ)
async def me(tx: Tx) -> User:
    """The signed-in user."""
    return await tx.get(User, tx.user_id)


@operation(Perm.ACCOUNT_MANAGE, write=True)
async def update_me(tx: Tx, display_name: str) -> User:
    """Change the name that others see, 1 to 100 characters."""
    user = await tx.get(User, tx.user_id, lock=True)
    user.display_name = one_line(display_name, field="displayName", limit=NAME_MAX)
    return user


@operation(Perm.MEMBER_READ)
async def users_by_id(tx: Tx, user_ids: Sequence[UUID]) -> list[User | None]:
    """The users with these ids, in the order asked for; None for those the actor does not share anything with."""
    found = {user.id: user for user in await tx.scalars(select(User).where(User.id.in_(user_ids)))}
    return [found.get(user_id) for user_id in user_ids]


async def user_with(tx: Tx, email: str) -> User:
    """The user of an address, made if there is none. Only for transactions that were shown a proof of the address."""
    name = email.partition("@")[0][:NAME_MAX]
    row = {"id": uuid7(), "email": email, "display_name": name, "created_at": tx.now}
    # two first sign-ins at once: the unique address decides, and both find the one row
    await tx.unchecked(insert(User).values(row).on_conflict_do_nothing(index_elements=["email"]))
    return await tx.scalar(select(User).where(User.email == email))  # type: ignore[no-any-return]
