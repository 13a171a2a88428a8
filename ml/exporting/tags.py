"""What an exported file tells beside its picture, by policy, as the Exif, IPTC and XMP blocks that say it.

===============  ====================================================================================================
``all``          what the house knows of the photo, the place, and what the camera says of the exposure
``no_location``  the same without the place
``copyright``    creator and copyright
``none``         nothing
===============  ====================================================================================================

What is written is listed here, nothing is copied: so no policy, not even ``all``, takes along serial numbers, the
camera owner's name, maker notes, names of places, editing histories, paths, or an embedded thumbnail. Who needs those
has the original. The orientation is always 1: the pixels lie upright.

Sources: CIPA DC-008-2023 (Exif 3.0), IPTC-NAA IIM 4.2, ISO 16684-1 (XMP), and for which field stands in which block
the Metadata Working Group's guidance 2.0.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from ml import metadata
from ml.decode import Original
from ml.exporting.directories import Directory, Entry, Kind, block, long, rational, short, text
from ml.exporting.plan import Fields, Plan, Policy
from ml.metadata import Metadata
from ml.profiles import Space
from ml.rdf import RDF, written
from ml.xmp import DC, PHOTOSHOP, XMP, line

_META, _RIGHTS = "adobe:ns:meta/", "http://ns.adobe.com/xap/1.0/rights/"
#: IIM record 2: dataset and the most bytes it holds.
_TITLE, _KEYWORD, _DATE, _TIME, _BYLINE, _COPYRIGHT, _CAPTION = 5, 25, 55, 60, 80, 116, 120
_LENGTHS: Final = {_TITLE: 64, _KEYWORD: 64, _DATE: 8, _TIME: 11, _BYLINE: 32, _COPYRIGHT: 128, _CAPTION: 2000}
#: A JPEG's segment ends there; so many bytes of keywords leave room for the rest.
_KEYWORDS_MAX: Final = 24_000
_TEXT_MAX: Final = 8_000
#: Markers, names and checksums around the blocks, in any container.
_FRAMES: Final = 160
_UNCALIBRATED: Final = 65_535


@dataclass(frozen=True, slots=True)
class Told:
    """What may be told: by the photo's ``fields``, and by its camera (None: nothing)."""

    policy: Policy
    fields: Fields
    camera: Metadata | None


@dataclass(frozen=True, slots=True)
class Blocks:
    """The same as Exif directories, IIM records and an XMP packet; empty where there is nothing to tell."""

    image: Directory
    photo: Directory
    gps: Directory
    iptc: bytes
    xmp: bytes

    @property
    def exif(self) -> bytes:
        """The Exif block as it stands in JPEG, PNG and WebP: a TIFF structure."""
        return block(self.image, self.photo, self.gps) if self.image else b""

    @property
    def size(self) -> int:
        """The most bytes that they add to a file, with what frames them there; 0 if they are empty."""
        told = len(self.exif) + len(self.iptc) + len(self.xmp)
        return told + _FRAMES if told else 0


def told(plan: Plan, original: Original) -> Told:
    """What the plan's policy lets through. The camera's values come from the file that the pixels come from."""
    fields, policy = plan.fields, plan.metadata
    if policy is Policy.NONE:
        return Told(policy, Fields(), None)
    if policy is Policy.COPYRIGHT:
        return Told(policy, Fields(creator=fields.creator, copyright=fields.copyright), None)
    camera = metadata.read(original.path, original.format)
    return Told(policy, fields if policy is Policy.ALL else replace(fields, gps=None), camera)


def blocks(told: Told, space: Space, width: int, height: int) -> Blocks:
    """The blocks of a file of ``width`` × ``height`` pixels in ``space``."""
    if told.policy is Policy.NONE:
        return Blocks({}, {}, {}, b"", b"")
    taken = _moment(told.fields.captured_local)
    photo = _photo(told.camera, taken, space, width, height)
    gps = _place(told.fields.gps)
    return Blocks(_image(told), photo, gps, _iptc(told.fields, taken), _xmp(told.fields, taken))


