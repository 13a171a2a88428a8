"""Exif: the directories of a photo's TIFF structure, as values by tag number and, for display, by standard name.

Source: CIPA DC-008-2023 (Exif 3.0). Names are the standard's, as Pillow lists them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from PIL.ExifTags import GPSTAGS, TAGS

from ml.text import decoded, json_size
from ml.tiff import TEXT_TYPES, Blob, Directory, Entry, Tiff, Value

#: The values of a directory by tag number.
Values: TypeAlias = dict[int, Value]

#: Bytes of one shown text, and of the JSON of all that is shown.
MAX_SHOWN, MAX_ALL_SHOWN = 2 * 1024, 64 * 1024
#: Numbers of one shown value.
_MAX_NUMBERS: Final = 128
#: Quotes, a colon, a comma and blanks around a name in JSON.
_PUNCTUATION: Final = 8

_EXIF_IFD, _GPS_IFD, _SUB_IFDS, _MAKER_NOTE = 0x8769, 0x8825, 0x014A, 0x927C
_DNG_PRIVATE: Final = 0xC634
_IMAGE_WIDTH, _IMAGE_HEIGHT, _SUBFILE_TYPE = 0x0100, 0x0101, 0x00FE
_PANASONIC_BORDERS: Final = (0x0004, 0x0005, 0x0006, 0x0007)
#: Fields of the main directory that hold other kinds of metadata.
XMP, IPTC, RESOURCES, PANASONIC_JPEG = 0x02BC, 0x83BB, 0x8649, 0x002E
#: Not shown: what points at places in the file, and blocks that are read elsewhere.
_POINTERS: Final = {_EXIF_IFD, _GPS_IFD, _SUB_IFDS, 0xA005, 0x0111, 0x0117, 0x0144, 0x0145, 0x0201, 0x0202}
_UNSHOWN: Final = _POINTERS | {_MAKER_NOTE, XMP, IPTC, RESOURCES}
_WINDOWS_TEXT: Final = frozenset({0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F})
_CODED_TEXT: Final = frozenset({0x9286, 0x001B, 0x001C})
_LONG: Final = _WINDOWS_TEXT | _CODED_TEXT
_VERSIONS: Final = frozenset({0x9000, 0xA000, 0x0002})
_CHARSETS: Final = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp"}


@dataclass(slots=True)
class Exif:
    """The values of the main directory (``image``), of the Exif directory (``photo``) and of ``gps``.

    ``note`` is where the maker's own block stands; or ``fields`` its directory, where a format keeps that by itself.
    ``sizes``: widths and heights of the full pictures in the file.
    """

    image: Values = field(default_factory=dict)
    photo: Values = field(default_factory=dict)
    gps: Values = field(default_factory=dict)
    note: tuple[Tiff, Entry] | None = None
    fields: tuple[Tiff, Directory] | None = None
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def fill(self, other: Exif) -> None:
        """Take from another block what this one does not have."""
        self.image = other.image | self.image
        self.photo = other.photo | self.photo
        self.gps = other.gps | self.gps
        self.note = self.note or other.note
        self.fields = self.fields or other.fields
        self.sizes += other.sizes


def read(tiff: Tiff, main: Directory) -> Exif:
    """What a TIFF structure says, of an Exif block or of a raw file, whose main directory is ``main``."""
    exif = Exif(values(tiff, main))
    for tag, target in ((_EXIF_IFD, exif.photo), (_GPS_IFD, exif.gps)):
        offset = exif.image.get(tag)
        if isinstance(offset, int):
            directory = tiff.directory(offset)
            target.update(values(tiff, directory))
            if _MAKER_NOTE in directory:
                exif.note = tiff, directory[_MAKER_NOTE]
    if exif.note is None and _DNG_PRIVATE in main:
        exif.note = tiff, main[_DNG_PRIVATE]
    exif.sizes = list(_sizes(tiff, exif.image))
    return exif


def part(kind: bytes, tiff: Tiff) -> Exif:
    """What one of the boxes ``CMT1`` to ``CMT4`` of a CR3 file says: each holds one directory."""
    directory = tiff.directory(tiff.first)
    match kind:
        case b"CMT1":
            return Exif(image=values(tiff, directory))
        case b"CMT2":
            return Exif(photo=values(tiff, directory))
        case b"CMT3":
            return Exif(fields=(tiff, directory))
        case b"CMT4":
            return Exif(gps=values(tiff, directory))
        case _:
            return Exif()


def values(tiff: Tiff, directory: Directory) -> Values:
    """The values of a directory. What is long and no text is a ``Blob``."""
    found: Values = {}
    for tag, entry in directory.items():
        if entry.size > MAX_SHOWN and entry.type not in TEXT_TYPES and tag not in _LONG:
            found[tag] = Blob(entry.size)
        else:
            value = tiff.value(entry)
            found[tag] = _text(tag, value, tiff) if isinstance(value, bytes) else value
    return found


def _text(tag: int, raw: bytes, tiff: Tiff) -> Value:
    """Text that is stored as bytes."""
    if tag in _WINDOWS_TEXT:
        return raw.decode("utf-16-le", errors="replace").split("\0", 1)[0].strip()
    if tag in _VERSIONS and raw.isalnum():
        return raw.decode()
    if tag not in _CODED_TEXT or len(raw) < 8:
        return raw
    charset = _CHARSETS.get(raw[:8].upper())
    if charset == "utf-16":
        charset = "utf-16-le" if tiff.order == "<" else "utf-16-be"
    body = raw[8:].rstrip(b"\0 ") if charset != "utf-16-le" else raw[8:]
    if charset in (None, "ascii"):
        return decoded(body.split(b"\0", 1)[0], tiff.notes).strip()
    return body.decode(charset, errors="replace").split("\0", 1)[0].strip()


def _sizes(tiff: Tiff, image: Values) -> Iterator[tuple[int, int]]:
    """Widths and heights of the pictures that are not reduced ones: of the main directory and those below it."""
    offsets = image.get(_SUB_IFDS)
    below = offsets if isinstance(offsets, tuple) else (offsets,)
    directories = (tiff.directory(one) for one in below[:8] if isinstance(one, int))
    wanted = (_SUBFILE_TYPE, _IMAGE_WIDTH, _IMAGE_HEIGHT)
    for found in (image, *({tag: tiff.value(one[tag]) for tag in wanted if tag in one} for one in directories)):
        width, height = found.get(_IMAGE_WIDTH), found.get(_IMAGE_HEIGHT)
        if found.get(_SUBFILE_TYPE, 0) == 0 and isinstance(width, int) and isinstance(height, int):
            yield width, height
    # Panasonic states the borders of the picture on the sensor: top, left, bottom, right
    top, left, bottom, right = (image.get(tag) for tag in _PANASONIC_BORDERS)
    if isinstance(top, int) and isinstance(left, int) and isinstance(bottom, int) and isinstance(right, int):
        yield right - left, bottom - top


def shown(exif: Exif) -> dict[str, Any]:
    """Every value by its standard name, as JSON has it: binary as ``{"bytes": n}``, and no more than fits."""
    budget = MAX_ALL_SHOWN
    found: dict[str, Any] = {}
    for names, directory in ((TAGS, exif.image), (TAGS, exif.photo), (GPSTAGS, exif.gps)):
        for name, value in _named(names, directory):
            budget -= len(name) + json_size(value) + _PUNCTUATION
            if budget < 0:
                return found
            found.setdefault(name, value)
    if exif.note is not None:
        found["MakerNote"] = {"bytes": exif.note[1].size}
    return found


def _named(names: Mapping[int, str], directory: Values) -> Iterator[tuple[str, Any]]:
    for tag, value in directory.items():
        if tag not in _UNSHOWN:
            yield names.get(tag, f"0x{tag:04X}"), plain(value)


def plain(value: Value) -> Any:
    """A value as JSON has it, cut to what is shown."""
    if isinstance(value, Blob):
        return {"bytes": value.size}
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, str):
        return value.encode()[:MAX_SHOWN].decode(errors="ignore")
    return [_finite(one) for one in value[:_MAX_NUMBERS]] if isinstance(value, tuple) else _finite(value)


def _finite(number: float | None) -> float | None:
    return number if number is None or abs(number) < 1e300 else None
