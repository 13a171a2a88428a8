"""What clients chose, as GraphQL shows it to the photographer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import choice_files, client_choices, gallery_proposals
from schema.base import Connection, Info, bounded, receipt, shows, text, value

if TYPE_CHECKING:
    from schema.assets import Asset

strawberry.enum(choice_files.ChoiceSource, description="Which of the clients' words count.")
ChoiceSource = choice_files.ChoiceSource


@shows(client_choices.ClientFavorite)
@strawberry.type(description="A guest's heart on a photo.")
class ClientFavorite:
    """Who, where and when."""

    gallery_id: UUID = text("In which gallery.")
    guest_id: UUID = text("Which guest.")
    guest_name: str | None = text("What they call themselves; null: they did not say.")
    at: datetime = text("When.")


@shows(client_choices.ClientSelection)
@strawberry.type(description="A photo in a guest's answer to a selection list.")
class ClientSelection:
    """Who, and for what."""

    gallery_id: UUID = text("In which gallery.")
    list_id: UUID = text("In answer to which list.")
    list_title: str = text("What the list is called.")
    guest_id: UUID = text("Which guest.")
    guest_name: str | None = text("What they call themselves; null: they did not say.")
    submitted_at: datetime | None = text("When they handed it in; null: they are still at it.")


@shows(client_choices.ClientChoices)
@strawberry.type(description="What clients chose and said about a photo, in all galleries of its project.")
class ClientChoices:
    """Choices are facts about the photo."""

    favorite_count: int = text("How many guests favour it.")
    favorites: list[ClientFavorite] = bounded("The newest of them.", client_choices.NAMED_MAX)
    selection_count: int = text("In how many answers to lists it is.")
    selections: list[ClientSelection] = bounded("The newest of them.", client_choices.NAMED_MAX)
    comment_count: int = text("How many comments there are about it.")
    open_threads: int = text("How many threads of comments are not resolved.")


@shows(choice_files.ChosenPhoto)
@strawberry.type(description="A photo that guests of a gallery chose.")
class ChosenPhoto:
    """With who chose it, and what they say."""

    asset_id: UUID = text("The photo.")
    number: int = text("Its place in the gallery, from 1.")
    filename: str = text("The name of its file.")
    count: int = text("How many guests chose it.")
    guests: list[str] = bounded("What they call themselves; an empty name is nobody's.", choice_files.GUESTS_MAX)
    comments: list[str] = bounded("What is said about it, oldest first.", choice_files.COMMENTS_MAX)


@shows(choice_files.GalleryChoices)
@strawberry.type(description="What a gallery's guests chose, in the words of the programs that shall find it.")
class GalleryChoices:
    """Lists to copy, and files to save."""

    count: int = text("How many photos were chosen.")
    photos: list[ChosenPhoto] = bounded("The photos, in the gallery's order.", choice_files.CHOSEN_MAX)
    names: list[str] = bounded("File names without extensions, each once.", choice_files.CHOSEN_MAX)
    lightroom: str = text("For Lightroom's Library filter: Text, Filename, Contains.")
    capture_one: str = text("For the search field of Capture One.")
    finder: str = text("For the search fields of Finder and Explorer.")
    csv: str = text("For spreadsheets: RFC 4180 with a byte order mark; no cell is a formula.")
    text: str = text("A file name a line.")
    xmp_url: str = strawberry.field(
        description="A ZIP of XMP sidecars: five stars, the label Green and a keyword on top of what yours say."
    )


@shows(models.GalleryProposal)
@strawberry.type(description="A client favoured another frame than the photographer chose: a pair to learn from.")
class GalleryProposal:
    """Nothing is learnt from it before somebody accepts it."""

    id: UUID = text("Its id.")
    gallery_id: UUID = text("In which gallery.")
    guest_id: UUID = text("Which guest came first.")
    cluster_id: UUID = text("Of which cluster both frames are.")
    winner_asset_id: UUID = text("The photographer's frame.")
    favored_asset_id: UUID = text("The client's.")
    accepted: bool | None = text("What was decided; null: nothing yet.")
    decided_by: UUID | None = text("By whom.")
    decided_at: datetime | None = text("When.")
    created_at: datetime = text("When it came up.")

    @strawberry.field(
        description="The photographer's frame.",
        graphql_type=Annotated["Asset", strawberry.lazy("schema.assets")] | None,
    )
    async def winner(parent: strawberry.Parent[models.GalleryProposal], info: Info) -> Any:
        return await info.context.load.assets_by_id.load(parent.winner_asset_id)

    @strawberry.field(
        description="The client's frame.", graphql_type=Annotated["Asset", strawberry.lazy("schema.assets")] | None
    )
    async def favored(parent: strawberry.Parent[models.GalleryProposal], info: Info) -> Any:
        return await info.context.load.assets_by_id.load(parent.favored_asset_id)


GalleryProposalConnection = Connection[GalleryProposal]


@shows(gallery_proposals.Regret)
@strawberry.type(description="How often clients favoured another frame than the photographer's.")
class ClientRegret:
    """Of the clusters of which a guest favoured a frame."""

    clusters: int = text("Clusters of which a guest favoured some frame, with the photographer's in the gallery.")
    disputed: int = text("Those in which a guest favours another frame and not the photographer's.")
    rate: float | None = text("The part of the disputed ones, 0 to 1; null where there are none.")
    accepted: int = text("Proposals that were accepted.")
    declined: int = text("Proposals that were declined.")
    undecided: int = text("Proposals that wait.")


@strawberry.type(description="A proposal after a mutation.")
class GalleryProposalPayload:
    """What ``decideGalleryProposal`` answers."""

    proposal: GalleryProposal = value("The proposal as it is now.", GalleryProposal)
    receipt: None = receipt()
