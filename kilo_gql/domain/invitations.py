"""Invitations: a role in a project, offered to an address by mail.

As with login codes the mail's secret is derived when it is sent and only its hash is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement

from kilo_gql import tokens
from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.members import MEMBERS_MAX, announce, members_and_invited
from kilo_gql.errors import Conflict, Forbidden, RateLimited, not_found
from kilo_gql.jobs import JobType, NewJob, enqueue
from kilo_gql.models import Invitation, Member, Priority, Project, ProjectStatus, Role, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import email_address

LIFETIME: Final = timedelta(days=7)
#: Inviting an address again within this time sends no second mail.
QUIET: Final = timedelta(minutes=10)
#: New invitations a person may send within ``WINDOW``, over all projects: our mail server is not for spam.
SENT_MAX: Final = 50
WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class InvitationMail:
    """What the mail of an invitation says; ``link`` holds its secret."""

    email: str
    inviter: str
    project: str
    role: Role
    link: str

    def __repr__(self) -> str:
        return f"InvitationMail({self.role.value})"


@operation(Perm.MEMBER_MANAGE, write=True)
async def invite_member(tx: Tx, project_id: UUID, email: str, role: Role) -> Invitation:
    """Invite an address to a project. Inviting it again changes the role offered and renews the invitation.

    Raises Conflict ``already_member`` or ``too_many_members``, RateLimited ``too_many_invitations``.
    """
    address = email_address(email)
    project = await tx.get(Project, project_id, lock=True)
    member = select(Member.user_id).join(User, User.id == Member.user_id).where(
        Member.project_id == project_id, User.email == address
    )  # fmt: skip
    if await tx.scalar(member) is not None:
        raise Conflict("This person is a member already.", code="already_member")
    invitation: Invitation | None = await tx.scalar(
        select(Invitation).where(Invitation.project_id == project.id, Invitation.email == address, _pending(tx))
    )
    if invitation is None:
        invitation = await _new(tx, project, address, role)
    elif tx.now < invitation.expires_at - LIFETIME + QUIET:
        invitation.role = role
        return invitation
    invitation.role, invitation.expires_at = role, tx.now + LIFETIME
    await tx.flush()
    arguments = {"invitation_id": str(invitation.id)}
    await enqueue(tx, NewJob(JobType.MAIL_INVITATION, arguments, None, priority=Priority.INTERACTIVE))
    return invitation


@operation(Perm.MEMBER_MANAGE)
async def list_invitations(tx: Tx, project_id: UUID) -> Sequence[Invitation]:
    """The invitations of a project that were not answered yet, newest first; at most 200."""
    await tx.enter(project_id)
    statement = (
        select(Invitation)
        .where(Invitation.project_id == project_id, _pending(tx))
        .order_by(Invitation.id.desc())
        .limit(MEMBERS_MAX)
    )
    return await tx.scalars(statement)


@operation(Perm.MEMBER_MANAGE, write=True)
async def revoke_invitation(tx: Tx, invitation_id: UUID) -> Invitation:
    """Withdraw an invitation. Withdrawing a withdrawn one changes nothing; an accepted one is a Conflict."""
    invitation = await tx.get(Invitation, invitation_id, lock=True)
    if invitation.accepted_at is not None:
        raise Conflict(
            "This invitation was accepted.",
            code="invitation_accepted",
            remediation=["Remove the member from the project instead."],
        )
    if invitation.revoked_at is None:
        invitation.revoked_at = tx.now
    return invitation


@operation(Perm.INVITATION_ACCEPT, write=True)
async def accept_invitation(tx: Tx, code: str) -> Member:
    """Join a project with the code of an invitation mail. Accepting again changes nothing.

    Raises NotFound for every code that does not work (any more), Forbidden ``invited_elsewhere`` if it was sent to
    another address than the signed-in user's.
    """
    if not tokens.is_opaque(code, tokens.INVITATION_PREFIX):
        raise not_found("invitation")
    me = await tx.get(User, tx.user_id)
    with tx.trust("an invited person is no member yet"):
        invitation = await _by_code(tx, code)
        if invitation.email != me.email:
            raise Forbidden(
                "This invitation was sent to another address.",
                code="invited_elsewhere",
                remediation=["Sign in with the address it was sent to.", "Ask for an invitation to your address."],
            )
        member = await _joined(tx, invitation)
        await tx.flush()
    return member


async def prepare_invitation_mail(tx: Tx, invitation_id: UUID) -> InvitationMail | None:
    """Make an invitation acceptable and say what its mail holds; None: there is nothing to send (any more)."""
    found = await tx.rows(
        select(Invitation, Project.title, User.display_name)
        .join(Project, Project.id == Invitation.project_id)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.id == invitation_id, _pending(tx))
        .with_for_update(of=Invitation)
    )
    if not found:
        return None
    invitation, title, inviter = found[0]
    secret = tokens.derived_token(tokens.INVITATION_PREFIX, tx.house.key("invitation"), str(invitation.id))
    invitation.proof_hash = tokens.digest(secret)
    link = f"{tx.house.base_url}/join?{urlencode({'code': secret})}"
    return InvitationMail(invitation.email, inviter, title, invitation.role, link)


async def _new(tx: Tx, project: Project, address: str, role: Role) -> Invitation:
    open_ = select(func.count()).select_from(Invitation).where(Invitation.project_id == project.id, _pending(tx))
    await members_and_invited(tx, project.id, await tx.scalar(open_))
    sent = select(func.count(), func.min(Invitation.created_at)).where(
        Invitation.invited_by == tx.user_id, Invitation.created_at > tx.now - WINDOW
    )
    [(count, oldest)] = await tx.rows(sent)
    if count >= SENT_MAX:
        raise RateLimited(
            f"A person may send {SENT_MAX} invitations an hour.",
            code="too_many_invitations",
            retry_after=max(1.0, (oldest + WINDOW - tx.now).total_seconds()),
        )
    return tx.add(
        Invitation(
            id=uuid7(),
            project_id=project.id,
            email=address,
            role=role,
            invited_by=tx.user_id,
            expires_at=tx.now + LIFETIME,
            created_at=tx.now,
        )
    )


async def _by_code(tx: Tx, code: str) -> Invitation:
    statement = (
        select(Invitation)
        .join(Project, Project.id == Invitation.project_id)
        .where(
            Invitation.proof_hash == tokens.digest(code),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > tx.now,
            Project.status != ProjectStatus.DELETED,
        )
        .with_for_update(of=Invitation)
    )
    invitation: Invitation | None = await tx.scalar(statement)
    if invitation is None:
        raise not_found("invitation")
    return invitation


async def _joined(tx: Tx, invitation: Invitation) -> Member:
    is_mine = Member.project_id == invitation.project_id, Member.user_id == tx.user_id
    member: Member | None = await tx.scalar(select(Member).where(*is_mine).with_for_update())
    if invitation.accepted_at is not None:
        # the invitation worked once; whoever was removed since then needs a new one
        if member is None:
            raise not_found("invitation")
        return member
    invitation.accepted_at = tx.now
    if member is None:
        member = Member(
            project_id=invitation.project_id, user_id=tx.user_id, role=invitation.role, created_at=tx.now
        )  # fmt: skip
        tx.add(member)
    elif member.role.rank >= invitation.role.rank:
        return member
    member.role = invitation.role
    announce(tx, member, member.role)
    return member


def _pending(tx: Tx) -> ColumnElement[bool]:
    return Invitation.accepted_at.is_(None) & Invitation.revoked_at.is_(None) & (Invitation.expires_at > tx.now)
