"""A PDF that is written as it grows: ReportLab lays out the pages, photos wait in a spool and pass through as they are.

The same pages give the same bytes: no clock, no random identifiers. Memory holds the pages' text, never their photos,
and the file is written object by object. Text is real text in the house's fonts: it can be searched and copied.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from ml import jpeg

REGULAR, BOLD = "KiloSans", "KiloSans-Bold"
_FONTS: Final = Path(__file__).parent.parent / "fonts"
#: What stands for a character that the fonts do not have.
_MISSING: Final = "□"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written: ``sha256`` in hexadecimal, ``crc32`` as ZIP has it."""

    byte_size: int
    sha256: str
    crc32: int


class Paper:
    """Pages of ``width`` × ``height`` points, drawn on ``canvas``. ``spool`` holds the photos until the end."""

    def __init__(self, width: float, height: float, spool: IO[bytes]) -> None:
        _fonts()
        self.canvas = Canvas(
            "", pagesize=(width, height), invariant=1, pageCompression=1, lang="en", initialFontName=REGULAR
        )
        self.canvas.setCreator("KILO")
        self.canvas.setProducer("KILO")
        self.canvas.setAuthor("")
        self._spool = spool
        self._photos = 0

    def describe(self, title: str, subject: str, made: datetime | None) -> None:
        """What readers show of the document: its title, what it is about, and the moment that it says it was made."""
        self.canvas.setTitle(title)
        self.canvas.setSubject(subject)
        if made is not None:
            moment = (made if made.tzinfo else made.replace(tzinfo=UTC)).astimezone(UTC)
            self.canvas.setDateFormatter(lambda *_: f"D:{moment:%Y%m%d%H%M%S}Z")

    def line(
        self, said: str, left: float, baseline: float, font: str, size: float, room: float, *, middle: bool = False
    ) -> None:
        """One line of text, shortened to its room. What is not shown of it can still be searched for and copied."""
        whole = " ".join(said.split())
        drawn = fitted(shown(whole, font), font, size, room, middle=middle)
        self.canvas.setFont(font, size)
        if drawn != whole:
            self.canvas._code.append(f"/Span <</ActualText <FEFF{whole.encode('utf-16-be').hex().upper()}>>> BDC")
        self.canvas.drawString(left, baseline, drawn)
        if drawn != whole:
            self.canvas._code.append("EMC")

    def photo(self, data: bytes, left: float, bottom: float, width: float, height: float) -> None:
        """An RGB or grey JPEG, its coded pixels untouched, drawn into this rectangle."""
        frame = jpeg.frame(data)
        assert frame is not None
        self._photos += 1
        name = f"photo{self._photos}"
        place = self._spool.seek(0, 2)
        self._spool.write(data)
        self.canvas._doc.Reference(_Photo(self._spool, place, len(data), frame), pdfdoc.xObjectName(name))
        self.canvas._formsinuse.append(name)
        self.canvas._code.append(
            f"q {width:.3f} 0 0 {height:.3f} {left:.3f} {bottom:.3f} cm /{pdfdoc.xObjectName(name)} Do Q"
        )

    def save(self, path: Path) -> Written:
        """Write the document. ReportLab's own way would gather the file in memory first."""
        document = self.canvas._doc
        for font in document.delayedFonts:
            font.addObjects(document)
        document.info.invariant = document.invariant
        document.info.digest(document.signature)
        document.Reference(document.Catalog)
        document.Reference(document.info)
        document.Outlines.prepare(document, self.canvas)
        if document.Outlines.ready < 0:
            document.Catalog.Outlines = None
        with path.open("wb") as file:
            return _objects(document, _Out(file))


class _Out:
    """Where the file's bytes go: counts and sums up what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self.offset = 0

    def add(self, data: bytes | str) -> int:
        """Write; answers where it began."""
        encoded: bytes = pdfdoc.pdfdocEnc(data)
        begun, self.offset = self.offset, self.offset + len(encoded)
        self._file.write(encoded)
        self._sha256.update(encoded)
        self._crc32 = zlib.crc32(encoded, self._crc32)
        return begun

    def written(self) -> Written:
        return Written(self.offset, self._sha256.hexdigest(), self._crc32)


def _objects(document: Any, out: _Out) -> Written:
    """Every object in the order of its number (formatting one may add others), then the table of where they are."""
    document.__accum__ = out
    out.add(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    identities: list[str] = []
    while (identity := document.numberToId.get(len(identities) + 1)) is not None:
        formatted = pdfdoc.PDFIndirectObject(identity, document.idToObject[identity]).format(document)
        document.idToOffset[identity] = out.add(formatted)
        identities.append(identity)
    table = pdfdoc.PDFCrossReferenceTable()
    table.addsection(0, identities)
    begun = out.add(table.format(document))
    root, info = document.Reference(document.Catalog), document.Reference(document.info)
    trailer = pdfdoc.PDFTrailer(
        startxref=begun, Size=len(identities) + 1, Root=root, Info=info, Encrypt=None, ID=document.ID()
    )
    out.add(trailer.format(document))
    return out.written()


class _Photo(pdfdoc.PDFObject):  # type: ignore[misc]
    """A JPEG as an image object, read from the spool when its turn comes."""

    __RefOnly__ = 1

    def __init__(self, spool: IO[bytes], place: int, size: int, frame: jpeg.Frame) -> None:
        self._spool, self._place, self._size, self._frame = spool, place, size, frame

    def format(self, document: Any) -> bytes:
        """The object's bytes."""
        self._spool.seek(self._place)
        stream = pdfdoc.PDFStream(content=self._spool.read(self._size), filters=[])
        stream.dictionary.dict |= {
            "Type": pdfdoc.PDFName("XObject"),
            "Subtype": pdfdoc.PDFName("Image"),
            "Width": self._frame.width,
            "Height": self._frame.height,
            "BitsPerComponent": 8,
            "ColorSpace": pdfdoc.PDFName("DeviceGray" if self._frame.components == 1 else "DeviceRGB"),
            "Filter": pdfdoc.PDFName("DCTDecode"),
        }
        made: bytes = stream.format(document)
        return made


@functools.cache
def _fonts() -> dict[str, frozenset[int]]:
    """The characters that each font has."""
    found = {}
    for name, file in ((REGULAR, "DejaVuSans.ttf"), (BOLD, "DejaVuSans-Bold.ttf")):
        font = TTFont(name, str(_FONTS / file))
        pdfmetrics.registerFont(font)
        found[name] = frozenset(font.face.charToGlyph)
    return found


def shown(text: str, font: str) -> str:
    """The text in one line, with □ for each character that the font does not have."""
    known = _fonts()[font]
    return "".join(one if ord(one) in known else _MISSING for one in " ".join(text.split()))


def width_of(text: str, font: str, size: float) -> float:
    """In points."""
    _fonts()
    found: float = pdfmetrics.stringWidth(text, font, size)
    return found


def fitted(text: str, font: str, size: float, room: float, *, middle: bool = False) -> str:
    """The text, shortened by an ellipsis at its end, or in its ``middle``, until it has room. Empty if nothing has."""
    if width_of(text, font, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head = (kept + 1) // 2 if middle else kept
        short = f"{text[:head].rstrip()}…{text[len(text) - (kept - head) :] if kept > head else ''}"
        if width_of(short, font, size) <= room:
            return short
    return ""
