#!/usr/bin/env python3
"""Compare how we read the metadata of a folder of photos with how exiftool reads it.

    tools/compare_metadata.py FOLDER... [--json]

Prints the agreement of each typed field and every disagreement. A field is compared where either side states a value.
What counts as the same: numbers within half a percent (exiftool rounds), texts without surrounding blanks, lists in
their order. Where exiftool lists a value under several names, the order in which ours looks is the order here.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))

from ml import metadata
from ml.formats import HEAD_BYTES, Format, sniff
from ml.metadata import Metadata

#: What exiftool says of a file: numbers by "Group:Tag", and under "words" the same as it prints them for people.
Said: TypeAlias = Mapping[str, Any]

_MAKERS = "Canon|Nikon|Olympus|FujiFilm|Panasonic|Sony|Pentax|Casio|Minolta|Sigma|Apple|Samsung|CanonRaw"
_DRIVE = "DriveMode|ContinuousDrive|ReleaseMode|BurstMode|ShootingMode|AutoBracketing|BracketMode|SelfTimer|SpecialMode"


def first(said: Said, *names: str) -> Any:
    """The value of the first name that has one; a name is a regular expression of the whole "Group:Tag"."""
    for name in names:
        for key, value in said.items():
            if re.fullmatch(name, key) and value not in ("", None, "-", "undef", "0"):
                return value
    return None


def text(value: object) -> str | None:
    """Text that names something. exiftool turns texts that look like numbers into numbers."""
    stripped = str(value).strip() if value is not None else ""
    return stripped if any(one.isalnum() for one in stripped) else None


def number(value: object, most: float = math.inf, *, zero: bool = False) -> float | None:
    try:
        found = float(str(value).split()[-1])
    except (ValueError, IndexError):
        return None
    return found if (zero or found > 0) and abs(found) <= most else None


def joined(value: object) -> str | None:
    return text(", ".join(str(one) for one in value) if isinstance(value, list) else value)


def moment(said: Said) -> str | None:
    """The digits of the wall time, to the second."""
    iptc = f"{said.get('IPTC:DateCreated', '')} {said.get('IPTC:TimeCreated', '')}"
    exif = [
        said.get(f"{group}:{tag}")
        for tag in ("DateTimeOriginal", "CreateDate")
        for group in ("ExifIFD", "IFD0", "CanonRaw")
    ]
    xmp = [said.get(f"XMP-{name}") for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")]
    for value in (*exif, *xmp, iptc, said.get("IFD0:ModifyDate")):
        digits = re.sub(r"\D", "", re.sub(r"[+-]\d\d:?\d\d$|\.\d+.*$", "", str(value or "").replace(" ", "0", 0)))
        if len(digits) >= 8 and not digits.startswith(("0000", "1904")):
            return digits[:14].ljust(14, "0")
    return None


def offset(said: Said) -> str | None:
    found = first(said, "ExifIFD:OffsetTimeOriginal", "ExifIFD:OffsetTime")
    return text(found) if re.fullmatch(r"[+-]\d\d:\d\d|Z", str(found)) else None


def drive(said: Said) -> str | None:
    """The drive mode in our words, from exiftool's words."""
    words = [
        str(value).lower()
        for key, value in said["words"].items()
        if re.fullmatch(f"({_MAKERS}):({_DRIVE})", key) and not re.search("AutoBracketing|Panasonic:Shooting", key)
    ]
    bracketing = [word for word in words if "bracket" in word]
    named = {
        "bracket": bracketing + [w for k, w in said["words"].items() if "AutoBracketing" in k and w == "On"],
        "self_timer": [w for w in words if "self-timer" in w or re.fullmatch(r"[\d.]+ s\b.*", w)],
        "panorama": [w for w in words if w.startswith("panorama")],
        "continuous": [w for w in words if re.search(r"continuous|burst|\bfast\b|^on$|unlimited", w)],
        "single": [w for w in words if re.search(r"single|normal|^off\b|shutter button", w)],
    }
    if said.get("ExifIFD:ExposureMode") == 2:
        return "bracket"
    if "Apple:BurstUUID" in said:
        return "continuous"
    return next((mode for mode, found in named.items() if found), None)


def lens(said: Said) -> str | None:
    """A name where there is one; else what the lens can do."""
    named = first(said, "ExifIFD:LensModel", "XMP-exifEX:LensModel", "XMP-aux:Lens", f"({_MAKERS}):LensModel")
    named = named or said["words"].get("Panasonic:LensType")
    words = said["words"]
    able = first(words, "Nikon:Lens", "ExifIFD:LensInfo", "IFD0:DNGLensInfo")
    if able is None and number(said.get("Canon:LensType"), 0xFFFE):  # of a body that takes lenses
        able = re.sub(r"\.0| ", "", str(words.get("Composite:Lens", "")))
    return text(named) or text(able)


