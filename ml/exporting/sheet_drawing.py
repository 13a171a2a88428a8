"""What stands on a contact sheet: the head and foot of its pages, and each photo with its caption."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import segno

from ml import jpeg
from ml.exporting.paper import BOLD, REGULAR, Paper, fitted, shown, width_of
from ml.exporting.sheet_layout import MARGIN, Grid, Rect

if TYPE_CHECKING:
    from ml.exporting.sheet import SheetPhoto, SheetPlan

#: Greys of the type, from the most to the least important, as parts of white; and the star's, the pick's own colours.
_INK, _SOFT, _FAINT, _LINE, _EMPTY = 0.10, 0.38, 0.55, 0.82, 0.95
_STAR, _PICK, _REJECT = (0.72, 0.48, 0.02), (0.09, 0.50, 0.24), (0.72, 0.11, 0.11)
#: Colour labels as Lightroom and Bridge name them.
_LABELS: Final = {
    "red": (0.86, 0.20, 0.18),
    "orange": (0.93, 0.49, 0.11),
    "yellow": (0.95, 0.77, 0.06),
    "green": (0.22, 0.65, 0.29),
    "blue": (0.16, 0.45, 0.82),
    "purple": (0.55, 0.31, 0.72),
    "pink": (0.90, 0.42, 0.62),
}
_QR: Final = 46.0
_INVITATION: Final = "View the gallery"
_TITLE, _SUBTITLE, _FOOT = 15.0, 8.5, 7.0
_MOST_CHIPS: Final = 3


class Drawing:
    """Draws onto the current page of ``paper``."""

    def __init__(self, paper: Paper, grid: Grid) -> None:
        self._paper = paper
        self._canvas = paper.canvas
        self._grid = grid

    # --- head and foot -----------------------------------------------------------------------------------------------

    def furniture(self, plan: SheetPlan, page: int, pages: int) -> None:
        """Title, QR code and date, and which page it is."""
        area = self._grid.page
        right = area.width - MARGIN
        if plan.gallery_url:
            right = self._gallery(plan.gallery_url, right, area.top - MARGIN) - 14
        self._line(plan.title, MARGIN, area.top - MARGIN - 13, right - MARGIN, BOLD, _TITLE, _INK)
        if plan.subtitle:
            self._line(plan.subtitle, MARGIN, area.top - MARGIN - 28, right - MARGIN, REGULAR, _SUBTITLE, _SOFT)
        self._canvas.setStrokeGray(_LINE)
        self._canvas.setLineWidth(0.5)
        self._canvas.line(MARGIN, MARGIN + 9, area.width - MARGIN, MARGIN + 9)
        count = len(plan.photos)
        said = [f"{count:,} photo{'' if count == 1 else 's'}", _day(plan.made_at)]
        self._line("  ·  ".join(filter(None, said)), MARGIN, MARGIN - 2, area.width / 2, REGULAR, _FOOT, _FAINT)
        of = f"Page {page} of {pages}"
        left = area.width - MARGIN - width_of(of, REGULAR, _FOOT)
        self._line(of, left, MARGIN - 2, area.width / 2, REGULAR, _FOOT, _FAINT)

    def _gallery(self, url: str, right: float, top: float) -> float:
        """The QR code, and beside it the address, both of which lead there; answers how far left they reach."""
        code = Rect(right - _QR, top - _QR, _QR, _QR)
        self._qr(url, code)
        self._canvas.linkURL(url, (code.left, code.bottom, code.right, code.top))
        address, size = url.partition("://")[2] or url, 6.5
        wide = max(min(width_of(shown(address, REGULAR), REGULAR, size), 190), width_of(_INVITATION, BOLD, 7))
        left = code.left - 9 - wide
        invited = code.left - 9 - width_of(_INVITATION, BOLD, 7)
        self._line(_INVITATION, invited, top - 10, wide + 1, BOLD, 7, _INK)
        begun = max(left, code.left - 9 - width_of(shown(address, REGULAR), REGULAR, size))
        self._line(address, begun, top - 20, wide + 1, REGULAR, size, _SOFT)
        self._canvas.linkURL(url, (left, top - 24, code.left - 9, top))
        return left

    def _qr(self, url: str, box: Rect) -> None:
        """Error correction M; each run of dark modules in a row is one rectangle. The page is its quiet zone."""
        rows = [list(row) for row in segno.make(url, error="m", micro=False).matrix]
        unit = box.width / len(rows)
        path = self._canvas.beginPath()
        for number, row in enumerate(rows):
            for start, length in _runs(row):
                path.rect(box.left + start * unit, box.top - (number + 1) * unit, length * unit, unit)
        self._canvas.setFillGray(0)
        self._canvas.drawPath(path, stroke=0, fill=1)

    # --- a photo -----------------------------------------------------------------------------------------------------

    def photo(self, photo: SheetPhoto, data: bytes | None, cell: Rect) -> None:
        """The photo in its cell, or an empty frame, and its caption."""
        frame = None if data is None else jpeg.frame(data)
        if data is None or frame is None:
            place = self._grid.picture(cell, photo.width or 3, photo.height or 2)
            self._canvas.setFillGray(_EMPTY)
            self._canvas.rect(place.left, place.bottom, place.width, place.height, stroke=0, fill=1)
        else:
            place = self._grid.picture(cell, frame.width, frame.height)
            self._paper.photo(data, place.left, place.bottom, place.width, place.height)
        self._caption(photo, cell)

    def _caption(self, photo: SheetPhoto, cell: Rect) -> None:
        size = self._grid.type_size
        baseline = cell.bottom + self._grid.caption - 1.3 * size
        self._name(photo, cell, baseline)
        baseline -= 1.4 * size
        self._marks(photo, cell, baseline)
        if photo.chips:
            self._reasons(photo.chips[:_MOST_CHIPS], cell, baseline - 1.25 * size)

    def _name(self, photo: SheetPhoto, cell: Rect, baseline: float) -> None:
        """The number, faint, the name, and at the right whether it was picked or rejected."""
        size, left, right = self._grid.type_size, cell.left, cell.right
        rejected = photo.rating is not None and photo.rating < 0
        if photo.picked or rejected:
            mark, ink = ("✔", _PICK) if photo.picked else ("✕", _REJECT)
            right -= width_of(mark, REGULAR, size)
            self._colored(mark, right, baseline, size, ink)
            right -= 0.4 * size
        if photo.number is not None:
            said = f"{photo.number}"
            self._line(said, left, baseline, right - left, REGULAR, size, _FAINT)
            left += width_of(said, REGULAR, size) + 0.6 * size
        self._canvas.setFillGray(_INK)
        self._paper.line(photo.name, left, baseline, BOLD, size, right - left, middle=True)

    def _marks(self, photo: SheetPhoto, cell: Rect, baseline: float) -> None:
        """Stars and the colour label at the left, the time at the right if it has room."""
        size, left = self._grid.type_size, cell.left
        if photo.rating is not None and photo.rating > 0:
            stars = "★" * min(photo.rating, 5)
            self._colored(stars, left, baseline, size, _STAR)
            left += width_of(stars, REGULAR, size) + 0.6 * size
        if photo.label:
            left = self._label(photo.label, left, baseline, cell.right - left) + 0.6 * size
        if photo.captured:
            small = 0.88 * size
            said = _time(photo.captured)
            wide = width_of(shown(said, REGULAR), REGULAR, small)
            if wide <= cell.right - left:
                left = cell.left if left == cell.left else cell.right - wide
                self._line(said, left, baseline, wide + 1, REGULAR, small, _FAINT)

    def _label(self, label: str, left: float, baseline: float, room: float) -> float:
        """A dot in the label's colour, and its name, for those who see no colours; answers where it ends."""
        size = self._grid.type_size
        color = _LABELS.get(label.strip().lower())
        if color is not None:
            self._canvas.setFillColorRGB(*color)
            self._canvas.circle(left + 0.36 * size, baseline + 0.36 * size, 0.36 * size, stroke=0, fill=1)
            left, room = left + 1.1 * size, room - 1.1 * size
        said = fitted(shown(label, REGULAR), REGULAR, 0.88 * size, room)
        self._line(said, left, baseline, room, REGULAR, 0.88 * size, _SOFT)
        return left + width_of(said, REGULAR, 0.88 * size)

    def _reasons(self, chips: Sequence[str], cell: Rect, baseline: float) -> None:
        """Why it was suggested, in at most two lines."""
        size = 0.88 * self._grid.type_size
        lines = [""]
        for chip in chips:
            longer = f"{lines[-1]} · {chip}" if lines[-1] else chip
            if lines[-1] and len(lines) == 1 and width_of(shown(longer, REGULAR), REGULAR, size) > cell.width:
                lines.append(chip)
            else:
                lines[-1] = longer
        for number, said in enumerate(lines):
            self._line(said, cell.left, baseline - number * 1.2 * size, cell.width, REGULAR, size, _SOFT)

    # --- type --------------------------------------------------------------------------------------------------------

    def _line(self, said: str, left: float, baseline: float, room: float, font: str, size: float, ink: float) -> None:
        """One line of text in grey, shortened to its room."""
        self._canvas.setFillGray(ink)
        self._paper.line(said, left, baseline, font, size, room)

    def _colored(self, said: str, left: float, baseline: float, size: float, ink: tuple[float, float, float]) -> None:
        self._canvas.setFillColorRGB(*ink)
        self._paper.line(said, left, baseline, REGULAR, size, self._grid.page.width)


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Where runs of dark modules start, and how long they are."""
    found: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and at and row[at - 1]:
            start, length = found[-1]
            found[-1] = (start, length + 1)
        elif dark:
            found.append((at, 1))
    return found


def moment(text: str) -> datetime | None:
    """An ISO 8601 time; None for anything else."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(made_at: str) -> str:
    """The day, as people write it: 21 November 2026."""
    made = moment(made_at)
    return f"{made.day} {made:%B} {made.year}" if made is not None else ""


def _time(captured: str) -> str:
    """Day and minute of an ISO 8601 time; anything else as it is."""
    taken = moment(captured)
    return f"{taken:%Y-%m-%d %H:%M}" if taken is not None else captured
