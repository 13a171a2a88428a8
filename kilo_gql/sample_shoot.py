"""The demo's own small shoot: what a photographer brings home from one evening, drawn by code.

On the card (``DCIM/100KILO``): landscapes, two bursts with sub-seconds, an exposure bracket, sharp and blurred frames,
RAW files as DNG (a Bayer mosaic of the scene, with and without an embedded preview) that pair with their JPEG, a
sidecar with a rating, and a file that broke off. From a telephone: pictures with places in other formats, and a web
page that calls itself a photo. Beside them lies what cards carry and nobody wants.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from kilo_gql import sample_scenes as scenes
from kilo_gql.sample_scenes import Linear
from kilo_gql.sample_tiff import Blob, Directory, Field, Kind, ascii_text, long, rational, short, srational, write

_ZONE: Final = timezone(timedelta(hours=2))
_EVENING: Final = datetime(2026, 6, 20, 19, 42, 7, tzinfo=_ZONE)
#: Degrees north and east, metres.
Place: TypeAlias = tuple[float, float, float]
_SHORE: Final[Place] = (47.5622, 11.3075, 801.0)

# DNG 1.4: a sensor whose colours are linear sRGB under D65, seen through filters of unequal strength
_XYZ_TO_SRGB: Final = np.array(((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560),
                                (0.0556434, -0.2040259, 1.0572252)))  # fmt: skip
_FILTERS: Final = np.array((0.52, 1.0, 0.64))
_BLACK, _WHITE, _D65 = 512, 16383, 21


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera writes about itself."""

    make: str
    model: str
    serial: str
    lens: str


_CAMERA: Final = Camera("KILO", "Sample One", "KS100042", "KILO 24-70mm F2.8")
_PHONE: Final = Camera("KILO", "Sample Phone", "KP700007", "KILO Phone back camera 26mm f/1.8")


@dataclass(frozen=True, slots=True)
class Shot:
    """One release of a shutter: the picture's name in the shoot, and what stands in its EXIF block.

    ``bias`` is in EV; ``orientation`` as TIFF has it: 1 upright, 6 and 8 lie on a side.
    """

    name: str
    at: datetime
    seconds: Fraction = Fraction(1, 250)
    aperture: float = 5.6
    iso: int = 200
    focal: int = 35
    bias: int = 0
    bracketed: bool = False
    orientation: int = 1
    place: Place | None = None
    camera: Camera = _CAMERA

    def exif(self, width: int, height: int) -> Directory:
        """The Exif directory of a picture of this size."""
        at = self.at
        date, fraction, zone = f"{at:%Y:%m:%d %H:%M:%S}", f"{at.microsecond // 1000:03}", f"{at:%z}"
        zone = f"{zone[:3]}:{zone[3:]}"
        return {
            0x829A: rational(self.seconds), 0x829D: rational(self.aperture), 0x8822: short(3), 0x8827: short(self.iso),
            0x9000: Field(Kind.UNDEFINED, b"0232"), 0x9003: ascii_text(date), 0x9004: ascii_text(date),
            0x9011: ascii_text(zone), 0x9101: Field(Kind.UNDEFINED, b"\x01\x02\x03\x00"),
            0x9204: srational(Fraction(self.bias)), 0x9291: ascii_text(fraction),
            0xA000: Field(Kind.UNDEFINED, b"0100"),
            0x9209: short(16), 0x920A: rational(Fraction(self.focal)), 0xA001: short(1), 0xA002: long(width),
            0xA003: long(height), 0xA402: short(2 if self.bracketed else 0), 0xA431: ascii_text(self.camera.serial),
            0xA434: ascii_text(self.camera.lens),
        }  # fmt: skip

    def directory(self, width: int, height: int) -> dict[int, Field | Blob | list[Directory]]:
        """The first directory of a picture of this size, with all that hangs below it."""
        main: dict[int, Field | Blob | list[Directory]] = {
            0x010F: ascii_text(self.camera.make), 0x0110: ascii_text(self.camera.model),
            0x0112: short(self.orientation), 0x011A: rational(Fraction(72)), 0x011B: rational(Fraction(72)),
            0x0128: short(2), 0x0131: ascii_text("KILO sample shoot"),
            0x0132: ascii_text(f"{self.at:%Y:%m:%d %H:%M:%S}"), 0x8769: [self.exif(width, height)],
        }  # fmt: skip
        if self.place is not None:
            main[0x8825] = [_gps(self.place)]
        return main


