"""Marks on pictures: words or a small picture, at one of nine places or all over.

Words are white with a soft dark edge, so that they can be read on snow as well as at night. The mark is drawn once per
picture size and laid over the pixels (Porter and Duff 1984, "over"); what is not under it stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import pyvips

FONT: Final = Path(__file__).parent / "fonts" / "DejaVuSans-Bold.ttf"
_FACE: Final = "DejaVu Sans Bold 24"
#: Words are drawn this large and then reduced, so that their edges are smooth at any size.
_DPI: Final = 300
#: The soft edge: its width as a part of the words' height, and how dark it is beside the words themselves.
_EDGE, _EDGE_OPACITY = 0.08, 0.75
#: Tiles stand apart by this part of the mark's width, every other row shifted by half a tile.
_GAP: Final = 0.35
#: Where the nine places are: 0 left or top, 1/2 in the middle, 1 right or bottom.
_PLACES: Final = {
    "top_left": (0.0, 0.0),
    "top": (0.5, 0.0),
    "top_right": (1.0, 0.0),
    "left": (0.0, 0.5),
    "center": (0.5, 0.5),
    "right": (1.0, 0.5),
    "bottom_left": (0.0, 1.0),
    "bottom": (0.5, 1.0),
    "bottom_right": (1.0, 1.0),
}
TILED: Final = "tiled"
TEXT, IMAGE = "text", "image"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: ``text`` as it is to be read, or the picture at ``image_path``, by ``kind``.

    ``position``: one of nine places or ``tiled``. ``opacity`` 0.05 to 1; ``size``: the mark's width as a part of the
    picture's, 0.02 to 1; ``margin``: its distance from the edges as a part of the picture's width, 0 to 0.25;
    ``angle``: degrees counter-clockwise, -90 to 90.
    """

    kind: str
    text: str
    image_path: str | None
    position: str
    opacity: float
    size: float
    margin: float
    angle: float


def marked(image: pyvips.Image, mark: Mark) -> pyvips.Image:
    """The picture (sRGB, three bands of 8 bits) with the mark on it, of the same size and kind, in memory.

    Raises ValueError for words without a visible sign, or a mark picture that cannot be read.
    """
    width, height = image.width, image.height
    room = _room(mark, width, height)
    stamp = _faded(_turned(_drawn(mark), mark, width, room), mark.opacity)
    if mark.position == TILED:
        layer, x, y = _tiled(stamp, width, height), 0, 0
    else:
        layer = stamp
        across, down = _PLACES[mark.position]
        margin = _margin(mark, width, height)
        x = margin + round(across * (width - 2 * margin - stamp.width))
        y = margin + round(down * (height - 2 * margin - stamp.height))
    over = image.copy(interpretation="srgb").composite2(layer, "over", x=x, y=y)
    flat: pyvips.Image = over.extract_band(0, n=3).cast("uchar").copy(interpretation="srgb").copy_memory()
    return flat


def _margin(mark: Mark, width: int, height: int) -> int:
    """In pixels; on a narrow picture it leaves the mark at least half of the room."""
    return min(round(mark.margin * width), width // 4, height // 4)


def _room(mark: Mark, width: int, height: int) -> tuple[int, int]:
    """The most pixels that the mark may take, turned as it is."""
    margin = 0 if mark.position == TILED else _margin(mark, width, height)
    return max(1, width - 2 * margin), max(1, height - 2 * margin)


def _drawn(mark: Mark) -> pyvips.Image:
    """The mark as large as it comes: RGB and alpha, 8 bits."""
    if mark.kind == IMAGE:
        if mark.image_path is None:
            raise ValueError("a mark without its picture")
        return _read(Path(mark.image_path))
    # Pango reads markup; without a letter libvips refuses to draw
    shown = mark.text.strip()
    letters = pyvips.Image.text(escape(shown), fontfile=str(FONT), font=_FACE, dpi=_DPI) if shown else None
    if letters is None or not letters.max():
        raise ValueError("words that show nothing")
    edge = max(2, round(letters.height * _EDGE))
    letters = letters.embed(2 * edge, 2 * edge, letters.width + 4 * edge, letters.height + 4 * edge)
    shade = (letters.gaussblur(edge) * (2 * _EDGE_OPACITY)).cast("uchar")
    alpha = (letters > shade).ifthenelse(letters, shade)
    # white where the letters are, black in the edge around them
    return letters.bandjoin([letters, letters, alpha]).copy(interpretation="srgb").copy_memory()


def _read(path: Path) -> pyvips.Image:
    try:
        found = pyvips.Image.pngload(str(path)).copy_memory()
    except pyvips.Error as error:
        raise ValueError("a mark picture that cannot be read") from error
    if found.format != "uchar" or found.interpretation != "srgb":
        found = found.colourspace("srgb").cast("uchar")
    return found if found.hasalpha() else found.addalpha()


def _turned(drawn: pyvips.Image, mark: Mark, width: int, room: tuple[int, int]) -> pyvips.Image:
    """At its size on a picture of this ``width``, turned, and reduced further if it does not fit the room."""
    drawn = drawn.premultiply().rint().cast("uchar").copy(interpretation="srgb")
    drawn = drawn.resize(max(1e-3, mark.size * width / drawn.width))
    if mark.angle:
        drawn = drawn.similarity(angle=-mark.angle, background=[0, 0, 0, 0])
    fit = min(room[0] / drawn.width, room[1] / drawn.height)
    if fit < 1:
        drawn = drawn.resize(fit)
    # rounding may have left a pixel too many
    drawn = drawn.crop(0, 0, min(drawn.width, room[0]), min(drawn.height, room[1]))
    turned: pyvips.Image = drawn.unpremultiply().rint().cast("uchar").copy(interpretation="srgb").copy_memory()
    return turned


def _faded(stamp: pyvips.Image, opacity: float) -> pyvips.Image:
    alpha = (stamp.extract_band(3) * opacity).rint().cast("uchar")
    faded: pyvips.Image = stamp.extract_band(0, n=3).bandjoin(alpha).copy(interpretation="srgb").copy_memory()
    return faded


def _tiled(stamp: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """The stamp over and over, on ``width`` × ``height``."""
    gap = round(stamp.width * _GAP)
    cell_width, cell_height = stamp.width + gap, stamp.height + gap
    cell = stamp.embed(gap // 2, gap // 2, cell_width, cell_height)
    pair = cell.join(cell.wrap(x=cell_width // 2, y=0), "vertical")
    across, down = width // pair.width + 2, height // pair.height + 2
    tiled: pyvips.Image = pair.replicate(across, down).crop(0, 0, width, height)
    return tiled
