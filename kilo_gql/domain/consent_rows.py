"""Who has said yes to what: rows of consent, as those read them who must ask first."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.sql import ColumnElement

from kilo_gql.db import Tx
from kilo_gql.models import Consent, ConsentPurpose
from kilo_gql.models.base import Viewer


def is_open(user_id: Viewer, purpose: ConsentPurpose) -> ColumnElement[bool]:
    """That this user has said yes, and not taken it back."""
    return exists().where(*_open(user_id, purpose))


async def given(tx: Tx, user_id: UUID, purpose: ConsentPurpose) -> bool:
    """Has this user said yes, and not taken it back?"""
    return await tx.scalar(select(Consent.id).where(*_open(user_id, purpose))) is not None


def _open(user_id: Viewer, purpose: ConsentPurpose) -> tuple[ColumnElement[bool], ...]:
    return Consent.user_id == user_id, Consent.purpose == purpose, Consent.revoked_at.is_(None)


async def history(tx: Tx, user_id: UUID, *purposes: ConsentPurpose) -> Sequence[Consent]:
    """Every time this user said yes to one of these, the latest last."""
    said = select(Consent).where(Consent.user_id == user_id, Consent.purpose.in_(purposes))
    found: Sequence[Consent] = await tx.scalars(said.order_by(Consent.granted_at, Consent.id))
    return found
