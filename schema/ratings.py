"""Ratings as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain.asset_rows import OwnRating
from kilo_gql.domain.ratings import RatingChange
from schema.base import receipt, shows, text, value


@shows(models.Rating, OwnRating)
@strawberry.type(description="What one person thinks of a photo; null is what they have not said.")
class Rating:
    """A rating row, or the viewer's part of an asset row."""

    asset_id: UUID = text("The photo.")
    user_id: UUID = text("Whose word it is.")
    rating: int | None = text("1 to 5.")
    picked: bool | None = text("Shall it be kept?")
    rejected: bool | None = text("Shall it go?")
    starred: bool | None = text("Is it a favourite?")
    notes: str | None = text("A note of one's own.")
    updated_at: datetime | None = text("When any of it last changed.")


@strawberry.input(description="What to say: fields left out stay as they are, null takes back what was said.")
class RatingInput:
    """Input of ``rateAsset`` and ``rateAssets``: absent and null are different."""

    rating: strawberry.Maybe[int | None] = strawberry.field(default=None, description="1 to 5; null clears it.")
    picked: strawberry.Maybe[bool | None] = strawberry.field(default=None, description="Null clears it.")
    rejected: strawberry.Maybe[bool | None] = strawberry.field(default=None, description="Null clears it.")
    starred: strawberry.Maybe[bool | None] = strawberry.field(default=None, description="Null clears it.")
    notes: strawberry.Maybe[str | None] = strawberry.field(
        default=None, description="At most 10,000 characters; null clears them."
    )

    def change(self) -> RatingChange:
        fields = ("rating", "picked", "rejected", "starred", "notes")
        return RatingChange(**{name: m.value for name in fields if (m := getattr(self, name)) is not None})


@strawberry.type(description="A rating after a mutation.")
class RatingPayload:
    """What ``rateAsset`` answers."""

    rating: Rating = value("The rating as it is now.", Rating)
    receipt: None = receipt()
