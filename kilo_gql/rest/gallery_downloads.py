"""What REST requests and answers about downloads of a gallery's guests carry."""

from __future__ import annotations

from uuid import UUID

from kilo_gql.domain.gallery_downloads import DownloadOf
from kilo_gql.models import GalleryRendition
from kilo_gql.rest.bodies import Body
from kilo_gql.rest.views import View


class DownloadBody(Body):
    of: DownloadOf
    rendition: GalleryRendition
    list_id: UUID | None = None
    asset_id: UUID | None = None


class DownloadView(View):
    ready: bool
    progress: float
    photo_count: int
    substitute_count: int
    byte_size: int | None
    url: str | None
