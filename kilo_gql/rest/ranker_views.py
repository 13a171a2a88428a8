"""What REST answers show of one's own ranker, of consents, and of model cards."""

from __future__ import annotations

from datetime import datetime

from kilo_gql.models import ConsentPurpose, RankerState
from kilo_gql.rest.views import View


class RankerWeightView(View):
    feature: str
    weight: float
    sd: float
    everyone: float
    words: str | None


class RankerView(View):
    state: RankerState
    why: str
    enabled: bool
    consented: bool
    picks: int
    needed: int
    held_out: int
    gain: float | None
    learnt_at: datetime | None
    reset_at: datetime | None
    weights: list[RankerWeightView]


class ConsentView(View):
    purpose: ConsentPurpose
    granted: bool
    granted_at: datetime | None
    revoked_at: datetime | None


class ModelCardView(View):
    name: str
    title: str
    version: str
    markdown: str
