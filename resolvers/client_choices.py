"""What the photographer can ask of clients' choices, and decide about them. Choices of a photo are a field of it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import choice_files
from kilo_gql.domain import gallery_proposals as proposals
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, change
from schema.base import Info
from schema.client_choices import (
    ChoiceSource,
    ClientRegret,
    GalleryChoices,
    GalleryProposalConnection,
    GalleryProposalPayload,
)

GalleryId = Annotated[UUID, strawberry.argument(description="The gallery's id.")]
InGallery = Annotated[UUID | None, strawberry.argument(description="Only of this gallery.")]
Source = Annotated[ChoiceSource, strawberry.argument(description="Which of the guests' words count.")]
OfGuest = Annotated[UUID | None, strawberry.argument(description="Only what this guest chose.")]
OfList = Annotated[UUID | None, strawberry.argument(description="The list whose selections are meant.")]
Decided = Annotated[
    bool | None, strawberry.argument(description="Only those that were decided, or only those that wait.")
]
Accept = Annotated[bool, strawberry.argument(description="False declines it, and takes back what was accepted.")]
ProposalId = Annotated[UUID, strawberry.argument(description="The proposal's id.")]


@strawberry.type
class ClientChoiceQuery:
    """Root fields that read them."""

    @ask(choice_files.gallery_choices, GalleryChoices)
    async def gallery_choices(
        self,
        info: Info,
        gallery_id: GalleryId,
        source: Source = ChoiceSource.FAVORITES,
        guest_id: OfGuest = None,
        list_id: OfList = None,
    ) -> Any:
        return await info.context.read(choice_files.gallery_choices, gallery_id, source, guest_id, list_id)

    @ask(proposals.list_gallery_proposals, GalleryProposalConnection)
    async def gallery_proposals(
        self,
        info: Info,
        project_id: ProjectId,
        first: First = 50,
        after: After = None,
        decided: Decided = None,
        gallery_id: InGallery = None,
    ) -> Any:
        slice_ = page(first, after)
        return await info.context.read(proposals.list_gallery_proposals, project_id, slice_, decided, gallery_id)

    @ask(proposals.get_regret, ClientRegret)
    async def client_regret(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(proposals.get_regret, project_id)


@strawberry.type
class ClientChoiceMutation:
    """Root fields that decide."""

    @change(proposals.decide_gallery_proposal, GalleryProposalPayload)
    async def decide_gallery_proposal(
        self, info: Info, id: ProposalId, accept: Accept, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(proposals.decide_gallery_proposal, id, accept, idempotency_key=idempotency_key)