def serial(said: Said) -> str | None:
    """Without what Nikon writes before it, and what other makers write behind it."""
    found = first(
        said, "ExifIFD:SerialNumber", "XMP-exifEX:SerialNumber", "XMP-aux:SerialNumber", "IFD0:CameraSerialNumber"
    )
    own = first(said, f"({_MAKERS}):SerialNumber", "(FujiFilm|Panasonic):InternalSerialNumber")
    return text(re.sub(r"^NO= ?|\^+$", "", str(found or own or "")))


def place(said: Said) -> tuple[float, float] | None:
    latitude = first(said, "Composite:GPSLatitude", "XMP-exif:GPSLatitude")
    longitude = first(said, "Composite:GPSLongitude", "XMP-exif:GPSLongitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def size(said: Said) -> str | None:
    width, height = first(said, "ExifIFD:ExifImageWidth"), first(said, "ExifIFD:ExifImageHeight")
    return text(said.get("Composite:ImageSize")) or (f"{width} {height}" if width and height else None)


def rating(said: Said) -> float | None:
    found = number(first(said, "XMP-xmp:Rating", "IFD0:Rating"), 5, zero=True)
    return None if found is None else max(-1, math.floor(found))


def sensitivity(said: Said) -> float | None:
    names = (
        "(ExifIFD|IFD0):ISO",
        "XMP-exif:ISO",
        "ExifIFD:ISOSpeed",
        "ExifIFD:RecommendedExposureIndex",
        f"({_MAKERS}):ISO",
    )
    found = (number(first(said, name), 1e7) for name in (*names, "Composite:ISO"))
    return next((value for value in found if value not in (None, 65535)), None)


def keywords(said: Said) -> list[str] | None:
    found = first(said, "XMP-dc:Subject", "IPTC:Keywords")
    listed = [str(one).strip() for one in (found if isinstance(found, list) else [found]) if one is not None]
    return list(dict.fromkeys(listed)) or None


#: Field -> what exiftool says it is, and what we say it is.
FIELDS: dict[str, tuple[Callable[[Said], Any], Callable[[Metadata], Any]]] = {
    "orientation": (
        lambda s: number(first(s, "IFD0:Orientation", "XMP-tiff:Orientation"), 8) or 1,
        lambda m: m.orientation,
    ),
    "captured": (moment, lambda m: m.captured.local and re.sub(r"\D", "", m.captured.local)[:14]),
    "sub_seconds": (lambda s: text(s["words"].get("ExifIFD:SubSecTimeOriginal")), lambda m: m.sub_seconds),
    "offset_time": (offset, lambda m: m.offset_time),
    "camera_make": (lambda s: text(first(s, "IFD0:Make", "CanonRaw:Make", "XMP-tiff:Make")), lambda m: m.camera_make),
    "camera_model": (
        lambda s: text(first(s, "IFD0:Model", "CanonRaw:Model", "XMP-tiff:Model")),
        lambda m: m.camera_model,
    ),
    "camera_serial": (serial, lambda m: m.camera_serial),
    "lens_make": (lambda s: text(first(s, "ExifIFD:LensMake", "XMP-exifEX:LensMake")), lambda m: m.lens_make),
    "lens_model": (lens, lambda m: m.lens_model),
    "focal_length_mm": (
        lambda s: number(first(s, "(ExifIFD|IFD0):FocalLength", "XMP-exif:FocalLength", "Canon:FocalLength")),
        lambda m: m.focal_length_mm,
    ),
    "focal_length_35mm": (
        lambda s: number(first(s, "(ExifIFD|XMP-exif):FocalLengthIn35mmFormat")),
        lambda m: m.focal_length_35mm,
    ),
    "exposure_time_s": (
        lambda s: number(first(s, "ExifIFD:ExposureTime", "Composite:ShutterSpeed"), 1e6),
        lambda m: m.exposure_time_s,
    ),
    "shutter_speed": (
        lambda s: text(first(s["words"], "ExifIFD:ExposureTime", "Composite:ShutterSpeed") or None),
        lambda m: m.shutter_speed,
    ),
    "aperture": (lambda s: number(first(s, "ExifIFD:FNumber", "Composite:Aperture"), 1000), lambda m: m.aperture),
    "iso": (sensitivity, lambda m: m.iso),
    "exposure_bias_ev": (
        lambda s: number(first(s, "(ExifIFD|XMP-exif):ExposureCompensation"), 20, zero=True),
        lambda m: m.exposure_bias_ev,
    ),
    "flash_fired": (
        lambda s: bool(s["ExifIFD:Flash"] & 1) if "ExifIFD:Flash" in s else s.get("XMP-exif:FlashFired"),
        lambda m: m.flash_fired,
    ),
    "drive_mode": (drive, lambda m: m.drive_mode and m.drive_mode.value),
    "gps": (place, lambda m: None if m.gps_latitude is None else (m.gps_latitude, m.gps_longitude)),
    "gps_altitude_m": (
        lambda s: number(first(s, "Composite:GPSAltitude", "GPS:GPSAltitude", "XMP-exif:GPSAltitude"), 1e5, zero=True),
        lambda m: m.gps_altitude_m,
    ),
    "title": (
        lambda s: joined(first(s, "XMP-dc:Title", "XMP-dc:Title-.*", "IPTC:ObjectName", "IFD0:XPTitle")),
        lambda m: m.title,
    ),
    "description": (
        lambda s: joined(
            first(
                s,
                "XMP-dc:Description",
                "XMP-dc:Description-.*",
                "IPTC:Caption-Abstract",
                "IFD0:ImageDescription",
                "IFD0:XPComment",
            )
        ),
        lambda m: m.description,
    ),
    "creator": (
        lambda s: joined(first(s, "XMP-dc:Creator", "IPTC:By-line", "IFD0:Artist", "IFD0:XPAuthor")),
        lambda m: m.creator,
    ),
    "copyright": (
        lambda s: joined(first(s, "XMP-dc:Rights", "IPTC:CopyrightNotice", "IFD0:Copyright")),
        lambda m: m.copyright,
    ),
    "keywords": (keywords, lambda m: m.keywords or None),
    "rating": (rating, lambda m: m.rating),
    "label": (lambda s: text(s.get("XMP-xmp:Label")), lambda m: m.label),
    "size": (size, lambda m: m.width and f"{m.width} {m.height}"),
}


@dataclass(slots=True)
class Tally:
    """Agreements and comparisons by field, and each disagreement: file, field, exiftool's value, ours."""

    files: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    def add(self, name: str, said: Said, ours: Metadata) -> None:
        self.files += 1
        for key, (theirs_of, ours_of) in FIELDS.items():
            theirs, mine = theirs_of(said), ours_of(ours)
            if theirs is None and mine is None:
                continue
            self.compared[key] += 1
            if same(theirs, mine):
                self.agreed[key] += 1
            else:
                self.differing.append((name, key, theirs, mine))


def same(theirs: Any, mine: Any) -> bool:
    if isinstance(theirs, tuple) and isinstance(mine, tuple):
        return all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(theirs, mine, strict=True))
    if isinstance(theirs, bool) or isinstance(mine, bool) or theirs is None or mine is None:
        return theirs is mine
    if isinstance(theirs, int | float) and isinstance(mine, int | float):
        return math.isclose(theirs, mine, rel_tol=0.005, abs_tol=0.005)
    return bool(theirs == mine)


