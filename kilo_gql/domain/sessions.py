"""Sessions: a signed-in device, its chain of refresh tokens, and how both end.

A refresh token is used once (RFC 9700, 4.14.2). Its successor is derived from it, so a client that lost the answer
may ask again for ten seconds and gets the very same pair; any other second use ends the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kilo_gql import tokens
from kilo_gql.access import Perm, UserActor
from kilo_gql.db import House, Tx
from kilo_gql.errors import Unauthorized
from kilo_gql.models import RefreshToken, Session, SessionKind, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import clipped

#: A session ends when it was not used for this long …
IDLE: Final = timedelta(days=30)
#: … and in any case after this long.
LIFETIME: Final = timedelta(days=180)
#: A rotated refresh token still answers, with the pair it gave, for this long.
GRACE: Final = timedelta(seconds=10)
#: Most sessions a list shows.
LIST_MAX: Final = 100
USER_AGENT_MAX: Final = 200

ACCESS_KEY: Final = "access-token"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a signed-in client holds: a token pair (kind TOKENS) or the value of a cookie (kind COOKIE).

    ``expires_at``: when the access token, or the unused cookie, ends.
    """

    user: User
    session_id: UUID
    expires_at: datetime
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)


@operation(Perm.PUBLIC, write=True, retention=None)
async def refresh(tx: Tx, refresh_token: str) -> SignedIn:
    """Exchange a refresh token for a new pair of access and refresh token.

    Sent again within 10 s it answers with the same pair. Raises Unauthorized: ``token_invalid``, ``token_expired``,
    ``session_revoked``, or ``refresh_reused`` for any other second use, which ends the session.
    """
    if not tokens.is_opaque(refresh_token, tokens.REFRESH_PREFIX):
        raise tokens.invalid_token()
    with tx.trust("a refresh token is its own proof"):
        successor = tokens.derived_token(tokens.REFRESH_PREFIX, tx.house.key("refresh-successor"), refresh_token)
        session = await _locked_session(tx, refresh_token)
        check_alive(session, tx.now)
        used, next_ = await _links(tx, refresh_token, successor)
        if used.rotated_at is None:
            used.rotated_at = session.last_seen_at = tx.now
            session.expires_at = extended(session, tx.now)
            tx.add(RefreshToken(session_id=session.id, token_hash=tokens.digest(successor), created_at=tx.now))
        elif tx.now - used.rotated_at > GRACE or next_ is None or next_.rotated_at is not None:
            _end(tx, session)
            await tx.flush()
            return tx.refuse(_reused())  # type: ignore[no-any-return]
        await tx.flush()
        user = await tx.get(User, session.user_id)
    return _pair(tx.house, user, session, successor, used.rotated_at)


@operation(Perm.ACCOUNT_MANAGE, write=True)
async def sign_out(tx: Tx) -> None:
    """End the session one is signed in with."""
    if isinstance(tx.actor, UserActor):
        _end(tx, await tx.get(Session, tx.actor.session_id, lock=True))


@operation(Perm.ACCOUNT_MANAGE, write=True)
async def revoke_session(tx: Tx, session_id: UUID) -> Session:
    """End one of one's sessions, on whatever device. Ending an ended session changes nothing."""
    session = await tx.get(Session, session_id, lock=True)
    _end(tx, session)
    return session


@operation(Perm.ACCOUNT_READ)
async def list_sessions(tx: Tx) -> Sequence[Session]:
    """One's living sessions, the last used first; at most 100."""
    statement = (
        select(Session)
        .where(Session.revoked_at.is_(None), Session.expires_at > tx.now, Session.user_id == tx.user_id)
        .order_by(Session.last_seen_at.desc(), Session.id.desc())
        .limit(LIST_MAX)
    )
    return await tx.scalars(statement)


async def open_session(tx: Tx, user: User, kind: SessionKind, user_agent: str | None) -> SignedIn:
    """Begin a session for a user who has just proved an address."""
    cookie = tokens.random_token(tokens.COOKIE_PREFIX) if kind is SessionKind.COOKIE else None
    session = tx.add(
        Session(
            id=uuid7(),
            user_id=user.id,
            kind=kind,
            user_agent=clipped(user_agent, USER_AGENT_MAX),
            token_hash=tokens.digest(cookie) if cookie else None,
            last_seen_at=tx.now,
            expires_at=tx.now + IDLE,
            created_at=tx.now,
        )
    )
    await tx.flush()
    if cookie is not None:
        return SignedIn(user, session.id, session.expires_at, cookie=cookie)
    first = tokens.random_token(tokens.REFRESH_PREFIX)
    tx.add(RefreshToken(session_id=session.id, token_hash=tokens.digest(first), created_at=tx.now))
    await tx.flush()
    return _pair(tx.house, user, session, first, tx.now)


def check_alive(session: Session | None, now: datetime) -> None:
    """Raises Unauthorized ``token_invalid`` (no such session), ``session_revoked`` or ``token_expired``."""
    if session is None:
        raise tokens.invalid_token()
    if session.revoked_at is not None:
        raise Unauthorized("This session was ended.", code="session_revoked", remediation=["Sign in again."])
    if session.expires_at <= now:
        raise Unauthorized("This session has expired.", code="token_expired", remediation=["Sign in again."])


def extended(session: Session, now: datetime) -> datetime:
    """When a session that is used now will end."""
    return min(now + IDLE, session.created_at + LIFETIME)


async def _locked_session(tx: Tx, refresh_token: str) -> Session:
    # the lock comes first, the tokens are read after it: what a waiting refresh then sees is what the other one did
    statement = (
        select(Session)
        .join(RefreshToken, RefreshToken.session_id == Session.id)
        .where(RefreshToken.token_hash == tokens.digest(refresh_token))
        .with_for_update(of=Session)
    )
    return await tx.scalar(statement)  # type: ignore[no-any-return]


async def _links(tx: Tx, used: str, successor: str) -> tuple[RefreshToken, RefreshToken | None]:
    hashes = tokens.digest(used), tokens.digest(successor)
    rows = await tx.scalars(select(RefreshToken).where(RefreshToken.token_hash.in_(hashes)))
    found = {row.token_hash: row for row in rows}
    return found[hashes[0]], found.get(hashes[1])


def _pair(house: House, user: User, session: Session, refresh_token: str, issued: datetime) -> SignedIn:
    access = tokens.access_token(
        house.key(ACCESS_KEY), house.base_url, user.id, session.id, issued, refresh_token
    )  # fmt: skip
    expires_at = issued.replace(microsecond=0) + timedelta(seconds=tokens.ACCESS_SECONDS)
    return SignedIn(user, session.id, expires_at, access, refresh_token)


def _end(tx: Tx, session: Session) -> None:
    if session.revoked_at is None:
        session.revoked_at = tx.now
        tx.ended.append(session.id)


def _reused() -> Unauthorized:
    return Unauthorized(
        "This refresh token was used before, so the session was ended.",
        code="refresh_reused",
        remediation=["Sign in again.", "If it was not you, look through your sessions and API tokens."],
    )
