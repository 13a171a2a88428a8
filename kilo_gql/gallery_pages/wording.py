"""How values read on a gallery's pages: the filters of its templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.models import GalleryRendition

#: The longer side of thumbnails, in pixels.
_THUMBNAIL: Final = 512
#: Where the size of a picture is not known yet.
_UNKNOWN: Final = (1500, 1000)
#: Panoramas are cut in the grid: wider or taller tiles would leave no room for their neighbours.
_WIDEST: Final = 3.0

_NAMES: Final = {
    GalleryRendition.WEB: ("Web size", "JPEG, 2,048 pixels: for screens and messages"),
    GalleryRendition.FULL: ("Full size", "JPEG, all pixels: for prints"),
    GalleryRendition.ORIGINAL: ("Original", "the file as it was delivered"),
}


def size(picture: ShownPicture) -> tuple[int, int]:
    """Width and height in pixels."""
    if not picture.width_px or not picture.height_px:
        return _UNKNOWN
    return picture.width_px, picture.height_px


def thumb_size(picture: ShownPicture) -> tuple[int, int]:
    """Width and height of the thumbnail in pixels."""
    width, height = size(picture)
    scale = min(1.0, _THUMBNAIL / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def ratio(picture: ShownPicture) -> str:
    """Width by height, as CSS reads it."""
    width, height = size(picture)
    return f"{width / height:.4g}"


def tile_ratio(picture: ShownPicture) -> str:
    """The same for a tile of the grid, within 1:3 and 3:1."""
    width, height = size(picture)
    return f"{min(_WIDEST, max(1 / _WIDEST, width / height)):.4g}"


def color(picture: ShownPicture) -> str:
    """The average colour, as CSS reads it."""
    return f"#{(picture.average_color or 0) & 0xFFFFFF:06x}"


def percent(fraction: float) -> str:
    """A fraction of the picture, as CSS reads it."""
    return f"{fraction * 100:.2f}%"


def iso(at: datetime) -> str:
    """RFC 3339, for ``<time>``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(at: datetime) -> str:
    """ "21 November 2026"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime) -> str:
    """ "21 November 2026, 14:05 UTC"; scripts say it in the visitor's own time."""
    return f"{day(at)}, {at.astimezone(UTC):%H:%M} UTC"


def plural(count: int, noun: str) -> str:
    """ "1 photo", "1,204 photos"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def alternative(photo: Any) -> str:
    """What stands for a picture that is not seen."""
    return f"Photo {photo.number}" if photo.filename is None else f"Photo {photo.number}, {photo.filename}"


def counter(chosen: Any) -> str:
    """How far a selection is: "12", "12 of 40", "12 of 40–60", "12 of at least 40"."""
    least, most = chosen.min_count or None, chosen.max_count
    if least is None and most is None:
        return str(chosen.count)
    if least is None or most is None:
        return f"{chosen.count} of {'at least' if most is None else 'up to'} {most or least}"
    return f"{chosen.count} of {most if least == most else f'{least}–{most}'}"


def missing(chosen: Any) -> str:
    """What keeps a selection from being sent; "" if nothing does."""
    least, most = chosen.min_count or 0, chosen.max_count
    if chosen.count < least:
        return f"Choose {plural(least - chosen.count, 'more photo')} before you send it.".replace("more photos", "more")
    if most is not None and chosen.count > most:
        return f"Take {chosen.count - most} out before you send it."
    return ""


def download_name(rendition: GalleryRendition) -> str:
    """What a size is called."""
    return _NAMES[rendition][0]


def download_hint(rendition: GalleryRendition) -> str:
    """What a size is good for."""
    return _NAMES[rendition][1]


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "width": lambda picture: size(picture)[0],
    "height": lambda picture: size(picture)[1],
    "thumb_width": lambda picture: thumb_size(picture)[0],
    "thumb_height": lambda picture: thumb_size(picture)[1],
    "ratio": ratio,
    "tile_ratio": tile_ratio,
    "color": color,
    "percent": percent,
    "iso": iso,
    "day": day,
    "moment": moment,
    "plural": plural,
    "alt": alternative,
    "counter": counter,
    "missing": missing,
    "download_name": download_name,
    "download_hint": download_hint,
}
