"""Exports as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import export_crops, export_plans, exports
from schema.base import Connection, Node, bounded, receipt, shows, text, value
from schema.scalars import JSON, BigInt

strawberry.enum(models.ExportPreset, description="What is made of photos.")
ExportPreset = models.ExportPreset
strawberry.enum(models.ExportStatus, description="Where an export stands; a canceled one has failed with `canceled`.")
ExportStatus = models.ExportStatus
strawberry.enum(models.ItemStatus, name="ExportItemStatus", description="Where a photo of an export stands.")
ExportItemStatus = models.ItemStatus
strawberry.enum(
    export_plans.Fit,
    name="ExportFit",
    description="How a photo comes to its size: whole and scaled, cut, or whole before a blurred copy of itself.",
)
ExportFit = export_plans.Fit
strawberry.enum(
    export_plans.PlanWarning,
    name="ExportWarning",
    description="What may disappoint: it is enlarged, its subject is cut, or its size is not known.",
)
ExportWarning = export_plans.PlanWarning


@shows(models.Export)
@strawberry.type(description="Photos made into files to take away.")
class Export(Node):
    """An export row."""

    project_id: UUID = text("The project of the photos.")
    created_by: UUID = text("Who asked for it; its stars are theirs.")
    preset: ExportPreset = text("What is made.")
    settings: JSON = text("Every setting of the preset, also those that nobody named.")
    gallery_id: UUID | None = text("The gallery that a contact sheet's QR code leads to.")
    status: ExportStatus = text("Where it stands.")
    progress: float = text("How many of its photos are done or have failed: 0 to 1.")
    name: str = text("What its archive is called.")
    total: int = text("Photos.")
    done: int = text("Photos that were made.")
    failed: int = text("Photos that could not be; its items say why.")
    byte_size: BigInt = text("Bytes of all its files.")
    error_code: str | None = text("Why it failed, for programs.")
    error: str | None = text("Why it failed.")
    job_id: UUID | None = text("The job of its present or last turn.")
    created_at: datetime = text("When it was asked for.")
    finished_at: datetime | None = text("When it was done, or failed.")
    expires_at: datetime | None = text("When its files will be taken away.")
    expired_at: datetime | None = text("When they were.")


@shows(exports.MadeFile)
@strawberry.type(description="A file that an export made.")
class ExportFile:
    """A ``kilo_gql.domain.exports.MadeFile``."""

    name: str = text("Its name in the archive.")
    content_type: str = text("The media type of the bytes.")
    byte_size: BigInt = text("Bytes.")
    sha256: str = text("SHA-256 in hexadecimal.")
    width_px: int | None = text("Width in pixels; null for a PDF.")
    height_px: int | None = text("Height in pixels; null for a PDF.")


@shows(exports.ShownItem)
@strawberry.type(description="A photo of an export.")
class ExportItem:
    """A ``kilo_gql.domain.exports.ShownItem``."""

    position: int = text("Its place, from 0.")
    asset_id: UUID | None = text("The photo; null: it was deleted meanwhile.")
    status: ExportItemStatus = text("Where it stands.")
    error_code: str | None = text("Why it failed, for programs.")
    error: str | None = text("Why it failed.")
    files: list[ExportFile] = bounded("What was made of it.", exports.PARTS_MAX)


@strawberry.type(description="Where an export is fetched from.")
class ExportLink:
    """A ``kilo_gql.domain.exports.ExportLink``."""

    url: str = text("Needs no proof; one file, or a ZIP archive whose download can be resumed.")
    expires_at: datetime = text("When it ends.")


@shows(export_crops.Box)
@strawberry.type(description="A part of the upright picture, in fractions of its width and height.")
class CropBox:
    """A ``kilo_gql.domain.export_crops.Box``."""

    x: float = text("From the left.")
    y: float = text("From the top.")
    width: float = text("Of the picture's width.")
    height: float = text("Of the picture's height.")


@shows(export_plans.PlannedFile)
@strawberry.type(description="A file that will be made.")
class PlannedFile:
    """A ``kilo_gql.domain.export_plans.PlannedFile``."""

    name: str = text("Its name in the archive.")
    width_px: int = text("Width in pixels; 0: not known.")
    height_px: int = text("Height in pixels; 0: not known.")
    crop: CropBox = text("The part of the picture that it shows.")


@shows(export_plans.PlannedPhoto)
@strawberry.type(description="What will be made of a photo.")
class PlannedPhoto:
    """A ``kilo_gql.domain.export_plans.PlannedPhoto``."""

    position: int = text("Its place, from 0.")
    asset_id: UUID = text("The photo.")
    fit: ExportFit = text("How it comes to its size.")
    files: list[PlannedFile] = bounded("Its files; none on a contact sheet.", exports.PARTS_MAX)
    estimated_bytes: BigInt = text("About as many bytes.")
    warnings: list[ExportWarning] = bounded("What may disappoint.", len(export_plans.PlanWarning))


@shows(export_plans.ExportPlan)
@strawberry.type(description="What an export would be.")
class ExportPlan:
    """A ``kilo_gql.domain.export_plans.ExportPlan``."""

    ratio: str | None = text("Width to height of a carousel's slides.")
    photos: list[PlannedPhoto] = bounded("The first photos, in their order.", exports.PREVIEWED_MAX)
    file_count: int = text("Files of all photos.")
    estimated_bytes: BigInt = text("About as many bytes, of all photos.")


@strawberry.input(description="An export that is wanted.")
class NewExportInput:
    """Input of ``createExport`` and ``exportPreview``."""

    preset: ExportPreset = text("What is made.")
    asset_ids: list[UUID] | None = strawberry.field(
        default=None, description="These photos in this order, at most 5,000; none: your picks."
    )
    settings: JSON | None = strawberry.field(
        default=None, description="An object with settings of the preset that shall differ from its own."
    )

    def new(self) -> exports.NewExport:
        return exports.NewExport(self.preset, self.asset_ids, self.settings)


@strawberry.type(description="An export after a mutation.")
class ExportPayload:
    """What mutations of an export answer."""

    export: Export = value("The export as it is now.", Export)
    receipt: None = receipt()


ExportConnection = Connection[Export]
ExportItemConnection = Connection[ExportItem]