def _gps(place: Place) -> Directory:
    north, east, height = place
    return {
        0: Field(Kind.BYTE, b"\x02\x03\x00\x00"), 1: ascii_text("N"), 2: rational(*_sexagesimal(north)),
        3: ascii_text("E"), 4: rational(*_sexagesimal(east)), 5: Field(Kind.BYTE, b"\x00"), 6: rational(height),
    }  # fmt: skip


def _sexagesimal(degrees: float) -> tuple[Fraction, Fraction, Fraction]:
    hundredths = round(degrees * 360_000)
    return (
        Fraction(hundredths // 360_000),
        Fraction(hundredths // 6_000 % 60),
        Fraction(hundredths % 6_000, 100),
    )


# --- files ---------------------------------------------------------------------------------------------------------


def _developed(scene: Linear, shot: Shot) -> NDArray[np.uint8]:
    """What the camera makes of a scene: exposed, with the noise of its ISO, in sRGB (IEC 61966-2-1)."""
    noise = np.random.default_rng(len(shot.name) + shot.at.microsecond + shot.iso)
    light = scene * np.float32(2.0**shot.bias)
    grain = (
        noise.standard_normal(light.shape, np.float32)
        * np.sqrt(np.maximum(light, 0) + 0.002)
        * np.float32(shot.iso / 12_000)
    )
    light = np.clip(light + grain, 0, 1)
    encoded = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-4) ** np.float32(1 / 2.4) - 0.055
    )
    pixels = (encoded * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, {1: 0, 6: 1, 8: 3}[shot.orientation]))


def _picture(scene: Linear, shot: Shot, format: str) -> bytes:
    """A finished picture with its EXIF block, in a format that Pillow writes."""
    image = Image.fromarray(_developed(scene, shot))
    block = b"Exif\x00\x00" + write(shot.directory(*image.size))
    out = io.BytesIO()
    if format == "HEIF":
        pillow_heif.from_pillow(image).save(out, quality=70, exif=block)
    else:
        image.save(out, format, quality=88, exif=block)
    return out.getvalue()


def _negative(scene: Linear, shot: Shot, *, preview: bool) -> bytes:
    """A DNG: the mosaic a sensor behind red, green and blue filters would have seen, 14 bits, uncompressed.

    ``preview`` puts the camera's own JPEG beside it, as cameras do.
    """
    height, width = (side & ~1 for side in scene.shape[:2])
    light = np.clip(scene[:height, :width] * 2.0**shot.bias, 0, 1) * _FILTERS
    mosaic = np.empty((height, width))
    for (row, column), color in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = light[row::2, column::2, color]
    grain = np.random.default_rng(shot.iso).standard_normal(mosaic.shape) * np.sqrt(mosaic + 0.001) * 0.004
    levels = np.clip(_BLACK + (mosaic + grain) * (_WHITE - _BLACK), 0, _WHITE).astype("<u2").tobytes()
    sensor: Directory = {
        0x00FE: long(0), 0x0100: long(width), 0x0101: long(height), 0x0102: short(16), 0x0103: short(1),
        0x0106: short(32803), 0x0111: Blob(levels), 0x0115: short(1), 0x0116: long(height), 0x0117: long(len(levels)),
        0x011C: short(1), 0x828D: short(2, 2), 0x828E: Field(Kind.BYTE, b"\x00\x01\x01\x02"), 0xC61A: short(_BLACK),
        0xC61D: short(_WHITE),
    }  # fmt: skip
    matrix = [Fraction(round(value * 10_000), 10_000) for value in (_FILTERS[:, None] * _XYZ_TO_SRGB).ravel()]
    facts: dict[int, Field | Blob | list[Directory]] = {
        0xC612: Field(Kind.BYTE, b"\x01\x04\x00\x00"), 0xC613: Field(Kind.BYTE, b"\x01\x01\x00\x00"),
        0xC614: ascii_text(f"{shot.camera.make} {shot.camera.model}"), 0xC621: srational(*matrix),
        0xC628: rational(*(Fraction(str(value)) for value in _FILTERS)), 0xC62F: ascii_text(shot.camera.serial),
        0xC65A: short(_D65),
    }  # fmt: skip
    main = {**shot.directory(width, height), **facts}
    if not preview:
        return write({**main, **sensor})
    jpeg = io.BytesIO()
    Image.fromarray(_developed(scene[:height, :width], shot)).save(jpeg, "JPEG", quality=85)
    shown: Directory = {
        0x00FE: long(1), 0x0100: long(width), 0x0101: long(height), 0x0102: short(8, 8, 8), 0x0103: short(7),
        0x0106: short(6), 0x0111: Blob(jpeg.getvalue()), 0x0115: short(3), 0x0116: long(height),
        0x0117: long(len(jpeg.getvalue())),
    }  # fmt: skip
    return write({**main, **shown, 0x014A: [sensor]})


