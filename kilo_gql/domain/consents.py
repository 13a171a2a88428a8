"""Leave to learn: nothing is learnt of a person who has not said yes, and only from what they did while it was yes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kilo_gql.access import Perm
from kilo_gql.codec import stored
from kilo_gql.db import Tx
from kilo_gql.domain import learning
from kilo_gql.domain.consent_rows import history
from kilo_gql.domain.ranker_rows import forget, forget_frames, locked
from kilo_gql.models import Consent, ConsentPurpose
from kilo_gql.operations import operation


@stored
@dataclass(frozen=True, slots=True)
class Leave:
    """Whether something may be learnt from for a purpose. ``granted_at``: when that was last said; ``revoked_at``: when
    it was taken back after that.
    """

    purpose: ConsentPurpose
    granted: bool
    granted_at: datetime | None
    revoked_at: datetime | None


@operation(Perm.RANKER_READ)
async def list_consents(tx: Tx) -> list[Leave]:
    """What you have allowed to be learnt from what you do, by purpose; nothing is allowed until you say so."""
    latest = {row.purpose: row for row in await history(tx, tx.user_id, *ConsentPurpose)}
    return [_leave(purpose, latest.get(purpose)) for purpose in ConsentPurpose]


@operation(Perm.RANKER_MANAGE, write=True)
async def set_consent(tx: Tx, purpose: ConsentPurpose, granted: bool) -> Leave:
    """Allow that KILO learns from what you do, or take it back; what was learnt is then forgotten at once.

    What you do while it is allowed is what may be learnt from, also if you take it back and allow it again later.
    """
    ranker = await locked(tx, tx.user_id)
    said = await history(tx, tx.user_id, purpose)
    latest = said[-1] if said else None
    is_granted = latest is not None and latest.revoked_at is None
    if granted and not is_granted:
        latest = tx.add(Consent(user_id=tx.user_id, purpose=purpose, granted_at=tx.now, revoked_at=None))
        await forget(tx, ranker, consented=True)
        await learning.ask(tx, tx.user_id, pause=None)
    elif is_granted and not granted:
        assert latest is not None
        latest.revoked_at = tx.now
        await forget(tx, ranker, consented=False)
        await forget_frames(tx, tx.user_id)
    return _leave(purpose, latest)


def _leave(purpose: ConsentPurpose, row: Consent | None) -> Leave:
    if row is None:
        return Leave(purpose, False, None, None)
    return Leave(purpose, row.revoked_at is None, row.granted_at, row.revoked_at)
