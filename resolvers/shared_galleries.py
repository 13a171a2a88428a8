"""What guests can ask of a gallery, and do in it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import (
    favorites,
    gallery_activity,
    gallery_comments,
    guests,
    selection_lists,
    selections,
    shared_galleries,
)
from kilo_gql.domain import shared_photos as photos
from resolvers.arguments import After, First, IdempotencyKey, page
from resolvers.binding import ask, ask_list, change
from schema.auth import DonePayload
from schema.base import Info
from schema.shared_galleries import (
    CommentedPayload,
    FavoritedPayload,
    GuestPassPayload,
    SharedComment,
    SharedGallery,
    SharedGuestPayload,
    SharedList,
    SharedListPayload,
    SharedPhoto,
    SharedPhotoConnection,
)

Slug = Annotated[str, strawberry.argument(description="What stands in the gallery's address behind /g/.")]
AssetId = Annotated[UUID, strawberry.argument(description="The photo's id.")]
ListId = Annotated[UUID, strawberry.argument(description="The list's id.")]
CommentId = Annotated[UUID, strawberry.argument(description="The comment's id.")]
Favorites = Annotated[bool, strawberry.argument(description="Only this guest's favourites.")]
OfList = Annotated[UUID | None, strawberry.argument(description="Only what this guest chose for this list.")]
OfSection = Annotated[UUID | None, strawberry.argument(description="Only what stands under this heading.")]
Password = Annotated[str, strawberry.argument(description="The gallery's password.")]
Name = Annotated[str, strawberry.argument(description="1 to 80 characters.")]
Email = Annotated[str | None, strawberry.argument(description="An address to write to, if you like.")]
Favorite = Annotated[bool, strawberry.argument(description="A heart, or none.")]
Text = Annotated[str, strawberry.argument(description="1 to 2,000 characters.")]
ParentId = Annotated[UUID | None, strawberry.argument(description="The comment that is answered.")]
Across = Annotated[float | None, strawberry.argument(description="A spot in the picture, 0 (left) to 1.")]
Down = Annotated[float | None, strawberry.argument(description="A spot in the picture, 0 (top) to 1.")]
Selected = Annotated[bool, strawberry.argument(description="Into the choice, or out of it.")]
Message = Annotated[str | None, strawberry.argument(description="Words for the photographer: at most 2,000.")]


@strawberry.type
class SharedGalleryQuery:
    """Root fields that show a gallery to its guests."""

    @ask(shared_galleries.open_gallery, SharedGallery)
    async def shared_gallery(self, info: Info, share_slug: Slug) -> Any:
        return await info.context.read(shared_galleries.open_gallery, share_slug)

    @ask(photos.shared_photos, SharedPhotoConnection)
    async def shared_photos(
        self,
        info: Info,
        share_slug: Slug,
        first: First = 50,
        after: After = None,
        favorites: Favorites = False,
        list_id: OfList = None,
        section_id: OfSection = None,
    ) -> Any:
        only = photos.only(favorites, list_id)
        return await info.context.read(
            photos.shared_photos, share_slug, page(first, after), only, section_id, signed=True
        )

    @ask(photos.shared_photo, SharedPhoto)
    async def shared_photo(self, info: Info, share_slug: Slug, asset_id: AssetId) -> Any:
        return await info.context.read(photos.shared_photo, share_slug, asset_id, signed=True)

    @ask_list(gallery_comments.shared_comments, SharedComment, bound=gallery_comments.PHOTO_MAX)
    async def shared_comments(self, info: Info, share_slug: Slug, asset_id: AssetId) -> Any:
        return await info.context.read(gallery_comments.shared_comments, share_slug, asset_id)

    @ask_list(selections.shared_lists, SharedList, bound=selection_lists.LISTS_MAX)
    async def shared_lists(self, info: Info, share_slug: Slug) -> Any:
        return await info.context.read(selections.shared_lists, share_slug)


@strawberry.type
class SharedGalleryMutation:
    """Root fields that are a guest's deeds."""

    @change(guests.authenticate_guest, GuestPassPayload)
    async def authenticate_guest(self, info: Info, share_slug: Slug, password: Password) -> Any:
        return await info.context.run(guests.authenticate_guest, share_slug, password, address=info.context.address)

    @change(guests.name_guest, SharedGuestPayload)
    async def name_guest(
        self, info: Info, share_slug: Slug, name: Name, email: Email = None, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(guests.name_guest, share_slug, name, email, idempotency_key=idempotency_key)

    @change(gallery_activity.record_visit, DonePayload)
    async def record_visit(self, info: Info, share_slug: Slug, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(gallery_activity.record_visit, share_slug, idempotency_key=idempotency_key)

    @change(favorites.favorite_asset, FavoritedPayload)
    async def favorite_asset(
        self,
        info: Info,
        share_slug: Slug,
        asset_id: AssetId,
        favorite: Favorite,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            favorites.favorite_asset, share_slug, asset_id, favorite, idempotency_key=idempotency_key
        )

    @change(gallery_comments.comment_asset, CommentedPayload)
    async def comment_asset(
        self,
        info: Info,
        share_slug: Slug,
        asset_id: AssetId,
        text: Text,
        parent_id: ParentId = None,
        x: Across = None,
        y: Down = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        spot = gallery_comments.Spot.of(x, y)
        return await info.context.run(
            gallery_comments.comment_asset,
            share_slug,
            asset_id,
            text,
            parent_id,
            spot,
            idempotency_key=idempotency_key,
        )

    @change(gallery_comments.delete_own_comment, DonePayload)
    async def delete_own_comment(
        self, info: Info, share_slug: Slug, comment_id: CommentId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_comments.delete_own_comment, share_slug, comment_id, idempotency_key=idempotency_key
        )

    @change(selections.select_asset, SharedListPayload)
    async def select_asset(
        self,
        info: Info,
        share_slug: Slug,
        list_id: ListId,
        asset_id: AssetId,
        selected: Selected,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            selections.select_asset, share_slug, list_id, asset_id, selected, idempotency_key=idempotency_key
        )

    @change(selections.submit_selection, SharedListPayload)
    async def submit_selection(
        self,
        info: Info,
        share_slug: Slug,
        list_id: ListId,
        message: Message = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            selections.submit_selection, share_slug, list_id, message, idempotency_key=idempotency_key
        )
