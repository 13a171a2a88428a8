"""The people of a project: their roles, and that somebody always owns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.errors import Conflict, not_found
from kilo_gql.events import Change, EventName
from kilo_gql.models import Member, Project, Role
from kilo_gql.operations import operation

#: Members and pending invitations a project has at most, so that lists of them need no pages.
MEMBERS_MAX: Final = 200


@operation(Perm.MEMBER_READ)
async def list_members(tx: Tx, project_id: UUID) -> Sequence[Member]:
    """The members of a project, the longest-standing first; at most 200."""
    await tx.enter(project_id)
    statement = (
        select(Member)
        .where(Member.project_id == project_id)
        .order_by(Member.created_at, Member.user_id)
        .limit(MEMBERS_MAX)
    )
    return await tx.scalars(statement)


@operation(Perm.MEMBER_MANAGE, write=True)
async def set_member_role(tx: Tx, project_id: UUID, user_id: UUID, role: Role) -> Member:
    """Give a member another role. Raises Conflict ``last_owner``: a project is never without an owner."""
    project = await tx.get(Project, project_id, lock=True)
    member = await _member(tx, project_id, user_id)
    if member.role is role:
        return member
    if role is not Role.OWNER:
        await _pass_on(tx, project, member)
    member.role = role
    announce(tx, member, role)
    return member


@operation(Perm.MEMBER_MANAGE, write=True)
async def remove_member(tx: Tx, project_id: UUID, user_id: UUID) -> None:
    """Remove a member from a project; whoever is not an owner may still remove themselves.

    Raises Conflict ``last_owner``.
    """
    if user_id == tx.user_id:
        tx.perm = Perm.MEMBER_READ
    project = await tx.get(Project, project_id, lock=True)
    member = await _member(tx, project_id, user_id)
    await _pass_on(tx, project, member)
    await tx.delete(member)
    announce(tx, member, None)


def announce(tx: Tx, member: Member, role: Role | None) -> None:
    """Tell the project that somebody has a role now, or (None) none any more."""
    tx.emit(Change(EventName.MEMBER_UPDATED, member.project_id, (member.user_id,), {"role": role}))


def last_owner(noun: str) -> Conflict:
    """The refusal to leave a project or a studio without an owner."""
    return Conflict(
        f"This is the {noun}'s last owner.", code="last_owner", remediation=["Make somebody else an owner first."]
    )


async def members_and_invited(tx: Tx, project_id: UUID, invited: int) -> None:
    """Raises Conflict ``too_many_members`` if one more would be too many beside ``invited`` pending ones."""
    count = await tx.scalar(select(func.count()).select_from(Member).where(Member.project_id == project_id))
    if count + invited >= MEMBERS_MAX:
        raise Conflict(
            f"A project has at most {MEMBERS_MAX} members, invited ones included.",
            code="too_many_members",
            details={"max": MEMBERS_MAX},
        )


async def _member(tx: Tx, project_id: UUID, user_id: UUID) -> Member:
    statement = select(Member).where(Member.project_id == project_id, Member.user_id == user_id)
    member: Member | None = await tx.scalar(statement)
    if member is None:
        raise not_found("member")
    return member


async def _pass_on(tx: Tx, project: Project, member: Member) -> None:
    """An owner steps down: another one must be there, and takes over the project if it was this one's."""
    if member.role is not Role.OWNER:
        return
    statement = (
        select(Member.user_id)
        .where(Member.project_id == project.id, Member.role == Role.OWNER, Member.user_id != member.user_id)
        .order_by(Member.created_at, Member.user_id)
        .limit(1)
    )
    heir = await tx.scalar(statement)
    if heir is None:
        raise last_owner("project")
    if project.owner_user_id == member.user_id:
        project.owner_user_id = heir
        project.updated_at = tx.now
        tx.emit(Change(EventName.PROJECT_UPDATED, project.id, (project.id,), {"ownerUserId": heir}))
