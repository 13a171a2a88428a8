"""What photographers can ask about the guests of a gallery."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import gallery_activity, gallery_threads, guests, selection_answers, selection_lists
from resolvers.arguments import After, First, IdempotencyKey, page
from resolvers.binding import ask, ask_list, change
from schema.auth import DonePayload
from schema.base import Info
from schema.gallery_guests import (
    CreateSelectionListInput,
    GalleryActivityConnection,
    GalleryCommentConnection,
    GalleryCommentPayload,
    GalleryGuestConnection,
    GuestSelectionConnection,
    SelectedPhotoConnection,
    SelectionList,
    SelectionListPayload,
    SelectionPayload,
    UpdateSelectionListInput,
)

GalleryId = Annotated[UUID, strawberry.argument(description="The gallery's id.")]
ListId = Annotated[UUID, strawberry.argument(description="The list's id.")]
CommentId = Annotated[UUID, strawberry.argument(description="The comment's id.")]
GuestId = Annotated[UUID, strawberry.argument(description="The guest's id.")]
OfAsset = Annotated[UUID | None, strawberry.argument(description="Only about this photo.")]
Open = Annotated[
    bool | None, strawberry.argument(description="Only what began threads that are not resolved yet, or that are.")
]
Text = Annotated[str, strawberry.argument(description="1 to 2,000 characters.")]
Resolved = Annotated[bool, strawberry.argument(description="Done, or open again.")]
NewList = Annotated[CreateSelectionListInput, strawberry.argument(description="What the list asks for.")]
ListChange = Annotated[UpdateSelectionListInput, strawberry.argument(description="What is to change.")]


@strawberry.type
class GalleryGuestQuery:
    """Root fields about what guests did."""

    @ask(guests.list_guests, GalleryGuestConnection)
    async def gallery_guests(self, info: Info, gallery_id: GalleryId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(guests.list_guests, gallery_id, page(first, after))

    @ask(gallery_activity.list_gallery_activity, GalleryActivityConnection)
    async def gallery_activity(self, info: Info, gallery_id: GalleryId, first: First = 50, after: After = None) -> Any:
        return await info.context.read(gallery_activity.list_gallery_activity, gallery_id, page(first, after))

    @ask(gallery_threads.list_gallery_comments, GalleryCommentConnection)
    async def gallery_comments(
        self,
        info: Info,
        gallery_id: GalleryId,
        first: First = 50,
        after: After = None,
        asset_id: OfAsset = None,
        open: Open = None,
    ) -> Any:
        return await info.context.read(
            gallery_threads.list_gallery_comments, gallery_id, page(first, after), asset_id, open
        )

    @ask_list(selection_lists.list_selection_lists, SelectionList, bound=selection_lists.LISTS_MAX)
    async def selection_lists(self, info: Info, gallery_id: GalleryId) -> Any:
        return await info.context.read(selection_lists.list_selection_lists, gallery_id)

    @ask(selection_answers.list_selections, GuestSelectionConnection)
    async def selections(
        self, info: Info, gallery_id: GalleryId, list_id: ListId, first: First = 50, after: After = None
    ) -> Any:
        return await info.context.read(selection_answers.list_selections, gallery_id, list_id, page(first, after))

    @ask(selection_answers.merged_selection, SelectedPhotoConnection)
    async def merged_selection(
        self, info: Info, gallery_id: GalleryId, list_id: ListId, first: First = 50, after: After = None
    ) -> Any:
        return await info.context.read(selection_answers.merged_selection, gallery_id, list_id, page(first, after))


@strawberry.type
class GalleryGuestMutation:
    """Root fields that answer guests."""

    @change(gallery_threads.reply_comment, GalleryCommentPayload)
    async def reply_comment(
        self,
        info: Info,
        gallery_id: GalleryId,
        comment_id: CommentId,
        text: Text,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            gallery_threads.reply_comment, gallery_id, comment_id, text, idempotency_key=idempotency_key
        )

    @change(gallery_threads.resolve_comment, GalleryCommentPayload)
    async def resolve_comment(
        self,
        info: Info,
        gallery_id: GalleryId,
        comment_id: CommentId,
        resolved: Resolved,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            gallery_threads.resolve_comment, gallery_id, comment_id, resolved, idempotency_key=idempotency_key
        )

    @change(gallery_threads.delete_comment, DonePayload)
    async def delete_comment(
        self, info: Info, gallery_id: GalleryId, comment_id: CommentId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            gallery_threads.delete_comment, gallery_id, comment_id, idempotency_key=idempotency_key
        )

    @change(selection_lists.create_selection_list, SelectionListPayload)
    async def create_selection_list(
        self, info: Info, gallery_id: GalleryId, input: NewList, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            selection_lists.create_selection_list, gallery_id, input.new(), idempotency_key=idempotency_key
        )

    @change(selection_lists.update_selection_list, SelectionListPayload)
    async def update_selection_list(
        self,
        info: Info,
        gallery_id: GalleryId,
        list_id: ListId,
        input: ListChange,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            selection_lists.update_selection_list,
            gallery_id,
            list_id,
            input.change(),
            idempotency_key=idempotency_key,
        )

    @change(selection_lists.delete_selection_list, DonePayload)
    async def delete_selection_list(
        self, info: Info, gallery_id: GalleryId, list_id: ListId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            selection_lists.delete_selection_list, gallery_id, list_id, idempotency_key=idempotency_key
        )

    @change(selection_lists.reopen_selection, SelectionPayload)
    async def reopen_selection(
        self,
        info: Info,
        gallery_id: GalleryId,
        list_id: ListId,
        guest_id: GuestId,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            selection_lists.reopen_selection, gallery_id, list_id, guest_id, idempotency_key=idempotency_key
        )
