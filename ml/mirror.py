"""XMP's mirror of Exif: technical values that a program wrote into a packet, as the Exif values they stand for.

Source: CIPA DC-010 (Exif metadata for XMP) and XMP part 2. Exports and sidecars often carry nothing but this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ml.exif import Exif, Values
from ml.tiff import Value

_IMAGE: Final = {"tiff:Make": 0x010F, "tiff:Model": 0x0110, "tiff:Orientation": 0x0112}
_PHOTO: Final = {
    "exif:PixelXDimension": 0xA002,
    "exif:PixelYDimension": 0xA003,
    "exif:ExposureTime": 0x829A,
    "exif:FNumber": 0x829D,
    "exif:ShutterSpeedValue": 0x9201,
    "exif:ApertureValue": 0x9202,
    "exif:ExposureBiasValue": 0x9204,
    "exif:FocalLength": 0x920A,
    "exif:FocalLengthIn35mmFilm": 0xA405,
    "exif:ISOSpeedRatings": 0x8827,
    "exifEX:PhotographicSensitivity": 0x8827,
    "exifEX:BodySerialNumber": 0xA431,
    "aux:SerialNumber": 0xA431,
    "exifEX:LensMake": 0xA433,
    "exifEX:LensModel": 0xA434,
    "aux:Lens": 0xA434,
}
_TEXT: Final = frozenset({0x010F, 0x0110, 0xA431, 0xA433, 0xA434})
_RATIONAL: Final = re.compile(r"\s*(-?\d{1,12})(?:/(\d{1,12})|(\.\d{1,12}))?\s*")
_COORDINATE: Final = re.compile(r"\s*(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?\s*([NSEW])\s*")


def exif_of(xmp: Mapping[str, Any]) -> Exif:
    """The Exif values that the properties of a packet mirror."""
    found = Exif(_values(xmp, _IMAGE), _values(xmp, _PHOTO) | _flash(xmp), _gps(xmp))
    size = [number(str(xmp.get(name))) for name in ("tiff:ImageWidth", "tiff:ImageLength")]
    if isinstance(size[0], int) and isinstance(size[1], int):
        found.sizes.append((size[0], size[1]))
    return found


def _values(xmp: Mapping[str, Any], tags: Mapping[str, int]) -> Values:
    found: Values = {}
    for name, tag in tags.items():
        value = xmp.get(name)
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, str) and text and tag not in found:
            found[tag] = text if tag in _TEXT else number(text)
    return found


def number(text: str) -> Value:
    """``28/10``, ``2.8`` or ``400`` as a number; None for anything else, and over zero."""
    found = _RATIONAL.fullmatch(text)
    if found is None:
        return None
    above, below, fraction = found.groups()
    if below is not None:
        return int(above) / int(below) if int(below) else None
    return float(above + fraction) if fraction else int(above)


def _flash(xmp: Mapping[str, Any]) -> Values:
    flash = xmp.get("exif:Flash")
    fired = flash.get("exif:Fired") if isinstance(flash, dict) else None
    return {0x9209: int(fired.lower() == "true")} if isinstance(fired, str) and fired else {}


def _gps(xmp: Mapping[str, Any]) -> Values:
    found: Values = {}
    for name, ref_tag, tag in (("exif:GPSLatitude", 1, 2), ("exif:GPSLongitude", 3, 4)):
        text = xmp.get(name)
        if isinstance(text, str) and (parts := _COORDINATE.fullmatch(text)):
            degrees, minutes, seconds, reference = parts.groups()
            found[ref_tag], found[tag] = reference, (int(degrees), float(minutes), float(seconds or 0))
    altitude = xmp.get("exif:GPSAltitude")
    if isinstance(altitude, str):
        found[6], found[5] = number(altitude), number(str(xmp.get("exif:GPSAltitudeRef", "0")))
    return found
