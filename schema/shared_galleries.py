"""Galleries as their guests see them in GraphQL: allow-lists without camera, place, path or anybody else's address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import favorites, gallery_comments, guests, selection_lists, selections
from kilo_gql.domain import shared_galleries as domain
from kilo_gql.domain import shared_photos as photos
from schema.base import Connection, bounded, receipt, shows, text, value
from schema.galleries import DownloadPolicy

strawberry.enum(selections.ListState, description="May this guest still choose?")
ListState = selections.ListState


@shows(domain.SharedSection)
@strawberry.type(description="A heading of a gallery.")
class SharedSection:
    """A section under which guests see something."""

    id: UUID = text("The section's id.")
    title: str = text("What it says.")
    photo_count: int = text("How many photos stand under it.")


@shows(domain.SharedGuest, models.GalleryGuest)
@strawberry.type(description="A guest, as they see themselves.")
class SharedGuest:
    """Who is looking."""

    id: UUID = text("The guest's id: of this session.")
    name: str | None = text("The name they gave.")
    email: str | None = text("The address they gave.")


@shows(selections.SharedList)
@strawberry.type(description="What guests are asked to choose, and how far this one has come.")
class SharedList:
    """A list with this guest's answer."""

    id: UUID = text("The list's id.")
    title: str = text("What it is for.")
    message: str | None = text("What the photographer says about it.")
    min_count: int | None = text("The least number of photos; null: no such bound.")
    max_count: int | None = text("The greatest number of photos; null: no such bound.")
    deadline: datetime | None = text("Until when to choose; null: no such bound.")
    count: int = text("How many photos this guest has chosen.")
    state: ListState = text("May this guest still choose?")
    submitted_at: datetime | None = text("When this guest sent their choice; null: not yet.")


@shows(domain.SharedGallery)
@strawberry.type(
    description="A gallery before its guests. Before the password, title and requiresAuth are all there is."
)
class SharedGallery:
    """What is told of a gallery depends on who was let in."""

    title: str = text("What it is called.")
    requires_auth: bool = text("Does it ask for a password first?")
    token: str | None = text("A session: send it as a bearer from now on; null before the password, and for members.")
    gallery_id: UUID | None = text("The gallery's id.")
    message: str | None = text("What the photographer says.")
    cover_asset_id: UUID | None = text("The photo on its cover.")
    expires_at: datetime | None = text("Until when it is open; null: no end is set.")
    photo_count: int | None = text("How many photos it shows.")
    sections: list[SharedSection] = bounded("Its headings, in order.", domain.SECTIONS_MAX)
    downloads: DownloadPolicy = text("The most a guest may take home.")
    favorites_allowed: bool = text("Does it take hearts?")
    comments_allowed: bool = text("Does it take comments?")
    guest: SharedGuest | None = text("Who is looking; null before the password, and for members.")
    preview: bool = text("Is this a member of the project who looks at their own gallery?")
    lists: list[SharedList] = bounded("What guests are asked to choose.", selection_lists.LISTS_MAX)


@shows(photos.SharedPhoto)
@strawberry.type(description="A photo as a gallery shows it.")
class SharedPhoto:
    """A photo with what this guest said of it; addresses are signed."""

    asset_id: UUID = text("The photo's id.")
    section_id: UUID | None = text("The heading under which it stands.")
    number: int = text("Its place in the gallery, from 1.")
    filename: str | None = text("Its name, where the photographer shows names.")
    thumbnail_url: str = text("A small picture.")
    preview_url: str = text("The picture.")
    width_px: int | None = text("Width of the picture in pixels.")
    height_px: int | None = text("Height of the picture in pixels.")
    thumbhash: str | None = text("ThumbHash, Base64.")
    average_color: int | None = text("Average colour, 0xRRGGBB.")
    favorite: bool = text("Does this guest favour it?")
    favorite_count: int = text("How many guests favour it.")
    comments_count: int = text("How many comments there are.")
    lists: list[UUID] = bounded("The lists for which this guest chose it.", selection_lists.LISTS_MAX)
    previous_id: UUID | None = text("The photo before it in the gallery.")
    next_id: UUID | None = text("The photo after it in the gallery.")


SharedPhotoConnection = Connection[SharedPhoto]


@shows(gallery_comments.SharedComment)
@strawberry.type(description="A comment as guests read it.")
class SharedComment:
    """Nobody is named but by the name they gave."""

    id: UUID = text("The comment's id.")
    asset_id: UUID = text("The photo it is about.")
    parent_id: UUID | None = text("The comment that it answers; null: it begins a thread.")
    author_name: str | None = text("The name its author had then.")
    by_photographer: bool = text("Did the photographer write it?")
    mine: bool = text("Did this guest write it?")
    x: float | None = text("A spot in the picture, 0 (left) to 1.")
    y: float | None = text("A spot in the picture, 0 (top) to 1.")
    resolved: bool = text("Is the thread done?")
    deleted: bool = text("Were its words taken away?")
    created_at: datetime = text("When it was written.")
    text: str = text("What it says; nothing if it was deleted.")


@shows(guests.GuestPass)
@strawberry.type(description="A guest's session.")
class GuestPass:
    """Shown once."""

    token: str = text("Send it as a bearer.")
    expires_at: datetime = text("Until when it is good, unless the gallery ends its sessions before.")


@shows(favorites.Favorited)
@strawberry.type(description="A photo after a guest's heart.")
class Favorited:
    """The guest's word, and everybody's."""

    ok: bool = text("Always true.")
    asset_id: UUID = text("The photo.")
    favorite: bool = text("Does this guest favour it?")
    favorite_count: int = text("How many guests favour it.")


@shows(models.GalleryComment)
@strawberry.type(description="A comment that was written.")
class Commented:
    """Its id; the comment itself is in `sharedComments`."""

    @strawberry.field(description="The comment's id.")
    def comment_id(parent: strawberry.Parent[models.GalleryComment]) -> UUID:
        return parent.id


@strawberry.type(description="A session after a mutation.")
class GuestPassPayload:
    """What `authenticateGuest` answers."""

    session: GuestPass = value("The session.", GuestPass)


@strawberry.type(description="A guest after a mutation.")
class SharedGuestPayload:
    """What `nameGuest` answers."""

    guest: SharedGuest = value("The guest as they are now.", SharedGuest)
    receipt: None = receipt()


@strawberry.type(description="A photo after a heart.")
class FavoritedPayload:
    """What `favoriteAsset` answers."""

    favorited: Favorited = value("The photo as it is now.", Favorited)
    receipt: None = receipt()


@strawberry.type(description="A comment after a mutation.")
class CommentedPayload:
    """What `commentAsset` answers."""

    comment: Commented = value("The comment.", Commented)
    receipt: None = receipt()


@strawberry.type(description="A list after a mutation.")
class SharedListPayload:
    """What `selectAsset` and `submitSelection` answer."""

    list: SharedList = value("The list as it is now for this guest.", SharedList)
    receipt: None = receipt()
