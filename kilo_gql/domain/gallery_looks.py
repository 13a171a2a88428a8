"""What a picture of a gallery is made of, and the name of that: another pin, mark or guest is another picture.

A gallery's mark may name its guest. Then each guest gets a preview and downloads of their own; the small thumbnail and
the card, which stand in grids and in messages, carry the same words without the name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from kilo_gql.domain.watermarks import Watermark, watermark_of
from kilo_gql.models import Gallery, GalleryRendition

#: Digits of a basis, and of the tag in an address that stands for it.
BASIS_DIGITS: Final = 32
TAG_DIGITS: Final = 16

#: Renditions that name the guest, where the mark does.
NAMED: Final = frozenset((GalleryRendition.PREVIEW, GalleryRendition.WEB, GalleryRendition.FULL))
#: Renditions that are looked at, and the ones that are taken home.
SEEN: Final = frozenset((GalleryRendition.THUMBNAIL, GalleryRendition.PREVIEW))
TAKEN: Final = frozenset((GalleryRendition.WEB, GalleryRendition.FULL, GalleryRendition.ORIGINAL))


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom a picture is: a guest with a name to put onto it, or nobody in particular (both None)."""

    guest_id: UUID | None = None
    name: str | None = None


#: A member who looks at a preview, and a visitor who said no name.
NOBODY: Final = Viewer()


@dataclass(frozen=True, slots=True)
class Look:
    """How a gallery shows its photos to a viewer. ``mark`` None: as they are."""

    mark: Watermark | None
    mark_version: str
    image_key: str | None
    words: dict[str, str]
    viewer: Viewer

    def names(self, rendition: GalleryRendition) -> bool:
        """Does this rendition carry the viewer's name?"""
        return self.mark is not None and self.mark.names_guest and rendition in NAMED and bool(self.viewer.name)

    def guest_id(self, rendition: GalleryRendition) -> UUID | None:
        """Whose file this rendition is; None: it is the same for everybody."""
        return self.viewer.guest_id if self.names(rendition) else None

    def text(self, rendition: GalleryRendition) -> str:
        """What the mark says on this rendition; the gallery's title where nothing would be left."""
        if self.mark is None:
            return ""
        name = self.viewer.name or "" if self.names(rendition) else ""
        return self.mark.words({**self.words, "guest": name}) or self.words["gallery"]

    def basis(self, rendition: GalleryRendition, pinned_sha256: str) -> str:
        """The digest of all that the picture is made of: another basis is another file."""
        marked = self.mark is not None and (self.mark_version, self.text(rendition), self.names(rendition))
        made_of = [rendition, pinned_sha256, marked, str(self.guest_id(rendition))]
        return hashlib.sha256(orjson.dumps(made_of)).hexdigest()[:BASIS_DIGITS]

    def tag(self, rendition: GalleryRendition, pinned_sha256: str) -> str:
        """The basis as far as it stands in an address."""
        return self.basis(rendition, pinned_sha256)[:TAG_DIGITS]


def look_of(gallery: Gallery, project_title: str, viewer: Viewer) -> Look:
    """How this gallery shows its photos to a viewer."""
    words = {"gallery": gallery.title, "project": project_title, "year": str(gallery.created_at.year)}
    mark = watermark_of(gallery.watermark_settings) if gallery.watermark else None
    image_key = gallery.watermark_key if mark is not None else None
    return Look(mark, gallery.watermark_version, image_key, words, viewer)
