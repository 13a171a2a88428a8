"""The way in, walked through the real operations: start, read the mail, verify."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy import func, select, text

from kilo_gql.access import Anonymous, Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import auth, invitations, sessions
from kilo_gql.models import Base, Delivery, SessionKind
from kilo_gql.operations import Throat

NOBODY = Anonymous()
HOUSE = System("test")


async def start(throat: Throat, email: str, delivery: Delivery = Delivery.EMAIL_CODE) -> UUID:
    """A new challenge."""
    return (await throat.execute(NOBODY, auth.start_login, email, delivery=delivery)).value.challenge_id


async def mailed(throat: Throat, challenge_id: UUID) -> str:
    """What the mail job would write: a code or a link."""
    mail = await login_mail(throat, challenge_id)
    assert mail is not None
    return mail.secret


async def login_mail(throat: Throat, challenge_id: UUID) -> auth.LoginMail | None:
    """What the mail job prepares."""
    async with throat.db.transaction(HOUSE, Perm.SYSTEM) as tx:
        mail = await auth.prepare_login_mail(tx, challenge_id)
        await tx.session.commit()
    return mail


async def invitation_link(throat: Throat, invitation_id: UUID) -> str | None:
    """The link in an invitation's mail; None: there is no mail."""
    async with throat.db.transaction(HOUSE, Perm.SYSTEM) as tx:
        mail = await invitations.prepare_invitation_mail(tx, invitation_id)
        await tx.session.commit()
    return mail and mail.link


async def sign_in(
    throat: Throat, email: str = "ada@example.org", kind: SessionKind = SessionKind.TOKENS, agent: str | None = None
) -> sessions.SignedIn:
    """Somebody who has just signed in."""
    challenge = await start(throat, email)
    code = await mailed(throat, challenge)
    return (await throat.execute(NOBODY, auth.verify_login, str(challenge), code, agent, kind)).value


def query_of(link: str) -> dict[str, str]:
    """The parameters of a link, each of which it has once."""
    return {name: value for name, [value] in parse_qs(urlsplit(link).query).items()}


async def count(db: Database, model: type[Base]) -> int:
    """Rows of a table."""
    async with db.transaction(HOUSE, Perm.SYSTEM, write=False) as tx:
        return await tx.scalar(select(func.count()).select_from(model))


async def row(db: Database, model: type[Any], **columns: Any) -> Any:
    """The one row with these values, None if there is none."""
    async with db.transaction(HOUSE, Perm.SYSTEM, write=False) as tx:
        return await tx.scalar(select(model).filter_by(**columns))


async def everything(db: Database) -> str:
    """All rows of all tables as text: what somebody who stole the database would read."""
    async with db.transaction(HOUSE, Perm.SYSTEM, write=False) as tx:
        found: list[str] = []
        for name in Base.metadata.tables:
            rows = await tx.unchecked(text(f"SELECT t::text FROM {name} AS t"))  # noqa: S608
            found.extend(rows.scalars())
    return "\n".join(found)
