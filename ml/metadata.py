"""What a photo says of itself: camera, lens, exposure, time, place, and what people wrote about it.

``read`` takes any file and raises for none of its oddities. Which block is believed where several speak follows the
Metadata Working Group's guidance 2.0: technical values from Exif, words from XMP, then IPTC, then Exif.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final

from ml import capture_time, containers, exif, iptc, makernotes, mirror, xmp
from ml.capture_time import CaptureTime, Source
from ml.containers import Blocks
from ml.exif import Exif, Values
from ml.lenses import lens_range
from ml.makernotes import DriveMode, MakerNote
from ml.tiff import Value
from ml.words import words

MAX_NOTES: Final = 32
_AUTO_BRACKET: Final = 2
#: "More than the field holds": the true value stands elsewhere.
_ISO_BEYOND: Final = 65_535


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of one file; None where the file does not say, or says what cannot be.

    ``orientation`` is Exif's, 1 to 8 (HEIC and AVIF state their own rotation, which decoders apply: there it is only
    what the Exif block says). Lengths in mm, times in s, angles in degrees (WGS 84), exposure in EV. ``sub_seconds``:
    the digits after the second's point; ``bracket_ev``: this frame's shift within a bracket; ``sequence_number``: its
    place in a series, as the maker counts. ``rating``: -1 rejected, 0 stated to be unrated, 1 to 5 stars, None not
    stated. ``width`` and ``height`` are those of the stored picture, before rotation. ``exif``, ``iptc`` and ``xmp``
    show everything by standard names, JSON-safe and of bounded size; ``notes`` says what was odd.
    """

    orientation: int = 1
    captured: CaptureTime = field(default_factory=CaptureTime)
    sub_seconds: str | None = None
    offset_time: str | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    camera_serial: str | None = None
    lens_make: str | None = None
    lens_model: str | None = None
    focal_length_mm: float | None = None
    focal_length_35mm: float | None = None
    shutter_speed: str | None = None
    exposure_time_s: float | None = None
    aperture: float | None = None
    iso: int | None = None
    exposure_bias_ev: float | None = None
    flash_fired: bool | None = None
    drive_mode: DriveMode | None = None
    bracket_ev: float | None = None
    sequence_number: int | None = None
    gps_latitude: float | None = None
    gps_longitude: float | None = None
    gps_altitude_m: float | None = None
    title: str | None = None
    description: str | None = None
    creator: str | None = None
    copyright: str | None = None
    keywords: list[str] = field(default_factory=list)
    rating: int | None = None
    label: str | None = None
    width: int | None = None
    height: int | None = None
    exif: dict[str, Any] = field(default_factory=dict)
    iptc: dict[str, Any] = field(default_factory=dict)
    xmp: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(path: str | Path, format: str) -> Metadata:
    """The metadata of a file of that format (``jpeg``, ``heic``, ``nef``, ...). Raises OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        if not file.seek(0, 2):
            return Metadata(notes=["the file is empty"])
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _gathered(containers.find(data, format.lower()))


def _gathered(blocks: Blocks) -> Metadata:
    notes = blocks.notes
    properties: dict[str, Any] = {}
    for packet in blocks.xmp:
        properties = xmp.properties(packet, notes) | properties
    records = iptc.records(blocks.iptc, notes) if blocks.iptc else {}
    found = blocks.exif
    exposed = exif.shown(found)
    found.fill(mirror.exif_of(properties))
    maker = makernotes.read(found, text(found.image.get(0x010F)) or "")
    return Metadata(
        **_camera(found, maker),
        **_exposure(found.photo, maker),
        **_place(found.gps),
        **words(properties, records, found.image),
        **_time(blocks, properties, records),
        **_size(blocks),
        exif=exposed,
        iptc=xmp.shown(records),
        xmp=xmp.shown(properties),
        notes=notes[:MAX_NOTES],
    )


def _camera(found: Exif, maker: MakerNote) -> dict[str, Any]:
    image, photo = found.image, found.photo
    orientation = image.get(0x0112)
    named = text(photo.get(0xA434)) or maker.lens_model
    return {
        "orientation": orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        "camera_make": text(image.get(0x010F)),
        "camera_model": text(image.get(0x0110)),
        "camera_serial": text(photo.get(0xA431)) or text(image.get(0xC62F)) or maker.serial,
        "lens_make": text(photo.get(0xA433)),
        "lens_model": named or lens_range(*_numbers(photo.get(0xA432) or image.get(0xC630))),
        "focal_length_mm": _positive(photo.get(0x920A), 100_000),
        "focal_length_35mm": _positive(photo.get(0xA405), 65_534),
        "drive_mode": maker.drive_mode or (DriveMode.BRACKET if photo.get(0xA402) == _AUTO_BRACKET else None),
        "bracket_ev": maker.bracket_ev,
        "sequence_number": maker.sequence_number,
    }


def _exposure(photo: Values, maker: MakerNote) -> dict[str, Any]:
    time = _positive(photo.get(0x829A), 1e6) or _apex(photo.get(0x9201), lambda value: 2.0**-value)
    flash = photo.get(0x9209)
    sensitivities = (photo.get(tag) for tag in (0x8827, 0x8833, 0x8832, 0x8831))
    return {
        "shutter_speed": None if time is None else shutter_speed(time),
        "exposure_time_s": time,
        "aperture": _positive(photo.get(0x829D), 1_000) or _apex(photo.get(0x9202), lambda value: 2.0 ** (value / 2)),
        "iso": next((iso for value in (*sensitivities, maker.iso) if (iso := _iso(value))), None),
        "exposure_bias_ev": _within(photo.get(0x9204), 20),
        "flash_fired": bool(flash & 1) if isinstance(flash, int) else None,
    }


def shutter_speed(time: float) -> str:
    """An exposure time in seconds as photographers write it: ``1/250``, ``0.4``, ``2.5``, ``30``."""
    return f"1/{round(1 / time)}" if time < 0.25001 else f"{time:.1f}".removesuffix(".0")


def _apex(value: Value, meaning: Callable[[float], float]) -> float | None:
    """What a value in APEX units stands for."""
    exponent = _within(value, 30)
    return None if exponent is None or exponent == 0 else meaning(exponent)


def _iso(value: Value) -> int | None:
    first = _numbers(value)[:1]
    number = _positive(first[0] if first else None, 10_000_000)
    return None if number is None or number == _ISO_BEYOND else round(number) or None


def _place(gps: Values) -> dict[str, Any]:
    latitude, longitude = _degrees(gps.get(2), gps.get(1), "S", 90), _degrees(gps.get(4), gps.get(3), "W", 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    altitude = _within(gps.get(6), 100_000)
    below = gps.get(5) in (1, b"\1")
    return {
        "gps_latitude": latitude,
        "gps_longitude": longitude,
        "gps_altitude_m": -altitude if altitude is not None and below else altitude,
    }


def _degrees(parts: Value, reference: Value, negative: str, most: int) -> float | None:
    numbers = _numbers(parts)
    if not numbers or numbers[0] is None:
        return None
    degrees = sum((part or 0.0) / 60**index for index, part in enumerate(numbers[:3]))
    if isinstance(reference, str) and reference.upper().startswith(negative):
        degrees = -degrees
    return round(degrees, 9) if abs(degrees) <= most else None


def _time(blocks: Blocks, properties: dict[str, Any], records: dict[str, Any]) -> dict[str, Any]:
    photo, image = blocks.exif.photo, blocks.exif.image
    anywhere = photo.get(0x9010)
    original, digitized = photo.get(0x9011) or anywhere, photo.get(0x9012) or anywhere
    iptc_time = f"{records.get('DateCreated', '')} {records.get('TimeCreated', '')}"
    said = capture_time.first(
        (
            (Source.EXIF_ORIGINAL, photo.get(0x9003), photo.get(0x9291), original),
            (Source.EXIF_DIGITIZED, photo.get(0x9004), photo.get(0x9292), digitized),
            (Source.XMP, properties.get("exif:DateTimeOriginal"), None, properties.get("exif:OffsetTimeOriginal")),
            (Source.XMP, properties.get("photoshop:DateCreated"), None, None),
            (Source.XMP, properties.get("xmp:CreateDate"), None, None),
            (Source.IPTC, iptc_time, None, None),
            (Source.EXIF_MODIFIED, image.get(0x0132), photo.get(0x9290), anywhere),
        )
    )
    gps = capture_time.satellite(blocks.exif.gps.get(0x1D), _numbers(blocks.exif.gps.get(7)))
    sub_seconds = text(photo.get(0x9291))
    offset = text(original)
    return {
        "captured": replace(said, container=blocks.created, gps=gps),
        "sub_seconds": sub_seconds if sub_seconds and sub_seconds.isdigit() else None,
        "offset_time": offset if capture_time.offset_minutes(offset) is not None else None,
    }


def _size(blocks: Blocks) -> dict[str, Any]:
    """The size in the file's own header; else the largest that the tags state, as previews are smaller."""
    width, height = blocks.exif.photo.get(0xA002), blocks.exif.photo.get(0xA003)
    stated = [(width, height)] if isinstance(width, int) and isinstance(height, int) else []
    sizes = [blocks.size] if blocks.size else blocks.exif.sizes + stated
    largest = max((size for size in sizes if min(size) > 0), key=math.prod, default=None)
    return {} if largest is None else {"width": largest[0], "height": largest[1]}


def text(value: Value) -> str | None:
    """Text that names something; None for blanks and for rows of dashes."""
    stripped = value.strip("\0 \t\r\n") if isinstance(value, str) else ""
    return stripped if any(one.isalnum() for one in stripped) else None


def _numbers(value: Value) -> tuple[float | None, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, int | float) else ()


def _within(value: Value, most: float) -> float | None:
    """A number no further from zero than ``most``; NaN is none."""
    return float(value) if isinstance(value, int | float) and abs(value) <= most else None


def _positive(value: Value, most: float) -> float | None:
    number = _within(value, most)
    return number if number is not None and number > 0 else None
