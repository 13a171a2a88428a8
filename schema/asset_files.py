"""Files of a photo, and renditions made on demand, as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from kilo_gql import models
from kilo_gql.domain import renders
from schema.base import receipt, text, value
from schema.scalars import BigInt

strawberry.enum(models.FileKind, description="What a file is to its asset.")
FileKind = models.FileKind


@strawberry.type(description="A file of an asset, with addresses to fetch it from.")
class AssetFileLink:
    """A ``kilo_gql.domain.media.FileLink``."""

    kind: FileKind = text("What the file is to its asset.")
    url: str = text("Needs no proof, and is good until `expiresAt`.")
    expires_at: datetime = text("When `url` ends.")
    content_type: str = text("The media type of the bytes.")
    byte_size: BigInt = text("Bytes.")
    checksum_sha256: str | None = text("SHA-256 in hexadecimal; null while the stored file has not been read back.")
    width_px: int | None = text("Width in pixels, upright.")
    height_px: int | None = text("Height in pixels, upright.")
    media_url: str | None = text("The stable address: cacheable for ever, asks for a session, token or grant.")


@strawberry.type(description="Leave to look at the pictures of a project.")
class MediaGrant:
    """A ``kilo_gql.domain.media.MediaGrant``."""

    grant: str = text("Goes behind a stable address as `?grant=…`; the same all day long.")
    expires_at: datetime = text("When it ends; leaving the project ends it at once.")


@strawberry.input(description="A part of the upright picture, in fractions of its width and height.")
class RegionInput:
    """Where to look, from the upper left corner."""

    x: float = text("0 to 1.")
    y: float = text("0 to 1.")
    width: float = text("More than 0, at most 1.")
    height: float = text("More than 0, at most 1.")
    px: int = strawberry.field(
        default=renders.PX_DEFAULT, description="Pixels along the long edge at most: 1 to 8,192."
    )

    def region(self) -> renders.Region:
        return renders.Region(self.x, self.y, self.width, self.height, self.px)


@strawberry.type(description="A rendition that is there, or the job that makes it.")
class Rendering:
    """A ``kilo_gql.domain.renders.Rendering``."""

    asset_id: UUID = text("The photo.")
    kind: FileKind = text("`full` or `crop`.")
    media_url: str | None = text("The stable address of the rendition; null: it is still to be made.")
    job_id: UUID | None = text("The job that makes it; null: it is there.")


@strawberry.type(description="A rendition after a mutation that asked for it.")
class RenderingPayload:
    """What ``renderAsset`` answers."""

    rendering: Rendering = value("The rendition, or the job that makes it.", Rendering)
    receipt: None = receipt()