def _sidecar(rating: int, label: str, keywords: tuple[str, ...]) -> bytes:
    """An XMP sidecar as raw developers write it (ISO 16684-1)."""
    words = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="{rating}" xmp:Label="{label}">'
        f"<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>\n"
    ).encode()


# --- the shoot -----------------------------------------------------------------------------------------------------

#: Name in the shoot -> bytes.
_File: TypeAlias = tuple[str, bytes]
_Size: TypeAlias = tuple[int, int]


def _frame(number: int, suffix: str = "JPG") -> str:
    return f"DCIM/100KILO/KLO_{number:04}.{suffix}"


def _later(**passed: float) -> datetime:
    return _EVENING + timedelta(**passed)


def _landscapes(size: _Size) -> Iterator[_File]:
    for number in range(1, 5):
        shot = Shot(_frame(number), _later(minutes=number), iso=100, aperture=8, place=_SHORE)
        yield shot.name, _picture(scenes.lake(*size, seed=number, warmth=number / 5), shot, "JPEG")


#: Radius of the blur of each frame of the bird, for pictures 2,000 pixels wide.
_ASTRAY: Final = (5, 4, 3, 2, 0, 2, 3, 4)


def _bird(size: _Size) -> Iterator[_File]:
    """Eight frames in a second; the focus hunts, and finds the bird in the fifth."""
    background = scenes.lake(*size, seed=7, warmth=0.95)
    for index in range(8):
        shot = Shot(
            _frame(5 + index), _later(minutes=9, milliseconds=125 * index), Fraction(1, 1000), iso=400, focal=70
        )
        scene = scenes.with_bird(background, (0.15 + 0.09 * index, 0.3 - 0.01 * index), (-1.0) ** index * 0.7)
        astray = _ASTRAY[index] * size[0] // 2000
        yield shot.name, _picture(scenes.defocused(scene, astray) if astray else scene, shot, "JPEG")