def exiftool(paths: list[Path], *options: str) -> dict[str, dict[str, Any]]:
    """What exiftool says of each file, by path."""
    command = ["exiftool", "-j", "-G1", *options, "-@", "-"]
    done = subprocess.run(command, input="\n".join(map(str, paths)), capture_output=True, text=True)
    return {one["SourceFile"]: one for one in json.loads(done.stdout or "[]")}


def photos(folders: list[str]) -> Iterator[tuple[Path, Format]]:
    """The files below the folders that are photos, with their formats."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    found = sniff(file.read(HEAD_BYTES), path.name)
                if found is not None:
                    yield path, found


def compared(folders: list[str]) -> Tally:
    found = dict(photos(folders))
    numbers, words = exiftool(list(found), "-n"), exiftool(list(found))
    tally = Tally()
    for path, format in found.items():
        said = {**numbers.get(str(path), {}), "words": words.get(str(path), {})}
        tally.add(str(path), said, metadata.read(path, format))
    return tally


def main() -> None:
    folders = [one for one in sys.argv[1:] if one != "--json"]
    if not folders:
        sys.exit(__doc__)
    tally = compared(folders)
    share = sum(tally.agreed.values()) / max(sum(tally.compared.values()), 1)
    if "--json" in sys.argv:
        fields = {key: [tally.agreed[key], tally.compared[key]] for key in FIELDS}
        print(json.dumps({"files": tally.files, "agreement": share, "fields": fields, "differing": tally.differing}))
        return
    for key in FIELDS:
        print(f"{key:20} {tally.agreed[key]:5} of {tally.compared[key]:5}")
    for name, key, theirs, mine in tally.differing:
        print(f"{name}: {key}: exiftool {theirs!r}, here {mine!r}")
    print(f"{tally.files} files: {sum(tally.agreed.values())} of {sum(tally.compared.values())} agree, {share:.2%}")


if __name__ == "__main__":
    main()
