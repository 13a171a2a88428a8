"""What REST answers show of clients' choices."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from kilo_gql.rest.views import View


class ClientFavoriteView(View):
    gallery_id: UUID
    guest_id: UUID
    guest_name: str | None
    at: datetime


class ClientSelectionView(View):
    gallery_id: UUID
    list_id: UUID
    list_title: str
    guest_id: UUID
    guest_name: str | None
    submitted_at: datetime | None


class ClientChoicesView(View):
    favorite_count: int
    favorites: list[ClientFavoriteView]
    selection_count: int
    selections: list[ClientSelectionView]
    comment_count: int
    open_threads: int


class ChosenPhotoView(View):
    asset_id: UUID
    number: int
    filename: str
    count: int
    guests: list[str]
    comments: list[str]


class GalleryChoicesView(View):
    #: As what else they are had, by ``format``.
    also: ClassVar = ("text/csv; charset=utf-8", "text/plain; charset=utf-8", "application/zip")

    count: int
    photos: list[ChosenPhotoView]
    names: list[str]
    lightroom: str
    capture_one: str
    finder: str
    csv: str
    text: str
    xmp_url: str


class GalleryProposalView(View):
    id: UUID
    gallery_id: UUID
    guest_id: UUID
    cluster_id: UUID
    winner_asset_id: UUID
    favored_asset_id: UUID
    accepted: bool | None
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime


class RegretView(View):
    clusters: int
    disputed: int
    rate: float | None
    accepted: int
    declined: int
    undecided: int