def _bounce(size: _Size) -> Iterator[_File]:
    """Six frames, ten a second; the fourth was shaken."""
    for index in range(6):
        shot = Shot(_frame(13 + index), _later(minutes=21, milliseconds=100 * index), Fraction(1, 500), iso=400)
        scene = scenes.table(*size, ball=4 * (index / 5) * (1 - index / 5) * 2)
        yield shot.name, _picture(scenes.moved(scene, size[0] // 40) if index == 3 else scene, shot, "JPEG")


def _bracket(size: _Size) -> Iterator[_File]:
    """Five exposures, one EV apart, of what no single one can hold."""
    scene = scenes.street(*size, seed=3)
    for index, bias in enumerate(range(-2, 3)):
        seconds = Fraction(1, 30) * Fraction(2) ** bias
        shot = Shot(
            _frame(19 + index), _later(minutes=130, milliseconds=400 * index), seconds, bias=bias, bracketed=True
        )
        yield shot.name, _picture(scene, shot, "JPEG")


def _flowers(size: _Size) -> Iterator[_File]:
    """In focus and not, lying and standing."""
    scene, standing = scenes.meadow(*size, seed=4), scenes.meadow(size[1], size[0], seed=5)
    shot = Shot(_frame(24), _later(minutes=40), aperture=2.8, focal=70)
    yield shot.name, _picture(scene, shot, "JPEG")
    missed = replace(shot, name=_frame(25), at=_later(minutes=40, seconds=4))
    yield missed.name, _picture(scenes.defocused(scene, max(1, size[0] // 160)), missed, "JPEG")
    for number, orientation in ((26, 6), (27, 8)):
        turned = replace(shot, name=_frame(number), at=_later(minutes=number + 16), orientation=orientation)
        yield turned.name, _picture(standing, turned, "JPEG")


def _negatives(size: _Size) -> Iterator[_File]:
    """Two RAW+JPEG pairs, one with a sidecar; and a RAW alone, without a preview."""
    for number in (28, 29):
        scene = scenes.lake(*size, seed=number, warmth=0.6)
        shot = Shot(_frame(number, "DNG"), _later(minutes=30 + number), iso=100, place=_SHORE)
        yield shot.name, _negative(scene, shot, preview=True)
        yield _frame(number), _picture(scene, shot, "JPEG")
    yield _frame(29, "xmp"), _sidecar(4, "Green", ("lake", "evening"))
    shot = Shot(_frame(30, "DNG"), _later(minutes=63), iso=100)
    yield shot.name, _negative(scenes.meadow(*size, seed=30), shot, preview=False)


def _phone(size: _Size) -> Iterator[_File]:
    formats = (("HEIF", "HEIC"), ("JPEG", "JPG"), ("WEBP", "webp"), ("PNG", "png"))
    for index, (format, suffix) in enumerate(formats):
        scale = (size[0] * 4 // 5, size[1] * 4 // 5)
        place = (47.5630 + index / 1000, 11.3080, 803.0)
        name, at = f"phone/IMG_{4001 + index}.{suffix}", _later(minutes=12 * index, seconds=11)
        shot = Shot(name, at, Fraction(1, 120), 1.8, 64, 7, place=place, camera=_PHONE)
        yield name, _picture(scenes.lake(*scale, seed=50 + index, warmth=0.3 * index), shot, format)


def _mishaps(size: _Size) -> Iterator[_File]:
    """A file that broke off, a web page in the place of a photo, and what is no photo and does not say so."""
    shot = Shot(_frame(31), _later(minutes=75), place=_SHORE)
    whole = _picture(scenes.lake(*size, seed=31), shot, "JPEG")
    yield shot.name, whole[: len(whole) * 3 // 5]
    yield "phone/IMG_4005.JPG", b"<!doctype html><title>Sign in to continue</title><p>This network needs a password.\n"
    yield "phone/._IMG_4001.HEIC", b"\x00\x05\x16\x07"
    yield "phone/Thumbs.db", b"\xd0\xcf\x11\xe0"


_SERIES: Final[tuple[Callable[[_Size], Iterator[_File]], ...]] = (
    *(_bounce, _negatives, _landscapes, _bird, _bracket, _flowers, _phone, _mishaps),
)


def render(folder: Path, long_edge: int = 2000) -> list[Path]:
    """Draw the shoot into ``folder``; returns its files by name. The same size gives the same pictures.

    ``long_edge`` is in pixels, of the camera's pictures; 2000 makes about 40 MB in some seconds on two cores.
    """
    size = (long_edge & ~1, long_edge * 2 // 3 & ~1)
    with ThreadPoolExecutor(2) as pool:
        return sorted(path for paths in pool.map(partial(_draw, folder, size), _SERIES) for path in paths)


def _draw(folder: Path, size: _Size, series: Callable[[_Size], Iterator[_File]]) -> list[Path]:
    paths = []
    for name, data in series(size):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        paths.append(path)
    return paths
