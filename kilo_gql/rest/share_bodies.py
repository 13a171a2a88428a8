"""What REST requests on the guests' side of galleries carry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from kilo_gql.domain import gallery_comments, shared_photos
from kilo_gql.domain.guest_words import NAME_MAX, TEXT_MAX
from kilo_gql.domain.guests import PASSWORD_MAX
from kilo_gql.paging import Slice
from kilo_gql.rest.bodies import Body, PageQuery


class SharedGalleryQuery(Body):
    """REST answers a gallery whole, with addresses that need no cookie."""

    def arguments(self) -> dict[str, Any]:
        return {"photos": True, "signed": True}


class SharedPhotoQuery(Body):
    """As ``SharedGalleryQuery``, of one photo."""

    def arguments(self) -> dict[str, Any]:
        return {"signed": True}


class SharedPhotosQuery(PageQuery):
    favorites: bool = False
    list_id: UUID | None = None
    section_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        only = shared_photos.only(self.favorites, self.list_id)
        return {
            "slice_": Slice(self.limit, self.cursor),
            "only": only,
            "section_id": self.section_id,
            "signed": True,
        }


class GuestAuthBody(Body):
    """Lengths are documented here and held by the operations, with one refusal for both doors."""

    password: str = Field(json_schema_extra={"minLength": 1, "maxLength": PASSWORD_MAX})


class NameGuestBody(Body):
    name: str = Field(json_schema_extra={"minLength": 1, "maxLength": NAME_MAX})
    email: str | None = None


class FavoriteBody(Body):
    asset_id: UUID
    favorite: bool


class CommentBody(Body):
    """``x`` and ``y``: a spot in the picture, 0 to 1."""

    asset_id: UUID
    text: str = Field(json_schema_extra={"minLength": 1, "maxLength": TEXT_MAX})
    parent_id: UUID | None = None
    x: float | None = None
    y: float | None = None

    def arguments(self) -> dict[str, Any]:
        spot = gallery_comments.Spot.of(self.x, self.y)
        return {"asset_id": self.asset_id, "text": self.text, "parent_id": self.parent_id, "spot": spot}


class SharedCommentsQuery(Body):
    asset_id: UUID


class SelectBody(Body):
    selected: bool


class SubmitBody(Body):
    message: str | None = None
