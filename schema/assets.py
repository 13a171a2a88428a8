"""Assets as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.asset_columns import IndexColumn
from kilo_gql.domain import asset_index, asset_pages
from kilo_gql.domain.asset_rows import AssetDetail, AssetRow
from kilo_gql.domain.asset_rows import Place as PlaceOf
from kilo_gql.domain.asset_rows import Quarantine as QuarantineOf
from kilo_gql.domain.asset_rows import Readiness as ReadinessOf
from kilo_gql.domain.assets import COMPANIONS_MAX, FAILED_MAX, KEYWORDS_MAX, AssetChange
from schema.base import Connection, Info, Node, bounded, receipt, shows, text, value
from schema.jobs import Job
from schema.ratings import Rating
from schema.scalars import JSON
from schema.signals import Signals

if TYPE_CHECKING:
    from schema.client_choices import ClientChoices
    from schema.clusters import Cluster

strawberry.enum(models.AssetStatus, description="Where a photo stands on its way in.")
AssetStatus = models.AssetStatus
strawberry.enum(asset_pages.AssetSort, description="The order of a list; equal ones come by their ids.")
AssetSort = asset_pages.AssetSort


@shows(ReadinessOf)
@strawberry.type(description="How far the processing has come: each part can be used as soon as it stands.")
class Readiness:
    """Four steps."""

    preview: bool = text("Thumbnail and preview are there: it can be culled.")
    metadata: bool = text("Its EXIF, IPTC and XMP fields have been read.")
    signals: bool = text("Its technical signals (sharpness, exposure) have been measured.")
    embedding: bool = text("It can be found by what it shows.")


@shows(QuarantineOf)
@strawberry.type(description="Why a file is set aside: it is kept, never served, and can be retried.")
class Quarantine:
    """A reason and a way out."""

    code: str = text("The reason, for programs.")
    reason: str = text("The reason, for people.")
    byte_offset: int | None = text("Where in the file, in bytes, if that is known.")
    remediation: list[str] = bounded("What to do about it.", 10)


@shows(PlaceOf)
@strawberry.type(description="Where a photo was taken.")
class Gps:
    """A position."""

    latitude: float = text("Degrees north (WGS 84).")
    longitude: float = text("Degrees east (WGS 84).")
    altitude_m: float | None = text("Metres above sea level.")


@shows(AssetRow)
@strawberry.type(description="A photo, or a file that belongs to one.")
class Asset(Node):
    """An asset row, with the viewer's rating."""

    project_id: UUID = text("The project it belongs to.")
    parent_id: UUID | None = text("The photo that this file is part of: the RAW of its pair, or whose sidecar it is.")
    status: AssetStatus = text("Where it stands.")
    filename: str = text("The name of the file that was sent.")
    format: str | None = text("The format of the file: jpeg, heic, cr3, …; null before it has been looked at.")
    added_by: UUID = text("Who sent it.")
    ingested_at: datetime = text("When it was sent.")
    updated_at: datetime = text("When it last changed.")
    trashed_at: datetime | None = text("When it was thrown away; 30 days later it is purged.")
    captured_at: datetime | None = text("The moment of the exposure.")
    captured_local: str | None = text("The wall clock at the place of the exposure, as the camera wrote it.")
    offset_minutes: int | None = text("Minutes from UTC to that clock, if they are known.")
    captured_source: str | None = text("Which tag told the time.")
    zone_source: str | None = text("What told the time zone.")
    width_px: int | None = text("Width of the upright picture in pixels.")
    height_px: int | None = text("Height of the upright picture in pixels.")
    camera_make: str | None = text("Who made the camera.")
    camera_model: str | None = text("Which camera.")
    camera_serial: str | None = text("The camera's serial number.")
    lens_model: str | None = text("Which lens.")
    focal_length_mm: float | None = text("Focal length in millimetres.")
    shutter_speed: str | None = text("Exposure time as photographers write it: 1/250.")
    exposure_time_s: float | None = text("Exposure time in seconds.")
    aperture: float | None = text("The f-number.")
    iso: int | None = text("ISO speed.")
    exposure_bias_ev: float | None = text("Exposure compensation in EV.")
    flash_fired: bool | None = text("Did a flash fire?")
    drive_mode: str | None = text("How the shutter was driven: single, continuous, bracket, …")
    gps: Gps | None = text("Where it was taken.")
    title: str | None = text("Its title.")
    description: str | None = text("Its caption.")
    keywords: list[str] = bounded("What is to be found on it.", KEYWORDS_MAX)
    label: str | None = text("Its colour label.")
    notes: str | None = text("Notes for everyone in the project.")
    remarks: list[str] = bounded("What was odd about the file: a missing end, an assumed profile.", 50)
    flags: JSON = text(
        "Flags of your own, and processingReady, quarantined, trashed, hasSidecar, isPaired, hasFace (null: nobody "
        "looked) and isDuplicate (a copy of another photo, which stands for it)."
    )
    thumbhash: str | None = text("Base64 of a ThumbHash: what to show until the thumbnail is here.")
    average_color: str | None = text("Its average colour: #rrggbb.")
    readiness: Readiness = text("How far its processing has come.")
    quarantine: Quarantine | None = text("Why it is set aside, if it is.")
    thumbnail_url: str | None = text("Its 512 px thumbnail: an address that never changes its content.")
    preview_url: str | None = text("Its 2048 px preview: an address that never changes its content.")
    best_preview_url: str | None = text("The preview, or the thumbnail while there is none.")
    sidecar_url: str = text("Its XMP sidecar, made when it is asked for: your rating, its label, keywords and texts.")
    my_rating: Rating | None = text("What you have said about it.")

    @strawberry.field(description="All EXIF fields by their standard names.", graphql_type=JSON | None)
    async def exif(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return (await _detail(parent, info)).exif

    @strawberry.field(description="All IPTC fields by name, with what was changed here.", graphql_type=JSON | None)
    async def iptc(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return (await _detail(parent, info)).iptc

    @strawberry.field(description="All XMP properties, as prefix:Name.", graphql_type=JSON | None)
    async def xmp(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return (await _detail(parent, info)).xmp

    @strawberry.field(
        description="The other files of this photo: the second half of its pair, sidecars.",
        graphql_type=list[Annotated["Asset", strawberry.lazy("schema.assets")]],
        metadata={"bound": COMPANIONS_MAX},
    )
    async def companions(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return await info.context.load.companions_by_asset.load(parent.id)

    @strawberry.field(
        description="The moment it is in, then its burst and its duplicate group, if it is in any.",
        graphql_type=list[Annotated["Cluster", strawberry.lazy("schema.clusters")]],
        metadata={"bound": 3},
    )
    async def clusters(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return await info.context.load.clusters_by_asset.load(parent.id)

    @strawberry.field(
        description="What was measured in it; null before it has been measured.", graphql_type=Signals | None
    )
    async def signals(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return await info.context.load.signals_by_asset.load(parent.id)

    @strawberry.field(
        description="What clients of galleries chose and said about it.",
        graphql_type=Annotated["ClientChoices", strawberry.lazy("schema.client_choices")],
    )
    async def client_choices(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return await info.context.load.choices_by_asset.load(parent.id)

    @strawberry.field(
        description="The failed jobs about it, newest first; each says what to do.",
        graphql_type=list[Job],
        metadata={"bound": FAILED_MAX},
    )
    async def failed_jobs(parent: strawberry.Parent[AssetRow], info: Info) -> Any:
        return await info.context.load.failed_jobs_by_asset.load(parent.id)


async def _detail(row: AssetRow, info: Info) -> AssetDetail:
    """The whole of an asset: at hand where one was asked for, else read with its neighbours."""
    if isinstance(row, AssetDetail):
        return row
    found = await info.context.load.details_by_asset.load(row.id)
    assert found is not None, "an asset went away while it was read"
    return found


@strawberry.input(description="What a list of assets is narrowed to; all that is given must hold.")
class AssetFilterInput:
    """Filter of ``assets``."""

    picked: bool | None = strawberry.field(default=None, description="Have you picked it?")
    rejected: bool | None = strawberry.field(default=None, description="Have you rejected it?")
    starred: bool | None = strawberry.field(default=None, description="Have you starred it?")
    rating_min: int | None = strawberry.field(default=None, description="Have you rated it so high or higher? 1 to 5.")
    camera: str | None = strawberry.field(default=None, description="A part of the camera's make and model.")
    lens: str | None = strawberry.field(default=None, description="A part of the lens's name.")
    captured_from: datetime | None = strawberry.field(default=None, description="Taken then or later.")
    captured_to: datetime | None = strawberry.field(default=None, description="Taken before then.")
    format: str | None = strawberry.field(default=None, description="A format such as jpeg; raw: RAW of any maker.")
    label: str | None = strawberry.field(default=None, description="Of this colour label.")
    keyword: str | None = strawberry.field(default=None, description="With this keyword.")
    client_favorites_min: int | None = strawberry.field(
        default=None, description="Favoured by at least so many guests of galleries."
    )
    client_list_id: UUID | None = strawberry.field(
        default=None, description="Selected by a guest in this selection list."
    )
    client_commented: bool | None = strawberry.field(
        default=None, description="Is there a thread of comments about it that is not resolved?"
    )
    gallery_id: UUID | None = strawberry.field(default=None, description="In this gallery.")
    quarantined: bool = strawberry.field(default=False, description="Those set aside instead of the others.")
    trashed: bool = strawberry.field(default=False, description="Those thrown away instead of the others.")

    def wanted(self) -> asset_pages.AssetFilter:
        return asset_pages.AssetFilter(**vars(self))


@strawberry.input(description="What is to change; fields left out stay as they are.")
class UpdateAssetInput:
    """Input of ``updateAsset``: absent and null are different."""

    title: strawberry.Maybe[str | None] = strawberry.field(default=None, description="1 to 500 characters.")
    description: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")
    keywords: strawberry.Maybe[list[str]] = strawberry.field(default=None, description="All of them; at most 500.")
    notes: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears them.")
    label: strawberry.Maybe[str | None] = strawberry.field(default=None, description="Null clears it.")
    iptc: strawberry.Maybe[JSON] = strawberry.field(default=None, description="A merge patch: null removes a field.")
    flags: strawberry.Maybe[JSON] = strawberry.field(
        default=None, description="A merge patch of texts, numbers and booleans: null removes a flag."
    )

    def change(self) -> AssetChange:
        fields = ("title", "description", "keywords", "notes", "label", "iptc", "flags")
        return AssetChange(**{name: m.value for name in fields if (m := getattr(self, name)) is not None})


@strawberry.type(description="An asset after a mutation.")
class AssetPayload:
    """What mutations of one asset answer."""

    asset: Asset = value("The asset as it is now.", Asset)
    receipt: None = receipt()


@strawberry.type(description="How many assets a mutation changed.")
class AssetCountPayload:
    """What mutations of many assets answer; its events name them."""

    count: int = value("How many assets were changed.", int)
    receipt: None = receipt()


AssetConnection = Connection[Asset]

strawberry.enum(IndexColumn, name="AssetIndexColumn", description="What an index can hold of each photo.")
AssetIndexColumn = IndexColumn


@shows(asset_index.AssetIndex)
@strawberry.type(
    description="All photos that the project's list shows, by capture, as columns: base64 of packed values, numbers "
    "big-endian; null is not asked for. It is exact at its cursor: apply every event after it, and nothing else."
)
class AssetIndex:
    """Columns instead of rows."""

    cursor: str = text("The event cursor at which it is exact.")
    count: int = text("How many photos.")
    format_names: list[str] = bounded("What the numbers in formats mean, from 1.", 50)
    ids: str | None = text("16 bytes: the UUID.")
    capture_steps: str | None = text("int64: milliseconds since the photo before; the first, since 1970.")
    sizes: str | None = text("Two int32: width and height; 0 is unknown.")
    formats: str | None = text("A byte: the place in formatNames, from 1; 0 is unknown.")
    flags: str | None = text(
        "A byte, from bit 0: preview, metadata, signals, embedding, ready, paired, with sidecar, time of capture known."
    )
    ratings: str | None = text(
        "uint16: 3 bits your rating (0 none), then 2 each for picked, rejected, starred: 0 nothing said, 1 no, 2 yes."
    )
    colors: str | None = text("3 bytes: average colour, RGB.")
    thumbhashes: str | None = text("A byte with the length, and the ThumbHash; 0 is none.")
    thumbnails: str | None = text("8 bytes: the hash in the thumbnail's address; zeros are none.")
    previews: str | None = text("8 bytes: the hash in the preview's address; zeros are none.")
