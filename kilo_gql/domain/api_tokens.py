"""API tokens: long-lived bearers for programs, each limited to the scopes it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from kilo_gql import tokens
from kilo_gql.access import SCOPES, Perm
from kilo_gql.db import Tx
from kilo_gql.domain.users import user_with
from kilo_gql.errors import BadRequest, Conflict, not_found
from kilo_gql.models import ApiToken, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import email_address, one_line

NAME_MAX: Final = 100
#: Living tokens a user may have, so that a list of them needs no pages.
TOKENS_MAX: Final = 100

#: What a token may be given beside the scopes themselves.
WILDCARDS: Final = ("*", *sorted({f"{scope.partition('.')[0]}.*" for scope in SCOPES}))


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """A token as it is shown once: nobody can read ``secret`` again."""

    token: ApiToken
    secret: str = field(repr=False)


@operation(Perm.ACCOUNT_MANAGE, write=True, retention=None)
async def create_api_token(tx: Tx, name: str, scopes: Sequence[str], expires_at: datetime | None = None) -> NewApiToken:
    """Create a token for a program; its secret is in this answer and nowhere else.

    Raises BadRequest ``unknown_scope``, Conflict ``too_many_tokens``.
    """
    user = await tx.get(User, tx.user_id, lock=True)
    return await _mint(tx, user, name, scopes, expires_at)


@operation(Perm.ACCOUNT_READ)
async def list_api_tokens(tx: Tx) -> Sequence[ApiToken]:
    """One's API tokens that were not revoked, newest first; at most 100."""
    statement = (
        select(ApiToken)
        .where(ApiToken.user_id == tx.user_id, ApiToken.revoked_at.is_(None))
        .order_by(ApiToken.id.desc())
        .limit(TOKENS_MAX)
    )
    return await tx.scalars(statement)


@operation(Perm.ACCOUNT_MANAGE, write=True)
async def revoke_api_token(tx: Tx, token_id: UUID) -> ApiToken:
    """End an API token. Ending an ended one changes nothing."""
    token: ApiToken | None = await tx.scalar(select(ApiToken).where(ApiToken.id == token_id).with_for_update())
    if token is None:
        raise not_found("API token")
    if token.revoked_at is None:
        token.revoked_at = tx.now
        tx.ended.append(token.id)
    return token


@operation(Perm.SYSTEM, write=True, retention=None)
async def mint_token(tx: Tx, email: str, scopes: Sequence[str] = ("*",), name: str = "kilo token") -> NewApiToken:
    """Make an API token for an address, and its user if there is none: for whoever runs this installation."""
    return await _mint(tx, await user_with(tx, email_address(email)), name, scopes, None)


async def _mint(tx: Tx, user: User, name: str, scopes: Sequence[str], expires_at: datetime | None) -> NewApiToken:
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= tx.now):
        raise BadRequest(
            "The end of a token lies in the future, and is given with its time zone.", details={"field": "expiresAt"}
        )
    living = select(func.count()).select_from(ApiToken).where(
        ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None)
    )  # fmt: skip
    if await tx.scalar(living) >= TOKENS_MAX:
        raise Conflict(
            f"A user has at most {TOKENS_MAX} API tokens.",
            code="too_many_tokens",
            details={"max": TOKENS_MAX},
            remediation=["Revoke one that is not used any more."],
        )
    secret = tokens.random_token(tokens.API_PREFIX)
    token = tx.add(
        ApiToken(
            id=uuid7(),
            user_id=user.id,
            name=one_line(name, field="name", limit=NAME_MAX),
            scopes=_checked(scopes),
            token_hash=tokens.digest(secret),
            expires_at=expires_at,
            created_at=tx.now,
        )
    )
    await tx.flush()
    return NewApiToken(token, secret)


def _checked(scopes: Sequence[str]) -> list[str]:
    unknown = [scope for scope in scopes if scope not in SCOPES and scope not in WILDCARDS]
    if unknown or not scopes:
        raise BadRequest(
            f"{unknown[0]!r} is not a scope." if unknown else "A token needs at least one scope.",
            code="unknown_scope",
            details={"unknown": unknown[:10], "scopes": [*WILDCARDS, *SCOPES]},
        )
    # what a wildcard covers need not be said again
    chosen = sorted(set(scopes))
    return [s for s in chosen if not any(other != s and fnmatchcase(s, other) for other in chosen)]
