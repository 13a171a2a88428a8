"""What REST requests about clusters carry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain.clusters import IDS_MAX
from kilo_gql.models import ClusterKind
from kilo_gql.paging import Slice
from kilo_gql.rest.bodies import Body, PageQuery


class ClustersQuery(PageQuery):
    kind: ClusterKind | None = None
    parent_id: UUID | None = None
    reviewed: bool | None = None

    def arguments(self) -> dict[str, Any]:
        rest = {name: getattr(self, name) for name in ("kind", "parent_id", "reviewed")}
        return {"slice_": Slice(self.limit, self.cursor), **rest}


class ClusterIdsBody(Body):
    """The bound is documented here and held by the operation, with one refusal for both doors."""

    ids: list[UUID] = Field(json_schema_extra={"maxItems": IDS_MAX})


class ClockOffsetBody(Body):
    """``offsetSeconds`` null goes back to the estimate."""

    camera: str
    offset_seconds: float | None
