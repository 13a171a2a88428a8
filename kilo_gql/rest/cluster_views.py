"""What REST answers show of clusters."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from kilo_gql.domain.clocks import ClockSource
from kilo_gql.domain.cluster_rows import LinkReason, Role
from kilo_gql.models import Band, ClusterKind, GroupingState, SetKind
from kilo_gql.rest.views import View


class ClusterAssetView(View):
    asset_id: UUID
    rank: int
    role: Role


class MeasuredAssetView(ClusterAssetView):
    signals: dict[str, Any]


class SuggestionView(View):
    asset_ids: list[UUID]
    scores: list[float]
    probabilities: list[float]
    band: Band
    chips: list[dict[str, Any]]
    rest: float
    rest_margin: float
    personal: bool
    made_at: datetime


class ClusterView(View):
    """A cluster in a list. The signals of its photos, and why each is in it, are in the answer about it alone."""

    id: UUID
    project_id: UUID
    kind: ClusterKind
    parent_id: UUID | None
    title: str | None
    start_time: datetime | None
    end_time: datetime | None
    size: int
    asset_ids: list[UUID]
    kept_set: SetKind | None
    set_evidence: dict[str, Any]
    reviewed: bool
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    locked: bool
    winner_asset_id: UUID | None
    preselected: bool
    band: Band | None
    confidence: float | None
    score: float | None
    why_winner: list[str]
    suggestion: SuggestionView | None
    assets: list[ClusterAssetView]
    created_at: datetime
    updated_at: datetime


class ClusterLinkView(View):
    source: UUID = msgspec.field(name="from")
    to: UUID
    gap_seconds: float | None
    look: float | None
    score: float | None
    reasons: list[LinkReason]
    text: str


class ClusterDetailView(ClusterView):
    assets: list[MeasuredAssetView]  # type: ignore[assignment]
    links: list[ClusterLinkView]


class CameraClockView(View):
    camera: str
    label: str
    asset_count: int
    reference: bool
    offset_seconds: float
    source: ClockSource | None
    estimated_seconds: float | None
    support: int | None
    ratio: float | None
    accepted: bool | None


class GroupingView(View):
    project_id: UUID
    state: GroupingState
    grouped_at: datetime | None
    asset_count: int
    threshold: float | None
    clocks: list[CameraClockView]
