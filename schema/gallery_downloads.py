"""What guests take home, as GraphQL shows it."""

from __future__ import annotations

import strawberry

from kilo_gql import models
from kilo_gql.domain import gallery_downloads as domain
from schema.base import receipt, shows, text, value
from schema.scalars import BigInt

strawberry.enum(models.GalleryRendition, description="A picture as a gallery hands it out.")
GalleryRendition = models.GalleryRendition
strawberry.enum(domain.DownloadOf, description="Which photos of a gallery.")
DownloadOf = domain.DownloadOf


@shows(domain.Download)
@strawberry.type(description="A download of a gallery's guest, and how far it is.")
class GalleryDownload:
    """What a guest takes home."""

    ready: bool = text("Is every file there? Until then, ask again.")
    progress: float = text("How many of the files are there: 0 to 1.")
    photo_count: int = text("How many photos it holds.")
    substitute_count: int = text(
        "How many originals come as JPEG of all pixels, because their format (RAW above all) cannot be freed of what "
        "it tells about place, camera and owner; known when ready."
    )
    byte_size: BigInt | None = text("Bytes of all files; null until it is ready.")
    url: str | None = text("Where it is had: a file, or a ZIP archive; null until it is ready. Good for a day.")


@strawberry.type(description="A download after the mutation that asked for it.")
class DownloadPayload:
    """What ``requestDownload`` answers."""

    download: GalleryDownload = value("The download, and how far it is.", GalleryDownload)
    receipt: None = receipt()
