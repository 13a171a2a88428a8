"""Guests of galleries, and what they did there, as their photographers see them in GraphQL."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import guests, selection_answers, selection_lists
from schema.base import Connection, bounded, receipt, shows, text, value
from schema.scalars import JSON

strawberry.enum(models.ActivityKind, description="What a guest did.")
ActivityKind = models.ActivityKind


@shows(guests.GuestSummary)
@strawberry.type(description="A guest of a gallery, and how much they have done.")
class GalleryGuest:
    """A guest with counts."""

    id: UUID = text("The guest's id.")
    gallery_id: UUID = text("The gallery.")
    name: str | None = text("The name they gave.")
    email: str | None = text("The address they gave.")
    anonymous: bool = text("Does this stand for all who came without a session?")
    favorite_count: int = text("How many photos they favour.")
    comment_count: int = text("How many comments they wrote.")
    selected_count: int = text("How many photos they chose, in all lists.")
    submitted_count: int = text("How many choices they have sent.")
    created_at: datetime = text("When they first did something.")
    last_seen_at: datetime = text("When they were last there.")


@shows()
@strawberry.type(description="A line of a gallery's feed.")
class GalleryActivity:
    """What a guest did."""

    id: UUID = text("The line's id.")
    kind: ActivityKind = text("What was done.")
    guest_id: UUID | None = text("The guest.")
    guest_name: str | None = text("The guest's name as it is now.")
    asset_id: UUID | None = text("The photo it is about.")
    details: JSON = text("More about it: the list, the file that was taken home.")
    at: datetime = text("When it was done.")


@shows(models.GalleryComment)
@strawberry.type(description="A comment in a gallery, as the project's members read it.")
class GalleryComment:
    """A comment row."""

    id: UUID = text("The comment's id.")
    gallery_id: UUID = text("The gallery.")
    asset_id: UUID = text("The photo it is about.")
    guest_id: UUID | None = text("The guest who wrote it.")
    user_id: UUID | None = text("The member who wrote it.")
    parent_id: UUID | None = text("The comment that it answers; null: it begins a thread.")
    author_name: str | None = text("The name its author had then.")
    x: float | None = text("A spot in the picture, 0 (left) to 1.")
    y: float | None = text("A spot in the picture, 0 (top) to 1.")
    resolved_at: datetime | None = text("When its thread was said to be done.")
    resolved_by: UUID | None = text("Who said so.")
    deleted_at: datetime | None = text("When its words were taken away.")
    created_at: datetime = text("When it was written.")
    text: str = text("What it says; nothing if it was deleted.")


@shows(models.SelectionList)
@strawberry.type(description="What guests of a gallery are asked to choose.")
class SelectionList:
    """A list row."""

    id: UUID = text("The list's id.")
    gallery_id: UUID = text("The gallery.")
    title: str = text("What it is for.")
    message: str | None = text("What guests read about it.")
    min_count: int | None = text("The least number of photos; null: no such bound.")
    max_count: int | None = text("The greatest number of photos; null: no such bound.")
    deadline: datetime | None = text("Until when to choose; null: no such bound.")
    position: int = text("Its place among the lists.")
    created_at: datetime = text("When it was made.")


@shows(models.Selection)
@strawberry.type(description="Whether a guest has sent their choice.")
class Selection:
    """A selection row."""

    list_id: UUID = text("The list.")
    guest_id: UUID = text("The guest.")
    submitted_at: datetime | None = text("When it was sent; null: it is open.")
    message: str | None = text("What the guest said with it.")
    updated_at: datetime = text("When it was last sent or opened.")


@shows(selection_answers.GuestSelection)
@strawberry.type(description="What one guest chose for a list.")
class GuestSelection:
    """An answer."""

    list_id: UUID = text("The list.")
    guest_id: UUID = text("The guest.")
    guest_name: str | None = text("The name they gave.")
    count: int = text("How many photos.")
    submitted_at: datetime | None = text("When it was sent; null: not yet.")
    message: str | None = text("What the guest said with it.")
    updated_at: datetime = text("When it was last sent or opened.")
    asset_ids: list[UUID] = bounded("The photos, in the order in which they were chosen.", selection_answers.NAMED_MAX)


@shows(selection_answers.SelectedPhoto)
@strawberry.type(description="A photo that guests chose.")
class SelectedPhoto:
    """A photo of the merged answer."""

    asset_id: UUID = text("The photo.")
    guest_count: int = text("How many guests chose it.")
    submitted_count: int = text("How many of them have sent their choice.")


GalleryGuestConnection = Connection[GalleryGuest]
GalleryActivityConnection = Connection[GalleryActivity]
GalleryCommentConnection = Connection[GalleryComment]
GuestSelectionConnection = Connection[GuestSelection]
SelectedPhotoConnection = Connection[SelectedPhoto]


@strawberry.input(description="What a list asks for; null: no such bound.")
class CreateSelectionListInput:
    """Input of `createSelectionList`."""

    title: str = text("1 to 100 characters.")
    message: str | None = strawberry.field(default=None, description="At most 2,000 characters.")
    min_count: int | None = strawberry.field(default=None, description="The least number of photos.")
    max_count: int | None = strawberry.field(default=None, description="The greatest number of photos.")
    deadline: datetime | None = strawberry.field(default=None, description="Until when to choose.")

    def new(self) -> selection_lists.NewSelectionList:
        return selection_lists.NewSelectionList(self.title, self.message, self.min_count, self.max_count, self.deadline)


@strawberry.input(description="What is to change; fields left out stay as they are.")
class UpdateSelectionListInput:
    """Input of `updateSelectionList`: absent and null are different."""

    title: strawberry.Maybe[str] = strawberry.field(default=None, description="1 to 100 characters.")
    message: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")
    min_count: strawberry.Maybe[int | None] = strawberry.field(default=None, description="Null lifts the bound.")
    max_count: strawberry.Maybe[int | None] = strawberry.field(default=None, description="Null lifts the bound.")
    deadline: strawberry.Maybe[datetime | None] = strawberry.field(default=None, description="Null lifts the bound.")
    position: strawberry.Maybe[int] = strawberry.field(default=None, description="Its place among the lists.")

    def change(self) -> selection_lists.SelectionListChange:
        fields = ("title", "message", "min_count", "max_count", "deadline", "position")
        return selection_lists.SelectionListChange(
            **{name: given.value for name in fields if (given := getattr(self, name)) is not None}
        )


@strawberry.type(description="A comment after a mutation.")
class GalleryCommentPayload:
    """What `replyComment` and `resolveComment` answer."""

    comment: GalleryComment = value("The comment as it is now.", GalleryComment)
    receipt: None = receipt()


@strawberry.type(description="A list after a mutation.")
class SelectionListPayload:
    """What mutations of lists answer."""

    list: SelectionList = value("The list as it is now.", SelectionList)
    receipt: None = receipt()


@strawberry.type(description="A guest's choice after a mutation.")
class SelectionPayload:
    """What `reopenSelection` answers."""

    selection: Selection = value("The choice as it is now.", Selection)
    receipt: None = receipt()
