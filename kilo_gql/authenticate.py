"""From what a client sends to who it is: access tokens, API tokens and session cookies become actors.

Lookups are remembered for five seconds, so an ended session is out everywhere within five seconds, and at once
wherever the bell is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import or_, select, update

from kilo_gql import guest_tokens, tokens
from kilo_gql.access import Actor, Perm, System, TokenActor, UserActor
from kilo_gql.db import Database
from kilo_gql.domain.sessions import ACCESS_KEY, check_alive, extended
from kilo_gql.errors import Unauthorized
from kilo_gql.models import ApiToken, Session, SessionKind

#: Seconds a lookup is remembered.
REMEMBERED: Final = 5.0
#: Lookups remembered at most; the oldest goes first.
REMEMBERED_MAX: Final = 10_000
#: How often the use of an API token and of a cookie is written down.
_TOKEN_SEEN_EVERY: Final = timedelta(minutes=1)
_COOKIE_SEEN_EVERY: Final = timedelta(hours=1)

_HOUSE: Final = System("authenticate")


@dataclass(frozen=True, slots=True)
class Proof:
    """Who is there, and until when that is certain (None: until it is revoked). Streams close at ``expires_at``."""

    actor: Actor
    expires_at: datetime | None


class Listens(Protocol):
    """The part of a bell that is needed here."""

    def listen(self, topic: Any, callback: Callable[[str], None], /) -> Callable[[], None]: ...


class Authenticator:
    """Reads bearers and cookies. With a ``bell`` it forgets ended sessions as soon as topic ``session`` names them."""

    def __init__(self, db: Database, bell: Listens | None = None) -> None:
        self.db = db
        self._memory = _Memory(db.house.clock)
        if bell is not None:
            bell.listen("session", self._heard)

    async def bearer(self, token: str) -> Proof:
        """The actor of an access token or an API token.

        Raises Unauthorized ``token_invalid``, ``token_expired`` or ``session_revoked``.
        """
        if tokens.is_opaque(token, tokens.API_PREFIX):
            return await self._remembered(token, self._api_token)
        house = self.db.house
        if token.startswith(guest_tokens.PREFIX):
            visit = guest_tokens.read_guest_token(house.key, token, house.clock())
            return Proof(visit.guest, visit.expires_at)
        claims = tokens.read_access_token(house.key(ACCESS_KEY), house.base_url, token, house.clock())
        await self._remembered(f"{claims.sid} {claims.sub}", self._session)
        return Proof(UserActor(claims.sub, claims.sid), datetime.fromtimestamp(claims.exp, house.clock().tzinfo))

    async def cookie(self, token: str) -> Proof:
        """The actor of a session cookie. Raises Unauthorized as ``bearer`` does."""
        if not tokens.is_opaque(token, tokens.COOKIE_PREFIX):
            raise tokens.invalid_token()
        return await self._remembered(token, self._cookie)

    def forget(self, ended: UUID | None = None) -> None:
        """Look a session or API token up anew when it is next used (None: all of them)."""
        self._memory.drop(ended)

    def _heard(self, payload: str) -> None:
        try:
            self.forget(UUID(payload))
        except ValueError:
            self.forget()

    async def _remembered(self, proof: str, look_up: Callable[[str], Any]) -> Proof:
        key = tokens.digest(proof)
        found = self._memory.get(key)
        if found is None:
            found = await look_up(proof)
            self._memory.put(key, found)
        if found.expires_at is not None and found.expires_at <= self.db.house.clock():
            raise _expired()
        return found

    async def _session(self, pair: str) -> Proof:
        session_id, user_id = map(UUID, pair.split())
        async with self.db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            session = await tx.scalar(
                select(Session).where(
                    Session.id == session_id, Session.user_id == user_id, Session.kind == SessionKind.TOKENS
                )
            )
            check_alive(session, tx.now)
        return Proof(UserActor(user_id, session_id), session.expires_at)

    async def _cookie(self, cookie: str) -> Proof:
        async with self.db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            session = await tx.scalar(select(Session).where(Session.token_hash == tokens.digest(cookie)))
            check_alive(session, tx.now)
        expires_at = session.expires_at
        if tx.now - session.last_seen_at >= _COOKIE_SEEN_EVERY:
            expires_at = extended(session, tx.now)
            await self._write(
                update(Session)
                .where(Session.id == session.id, Session.revoked_at.is_(None))
                .values(last_seen_at=tx.now, expires_at=expires_at)
            )
        return Proof(UserActor(session.user_id, session.id), expires_at)

    async def _api_token(self, secret: str) -> Proof:
        async with self.db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
            token = await tx.scalar(select(ApiToken).where(ApiToken.token_hash == tokens.digest(secret)))
        if token is None or token.revoked_at is not None:
            raise tokens.invalid_token()
        if token.expires_at is not None and token.expires_at <= tx.now:
            raise _expired()
        stale = tx.now - _TOKEN_SEEN_EVERY
        if token.last_used_at is None or token.last_used_at <= stale:
            # several processes may come here at once: one of them writes
            unseen = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= stale)
            await self._write(update(ApiToken).where(ApiToken.id == token.id, unseen).values(last_used_at=tx.now))
        return Proof(TokenActor(token.user_id, token.id, tuple(token.scopes)), token.expires_at)

    async def _write(self, statement: Any) -> None:
        async with self.db.transaction(_HOUSE, Perm.SYSTEM) as tx:
            await tx.unchecked(statement)
            await tx.session.commit()


class _Memory:
    """Proofs by the hash of what proved them, each for a few seconds; refusals are never remembered."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._found: dict[bytes, tuple[datetime, Proof]] = {}

    def get(self, key: bytes) -> Proof | None:
        entry = self._found.get(key)
        if entry is None:
            return None
        # a clock that was set back must not lengthen anything
        if not 0 <= (self._clock() - entry[0]).total_seconds() < REMEMBERED:
            del self._found[key]
            return None
        return entry[1]

    def put(self, key: bytes, proof: Proof) -> None:
        self._found.pop(key, None)
        while len(self._found) >= REMEMBERED_MAX:
            del self._found[next(iter(self._found))]
        self._found[key] = self._clock(), proof

    def drop(self, ended: UUID | None) -> None:
        self._found = {
            key: entry for key, entry in self._found.items() if ended is not None and _id_of(entry[1].actor) != ended
        }


def _id_of(actor: Actor) -> UUID | None:
    match actor:
        case UserActor():
            return actor.session_id
        case TokenActor():
            return actor.token_id
    return None


def _expired() -> Unauthorized:
    return Unauthorized("This token has expired.", code="token_expired", remediation=["Sign in again."])
