"""What REST requests about renditions carry."""

from __future__ import annotations

from typing import Any

from kilo_gql.domain import renders
from kilo_gql.models import FileKind
from kilo_gql.rest.bodies import Body


class RegionBody(Body):
    """Fractions of the upright picture, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    px: int = renders.PX_DEFAULT


class RenderBody(Body):
    kind: FileKind = FileKind.FULL
    region: RegionBody | None = None

    def arguments(self) -> dict[str, Any]:
        region = renders.Region(**self.region.model_dump()) if self.region is not None else None
        return {"kind": self.kind, "region": region}
