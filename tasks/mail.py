"""Mail: the letters that let people in. Their secrets begin to work in a transaction before the letter goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from kilo_gql.domain.auth import CODE_LIFETIME, LoginMail, prepare_login_mail
from kilo_gql.domain.invitations import LIFETIME, InvitationMail, prepare_invitation_mail
from kilo_gql.jobs import JobType
from kilo_gql.mail import Letter, post_of
from kilo_gql.models import Delivery
from tasks.kit import Kit
from tasks.registry import handles

#: Tries before a letter is given up: with 30 s between them, a mail server may be away for two minutes.
_ATTEMPTS: Final = 5
_MINUTES: Final = int(CODE_LIFETIME.total_seconds() // 60)


@handles(JobType.MAIL_LOGIN, attempts=_ATTEMPTS)
async def mail_login(kit: Kit) -> Mapping[str, Any]:
    """Send the code or link of a login challenge."""
    async with kit.write() as tx:
        mail = await prepare_login_mail(tx, UUID(kit.arguments["challenge_id"]))
    return await _send(kit, login_letter(mail) if mail is not None else None)


@handles(JobType.MAIL_INVITATION, attempts=_ATTEMPTS)
async def mail_invitation(kit: Kit) -> Mapping[str, Any]:
    """Send the link of an invitation."""
    async with kit.write() as tx:
        mail = await prepare_invitation_mail(tx, UUID(kit.arguments["invitation_id"]))
    return await _send(kit, invitation_letter(mail) if mail is not None else None)


def login_letter(mail: LoginMail) -> Letter:
    """The letter with a sign-in code, or with a link."""
    what = "link" if mail.delivery is Delivery.MAGIC_LINK else "code"
    text = (
        f"Your sign-in {what}:\n\n    {mail.secret}\n\n"
        f"It works once, for {_MINUTES} minutes. Whoever has it can sign in as you: do not pass it on.\n"
        "If you did not ask for it, do nothing.\n"
    )
    return Letter(mail.email, f"Your KILO sign-in {what}", text)


def invitation_letter(mail: InvitationMail) -> Letter:
    """The letter that invites somebody to a project."""
    text = (
        f"{mail.inviter} invites you to the project “{mail.project}” as {mail.role.value}.\n\n    {mail.link}\n\n"
        f"The invitation holds for {LIFETIME.days} days and for this address alone. To decline, do nothing.\n"
    )
    return Letter(mail.email, "An invitation to a KILO project", text)


async def _send(kit: Kit, letter: Letter | None) -> Mapping[str, Any]:
    if letter is not None:
        await post_of(kit.settings, kit.workshop.db.house).send(letter)
    return {"sent": letter is not None}