def _moment(captured_local: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(captured_local) if captured_local else None
    except ValueError:
        return None


# --- Exif ------------------------------------------------------------------------------------------------------------


def _image(told: Told) -> Directory:
    fields, camera = told.fields, told.camera
    texts = {0x010E: fields.description, 0x013B: fields.creator, 0x8298: fields.copyright}
    if camera is not None:
        texts |= {0x010F: camera.camera_make, 0x0110: camera.camera_model}
    found = _texts(texts)
    found |= {0x0112: short(1), 0x011A: rational(Fraction(300)), 0x011B: rational(Fraction(300)), 0x0128: short(2)}
    found[0x0213] = short(1)
    if fields.rating is not None and fields.rating >= 0:
        found[0x4746] = short(fields.rating)
    return found


def _photo(camera: Metadata | None, taken: datetime | None, space: Space, width: int, height: int) -> Directory:
    found: Directory = {
        0x9000: Entry(Kind.UNDEFINED, b"0232"),
        0x9101: Entry(Kind.UNDEFINED, b"\x01\x02\x03\x00"),
        0xA000: Entry(Kind.UNDEFINED, b"0100"),
        0xA001: short(1 if space is Space.SRGB else _UNCALIBRATED),
        0xA002: long(width),
        0xA003: long(height),
    }
    if taken is not None:
        found[0x9003] = text(f"{taken:%Y:%m:%d %H:%M:%S}")
        if taken.microsecond:
            found[0x9291] = text(f"{taken.microsecond:06}".rstrip("0"))
        if taken.utcoffset() is not None:
            found[0x9011] = text(taken.isoformat()[-6:])
    return found | ({} if camera is None else _exposure(camera))


def _exposure(camera: Metadata) -> Directory:
    found = _texts({0xA433: camera.lens_make, 0xA434: camera.lens_model})
    ratios = {0x829A: camera.exposure_time_s, 0x829D: camera.aperture, 0x920A: camera.focal_length_mm}
    found |= {tag: rational(_ratio(value)) for tag, value in ratios.items() if value is not None}
    if camera.iso is not None:
        found[0x8827] = short(min(camera.iso, 65_535))
    if camera.exposure_bias_ev is not None:
        found[0x9204] = rational(_ratio(camera.exposure_bias_ev), signed=True)
    if camera.focal_length_35mm is not None:
        found[0xA405] = short(min(round(camera.focal_length_35mm), 65_535))
    if camera.flash_fired is not None:
        found[0x9209] = short(int(camera.flash_fired))
    return found


def _ratio(value: float) -> Fraction:
    """A number as cameras write it: 1/250, 2.8, 35."""
    if 0 < value < 0.4:
        return Fraction(1, round(1 / value)) if round(1 / value) < 1 << 31 else Fraction(0)
    return Fraction(value).limit_denominator(100)


def _texts(texts: dict[int, str | None]) -> Directory:
    """Texts that are not empty, without what no block can carry, and no longer than a segment has room for."""
    lines = {tag: _short(line(value), _TEXT_MAX).decode() for tag, value in texts.items()}
    return {tag: text(value) for tag, value in lines.items() if value}


def _place(gps: tuple[float, float] | None) -> Directory:
    if gps is None or not (abs(gps[0]) <= 90 and abs(gps[1]) <= 180):
        return {}
    latitude, longitude = gps
    return {
        0x0000: Entry(Kind.BYTE, b"\x02\x03\x00\x00"),
        0x0001: text("S" if latitude < 0 else "N"),
        0x0002: _angle(abs(latitude)),
        0x0003: text("W" if longitude < 0 else "E"),
        0x0004: _angle(abs(longitude)),
        0x0012: text("WGS-84"),
    }


def _angle(degrees: float) -> Entry:
    """Degrees, minutes and seconds, to a hundred-thousandth of a second: a third of a millimetre."""
    units = round(degrees * 3600 * 100_000)
    minutes, rest = divmod(units, 60 * 100_000)
    return rational(Fraction(minutes // 60), Fraction(minutes % 60), Fraction(rest, 100_000))


# --- IPTC ------------------------------------------------------------------------------------------------------------


def _iptc(fields: Fields, taken: datetime | None) -> bytes:
    """IIM records 1 and 2 in UTF-8; texts are cut at the lengths that the standard gives."""
    records = b"".join(_dataset(number, value) for number, value in _records(fields, taken) if value)
    return b"\x1c\x01\x5a\x00\x03\x1b%G" + b"\x1c\x02\x00\x00\x02\x00\x04" + records if records else b""


def _records(fields: Fields, taken: datetime | None) -> Iterator[tuple[int, str | None]]:
    yield _TITLE, fields.title
    for keyword in _keywords(fields):
        yield _KEYWORD, keyword
    if taken is not None:
        yield _DATE, f"{taken:%Y%m%d}"
        yield _TIME, f"{taken:%H%M%S%z}"
    yield _BYLINE, fields.creator
    yield _COPYRIGHT, fields.copyright
    yield _CAPTION, fields.description


def _dataset(number: int, value: str) -> bytes:
    content = _short(line(value), _LENGTHS[number])
    return struct.pack(">BBBH", 0x1C, 2, number, len(content)) + content if content else b""


def _short(value: str, most: int) -> bytes:
    """The text in at most so many bytes of UTF-8, no character broken."""
    return value.encode()[:most].decode(errors="ignore").encode()


def _keywords(fields: Fields) -> list[str]:
    """Each once, in their order, as many as a segment has room for."""
    kept, left = [], _KEYWORDS_MAX
    for keyword in dict.fromkeys(filter(None, map(line, fields.keywords))):
        left -= len(keyword.encode()) + 24
        if left < 0:
            break
        kept.append(keyword)
    return kept


def digest(iptc: bytes) -> bytes:
    """What Photoshop keeps beside IIM records, so that readers know whether XMP or they were changed last."""
    return hashlib.md5(iptc, usedforsecurity=False).digest()


# --- XMP -------------------------------------------------------------------------------------------------------------


def _xmp(fields: Fields, taken: datetime | None) -> bytes:
    about = Element(
        "rdf:Description",
        {
            "rdf:about": "",
            "xmlns:dc": DC,
            "xmlns:xmp": XMP,
            "xmlns:xmpRights": _RIGHTS,
            "xmlns:photoshop": PHOTOSHOP,
        },
    )
    _state(about, fields, taken)
    _array(about, "dc:title", "Alt", [fields.title])
    _array(about, "dc:description", "Alt", [fields.description])
    _array(about, "dc:creator", "Seq", [fields.creator])
    _array(about, "dc:rights", "Alt", [fields.copyright])
    _array(about, "dc:subject", "Bag", _keywords(fields))
    if not len(about) and len(about.attrib) == 5:
        return b""
    root = Element("x:xmpmeta", {"xmlns:x": _META, "x:xmptk": "KILO"})
    SubElement(root, "rdf:RDF", {"xmlns:rdf": RDF}).append(about)
    return written(root)


def _state(about: Element, fields: Fields, taken: datetime | None) -> None:
    """The properties that are plain values."""
    if fields.rating is not None:
        about.set("xmp:Rating", str(fields.rating))
    if fields.label:
        about.set("xmp:Label", line(fields.label))
    if fields.copyright:
        about.set("xmpRights:Marked", "True")
    if taken is not None:
        about.set("photoshop:DateCreated", taken.isoformat())


def _array(about: Element, name: str, kind: str, values: list[str] | list[str | None]) -> None:
    texts = [_short(line(value), _TEXT_MAX).decode() for value in values if value]
    if any(texts):
        array = SubElement(SubElement(about, name), f"rdf:{kind}")
        for value in texts:
            SubElement(array, "rdf:li", {"xml:lang": "x-default"} if kind == "Alt" else {}).text = value
