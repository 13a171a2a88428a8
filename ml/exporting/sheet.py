"""What the isolated child runs for a contact sheet: pages of small photos with their names, stars and reasons, as PDF.

Photos are reduced to what print needs; a JPEG that is small enough already keeps its coded pixels. One photo is in
memory at a time, however many pages there are.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ml import decode, jpeg
from ml.exporting import sheet_layout
from ml.exporting.paper import Paper
from ml.exporting.sheet_drawing import Drawing, moment
from ml.exporting.sheet_layout import Grid, Orientation
from ml.formats import Format
from ml.refusals import Refused

#: A JPEG that is so many times larger than needed is not worth encoding again.
_CLOSE: Final = 1.3
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class SheetPhoto:
    """A photo of a sheet. ``path`` is a picture of it (None: there is none), ``width`` × ``height`` its pixels.

    ``rating``: -1 (rejected) to 5; ``label``: a colour's name or any word; ``chips``: why it was suggested;
    ``captured``: when it was taken, ISO 8601 or in words.
    """

    name: str
    path: str | None = None
    rating: int | None = None
    label: str | None = None
    picked: bool = False
    chips: list[str] = field(default_factory=list)
    captured: str | None = None
    number: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """A contact sheet. ``gallery_url``: where its QR code leads; ``made_at``: ISO 8601, the day is printed."""

    title: str
    photos: list[SheetPhoto]
    subtitle: str | None = None
    paper: sheet_layout.Paper = sheet_layout.Paper.A4
    orientation: Orientation = Orientation.PORTRAIT
    columns: int = 4
    rows: int = 5
    gallery_url: str | None = None
    made_at: str = ""

    @property
    def grid(self) -> Grid:
        """Where its photos stand."""
        reasons = any(photo.chips for photo in self.photos)
        return sheet_layout.grid(self.paper, self.orientation, self.columns, self.rows, reasons=reasons)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A PDF that was made; ``notes`` name photos that could not be shown."""

    path: str
    content_type: str
    byte_size: int
    sha256: str
    crc32: int
    pages: int
    notes: list[str]


def render(out: str, plan: dict[str, Any]) -> Sheet:
    """The contact sheet as its plan (``SheetPlan``) says, in ``out`` as ``sheet.pdf``. The same plan, the same bytes.

    A photo that cannot be decoded leaves an empty frame and a note. Raises ValueError for what is no plan.
    """
    wanted = msgspec.convert(plan, SheetPlan)
    if not 1 <= wanted.columns <= 20 or not 1 <= wanted.rows <= 20:
        raise ValueError(f"not a grid of a page: {wanted.columns} × {wanted.rows}")
    grid, notes, path = wanted.grid, list[str](), Path(out) / "sheet.pdf"
    pages = max(1, -(-len(wanted.photos) // grid.a_page))
    with tempfile.TemporaryFile(dir=out) as spool:
        paper = Paper(grid.page.width, grid.page.height, spool)
        paper.describe(wanted.title, wanted.subtitle or "", moment(wanted.made_at))
        drawing = Drawing(paper, grid)
        for page in range(pages):
            drawing.furniture(wanted, page + 1, pages)
            for place, photo in enumerate(wanted.photos[page * grid.a_page : (page + 1) * grid.a_page]):
                drawing.photo(photo, _picture(photo, grid.picture_px, notes), grid.cell(place))
            paper.canvas.showPage()
        written = paper.save(path)
    return Sheet(str(path), "application/pdf", written.byte_size, written.sha256, written.crc32, pages, notes)


def _picture(photo: SheetPhoto, wanted_px: int, notes: list[str]) -> bytes | None:
    """An RGB or grey JPEG of the photo in sRGB, without metadata; None and a note if there is no picture."""
    try:
        if photo.path is None:
            raise FileNotFoundError
        with decode.opened(Path(photo.path), Path(photo.path).name) as original:
            kept = _as_it_is(original, wanted_px)
            if kept is not None:
                return kept
            image = decode.picture(original, wanted_px).image
            made: bytes = image.jpegsave_buffer(Q=_QUALITY, keep="none", optimize_coding=False)
            return made
    except (Refused, FileNotFoundError):
        notes.append(f"no picture of {photo.name}")
        return None


def _as_it_is(original: decode.Original, wanted_px: int) -> bytes | None:
    """The coded pixels of a JPEG that is no larger than needed, upright, and in sRGB as far as anybody said."""
    if original.format is not Format.JPEG or not decode.shows_as_it_is(original.data):
        return None
    frame = jpeg.frame(original.data)
    if frame is None or max(frame.width, frame.height) > wanted_px * _CLOSE:
        return None
    coded = jpeg.stripped(original.data)
    return coded if coded is not None and b"ICC_PROFILE\x00" not in coded else None
