"""What REST requests about assets carry."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain.asset_pages import FAVORITES_MAX, IDS_MAX, AssetFilter, AssetSort
from kilo_gql.domain.assets import AssetChange
from kilo_gql.domain.ratings import RatingChange
from kilo_gql.paging import Slice
from kilo_gql.rest.bodies import Body, PageQuery


class AssetFilterBody(Body):
    """The fields of ``AssetFilter``."""

    picked: bool | None = None
    rejected: bool | None = None
    starred: bool | None = None
    rating_min: int | None = Field(default=None, json_schema_extra={"minimum": 1, "maximum": 5})
    camera: str | None = None
    lens: str | None = None
    captured_from: datetime | None = None
    captured_to: datetime | None = None
    format: str | None = None
    label: str | None = None
    keyword: str | None = None
    client_favorites_min: int | None = Field(default=None, json_schema_extra={"minimum": 1, "maximum": FAVORITES_MAX})
    client_list_id: UUID | None = None
    client_commented: bool | None = None
    gallery_id: UUID | None = None
    quarantined: bool = False
    trashed: bool = False

    def filter(self) -> AssetFilter:
        return AssetFilter(**{name: getattr(self, name) for name in AssetFilterBody.model_fields})


class AssetsQuery(AssetFilterBody, PageQuery):
    """The filter's fields are parameters of their own."""

    sort: AssetSort = AssetSort.CAPTURED_AT
    descending: bool = False

    def arguments(self) -> dict[str, Any]:
        return {
            "slice_": Slice(self.limit, self.cursor),
            "filter": self.filter(),
            "sort": self.sort,
            "descending": self.descending,
        }


class UpdateAssetBody(Body):
    """Only what is in the request counts, so the defaults are never read. ``iptc`` and ``flags`` are merge patches."""

    title: str | None = None
    description: str | None = None
    keywords: list[str] = Field(default=[])
    notes: str | None = None
    label: str | None = None
    iptc: dict[str, Any] = Field(default={})
    flags: dict[str, Any] = Field(default={})

    def arguments(self) -> dict[str, Any]:
        return {"change": AssetChange(**self._given())}


class UpsertRatingBody(Body):
    """Absent keeps a field, null clears it."""

    rating: int | None = None
    picked: bool | None = None
    rejected: bool | None = None
    starred: bool | None = None
    notes: str | None = None

    def arguments(self) -> dict[str, Any]:
        return {"change": RatingChange(**self._given())}


class AssetIdsBody(Body):
    """The bound is documented here and held by the operation, with one refusal for both doors."""

    ids: list[UUID] = Field(json_schema_extra={"maxItems": IDS_MAX})


class RateAssetsBody(UpsertRatingBody):
    ids: list[UUID] = Field(json_schema_extra={"maxItems": IDS_MAX})

    def arguments(self) -> dict[str, Any]:
        given = self._given()
        return {"ids": given.pop("ids"), "change": RatingChange(**given)}


class PairBody(Body):
    raw_id: UUID
    jpeg_id: UUID
