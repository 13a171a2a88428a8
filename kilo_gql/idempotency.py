"""A keyed call happens once, however often and however concurrently it is sent.

Claim, effect, answer and events share one transaction: a key exists exactly if its effect does. The claim is a
transaction-scoped advisory lock, so a crash frees it at once; the unique key in the table is the last word.
Validation errors, refusals and "in progress" are never kept (after draft-ietf-httpapi-idempotency-key-header-07
and Stripe's API; the contract documents 409 where the draft says 422).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select

from kilo_gql.codec import freeze, thaw
from kilo_gql.errors import BadRequest, Conflict
from kilo_gql.models import IdempotencyKey

if TYPE_CHECKING:
    from kilo_gql.db import Tx

RETENTION: Final = timedelta(hours=24)
UPLOAD_RETENTION: Final = timedelta(days=7)

_TABLE: Final[Any] = IdempotencyKey.__table__
_KEY: Final = re.compile(r"[\x21\x23-\x7e]{8,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key as one call uses it: scope (actor, operation, key) and the SHA-256 of the canonical input."""

    actor: str
    operation: str
    key: str
    fingerprint: bytes
    retention: timedelta

    @property
    def lock(self) -> int:
        digest = hashlib.sha256("\0".join((self.actor, self.operation, self.key)).encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of the call that happened; ``told``: it left events."""

    value: Any
    op_id: UUID
    told: bool


def parse_key(text: str) -> str:
    """The key in a header or argument, bare or quoted (RFC 8941 string). Raises BadRequest."""
    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise BadRequest(
            "An idempotency key has 8 to 128 printable ASCII characters without spaces or quotes.",
            code="bad_idempotency_key",
            remediation=["Use a random UUID for each new action, and the same one for its retries."],
        )
    return key


async def claim(tx: Tx, wanted: Claim) -> Kept | None:
    """Take the key for this transaction, or the kept answer of an earlier call.

    Raises Conflict ``idempotency_in_progress`` or ``idempotency_mismatch``.
    """
    free = await tx.unchecked(select(func.pg_try_advisory_xact_lock(wanted.lock)))
    if not free.scalar_one():
        raise Conflict(
            "The first call with this key is still running.",
            code="idempotency_in_progress",
            remediation=["Send the same call again in a second."],
            retry_after=1,
        )
    kept = (
        await tx.unchecked(
            select(_TABLE.c.fingerprint, _TABLE.c.response, _TABLE.c.op_id, _TABLE.c.expires_at).where(*_is(wanted))
        )
    ).one_or_none()
    if kept is None:
        return None
    if kept.expires_at <= tx.now:
        await tx.unchecked(delete(_TABLE).where(*_is(wanted)))
        return None
    if kept.fingerprint != wanted.fingerprint:
        raise Conflict(
            "This key was used for a call with other content.",
            code="idempotency_mismatch",
            remediation=["Use a new key for a new action."],
        )
    return Kept(thaw(kept.response["value"]), kept.op_id, kept.response["told"])


async def keep(tx: Tx, wanted: Claim, value: Any) -> None:
    """Keep the answer beside its effect."""
    await tx.unchecked(
        insert(_TABLE).values(
            actor=wanted.actor,
            operation=wanted.operation,
            key=wanted.key,
            fingerprint=wanted.fingerprint,
            response={"value": freeze(value), "told": bool(tx.changes)},
            op_id=tx.op_id,
            expires_at=tx.now + wanted.retention,
            created_at=tx.now,
        )
    )


def _is(wanted: Claim) -> tuple[Any, ...]:
    return (
        _TABLE.c.actor == wanted.actor,
        _TABLE.c.operation == wanted.operation,
        _TABLE.c.key == wanted.key,
    )
