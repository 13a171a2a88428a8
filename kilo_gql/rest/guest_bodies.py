"""What REST requests about a gallery's guests carry: the photographer's side."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain import selection_lists
from kilo_gql.domain.guest_words import TEXT_MAX
from kilo_gql.paging import Slice
from kilo_gql.rest.bodies import Body, PageQuery


class CommentsQuery(PageQuery):
    asset_id: UUID | None = None
    open: bool | None = None

    def arguments(self) -> dict[str, Any]:
        return {"slice_": Slice(self.limit, self.cursor), "asset_id": self.asset_id, "open": self.open}


class ReplyBody(Body):
    text: str = Field(json_schema_extra={"minLength": 1, "maxLength": TEXT_MAX})


class ResolveBody(Body):
    resolved: bool


class CreateListBody(Body):
    title: str
    message: str | None = None
    min_count: int | None = None
    max_count: int | None = None
    deadline: datetime | None = None

    def arguments(self) -> dict[str, Any]:
        return {"new": selection_lists.NewSelectionList(**self._given())}


class UpdateListBody(Body):
    """Only what is in the request counts, so the defaults are never read: absent is not null."""

    title: str = ""
    message: str | None = None
    min_count: int | None = None
    max_count: int | None = None
    deadline: datetime | None = None
    position: int = 0

    def arguments(self) -> dict[str, Any]:
        return {"change": selection_lists.SelectionListChange(**self._given())}
