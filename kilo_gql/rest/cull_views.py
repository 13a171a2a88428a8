"""What REST answers show of culling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from kilo_gql.models import CullKind, CullState
from kilo_gql.rest.views import View


class CullAppliedView(View):
    """The contract's answer to bulk actions."""

    ok: bool
    updated_asset_ids: list[UUID]

    @classmethod
    def render(cls, value: Sequence[UUID]) -> bytes:
        return msgspec.json.encode(cls(True, list(value)))


class CullTurnView(View):
    kind: CullKind
    title: str
    asset_ids: list[UUID]
    asset_count: int
    cluster_ids: list[UUID]
    focus_asset_id: UUID | None
    kept_asset_ids: list[UUID]
    kept_cluster_ids: list[UUID]
    can_undo: bool
    can_redo: bool


class CullStepView(View):
    id: UUID
    at: datetime
    kind: CullKind
    state: CullState
    title: str
    asset_ids: list[UUID]
    asset_count: int
    cluster_ids: list[UUID]
    focus_asset_id: UUID | None
