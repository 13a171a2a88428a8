"""Studios: teams that own projects. Who is in a studio holds that role in each of its projects.

Nobody is looked up by address here: only people one already shares a project or a studio with can be added, so a
stranger's address answers like one that does not exist. Somebody new is invited to a project first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.members import last_owner
from kilo_gql.errors import Conflict, NotFound, not_found
from kilo_gql.models import Role, Studio, StudioMember, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.paging import Page, Slice, by_id, page_of
from kilo_gql.text import email_address, one_line

NAME_MAX: Final = 100
#: People a studio has at most, so that lists of them need no pages.
MEMBERS_MAX: Final = 200


@operation(Perm.STUDIO_CREATE, write=True)
async def create_studio(tx: Tx, name: str) -> Studio:
    """Create a studio; its maker becomes its owner."""
    id_ = uuid7()
    name = one_line(name, field="name", limit=NAME_MAX)
    studio = tx.create(Studio(id=id_, studio_id=id_, name=name, created_at=tx.now))
    await tx.flush()
    tx.add(StudioMember(studio_id=id_, user_id=tx.user_id, role=Role.OWNER, created_at=tx.now))
    return studio


@operation(Perm.STUDIO_READ)
async def get_studio(tx: Tx, studio_id: UUID) -> Studio:
    """One studio."""
    return await tx.get(Studio, studio_id)


@operation(Perm.STUDIO_READ)
async def list_studios(tx: Tx, slice_: Slice) -> Page[Studio]:
    """The studios one is in, newest first."""
    statement = select(Studio).order_by(Studio.id.desc()).limit(slice_.limit + 1)
    if (after := slice_.after(UUID)) is not None:
        statement = statement.where(Studio.id < after[0])
    return page_of(await tx.scalars(statement), slice_, by_id)


@operation(Perm.STUDIO_MANAGE, write=True)
async def rename_studio(tx: Tx, studio_id: UUID, name: str) -> Studio:
    """Give a studio another name."""
    studio = await tx.get(Studio, studio_id, lock=True)
    studio.name = one_line(name, field="name", limit=NAME_MAX)
    return studio


@operation(Perm.STUDIO_READ)
async def list_studio_members(tx: Tx, studio_id: UUID) -> Sequence[StudioMember]:
    """The people of a studio, the longest-standing first; at most 200."""
    await tx.get(Studio, studio_id)
    statement = (
        select(StudioMember)
        .where(StudioMember.studio_id == studio_id)
        .order_by(StudioMember.created_at, StudioMember.user_id)
        .limit(MEMBERS_MAX)
    )
    return await tx.scalars(statement)


@operation(Perm.STUDIO_MANAGE, write=True)
async def add_studio_member(tx: Tx, studio_id: UUID, email: str, role: Role) -> StudioMember:
    """Bring somebody one works with into a studio, by email address.

    Raises NotFound ``nobody_with_this_address`` for strangers and unknown addresses alike, Conflict ``already_member``
    or ``too_many_members``.
    """
    address = email_address(email)
    await tx.get(Studio, studio_id, lock=True)
    user_id = await tx.scalar(select(User.id).where(User.email == address))
    if user_id is None:
        raise NotFound(
            "You do not work with anybody of this address yet.",
            code="nobody_with_this_address",
            remediation=["Invite the address to a project of yours first."],
        )
    people = await list_studio_members.body(tx, studio_id)
    if any(person.user_id == user_id for person in people):
        raise Conflict("This person is a member already.", code="already_member")
    if len(people) >= MEMBERS_MAX:
        raise Conflict(f"A studio has at most {MEMBERS_MAX} members.", code="too_many_members")
    return tx.add(StudioMember(studio_id=studio_id, user_id=user_id, role=role, created_at=tx.now))


@operation(Perm.STUDIO_MANAGE, write=True)
async def set_studio_role(tx: Tx, studio_id: UUID, user_id: UUID, role: Role) -> StudioMember:
    """Give a member of a studio another role. Raises Conflict ``last_owner``."""
    await tx.get(Studio, studio_id, lock=True)
    member = await _member(tx, studio_id, user_id)
    if role is not Role.OWNER:
        await _spare_last_owner(tx, member)
    member.role = role
    return member


@operation(Perm.STUDIO_MANAGE, write=True)
async def remove_studio_member(tx: Tx, studio_id: UUID, user_id: UUID) -> None:
    """Remove somebody from a studio; whoever is not an owner may still remove themselves.

    Raises Conflict ``last_owner``.
    """
    if user_id == tx.user_id:
        tx.perm = Perm.STUDIO_READ
    await tx.get(Studio, studio_id, lock=True)
    member = await _member(tx, studio_id, user_id)
    await _spare_last_owner(tx, member)
    await tx.delete(member)


async def _member(tx: Tx, studio_id: UUID, user_id: UUID) -> StudioMember:
    statement = select(StudioMember).where(StudioMember.studio_id == studio_id, StudioMember.user_id == user_id)
    member: StudioMember | None = await tx.scalar(statement)
    if member is None:
        raise not_found("member")
    return member


async def _spare_last_owner(tx: Tx, member: StudioMember) -> None:
    if member.role is not Role.OWNER:
        return
    owners = select(func.count()).select_from(StudioMember).where(
        StudioMember.studio_id == member.studio_id, StudioMember.role == Role.OWNER
    )  # fmt: skip
    if await tx.scalar(owners) == 1:
        raise last_owner("studio")
