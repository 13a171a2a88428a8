"""Colour: whatever a file was written in becomes 8-bit sRGB without alpha, or another space that is asked for."""

from __future__ import annotations

import struct
from typing import Final

import pyvips

from ml import profiles
from ml.profiles import Space

_PROFILE: Final = "icc-profile-data"
#: EXIF 2.32 as libvips names it. "R03" is a camera set to Adobe RGB, which embeds no profile.
_INTEROPERABILITY, _COLOR_SPACE = "exif-ifd4-InteroperabilityIndex", "exif-ifd2-ColorSpace"
#: Colorants of sRGB (IEC 61966-2-1), adapted to D50 as profiles hold them.
_SRGB: Final = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
_NEAR: Final = 0.003

NO_PROFILE: Final = "uncalibrated, without a colour profile: taken as sRGB"
NO_CMYK_PROFILE: Final = "CMYK without a profile: converted with a generic press profile"
ADOBE_RGB_BY_EXIF: Final = "no colour profile: EXIF says Adobe RGB"
BAD_PROFILE: Final = "unusable colour profile: ignored"


def to_srgb(image: pyvips.Image) -> tuple[pyvips.Image, list[str]]:
    """The image as three bands of 8 bits in sRGB over white, and what had to be guessed."""
    return to_space(image, None, 8)


def to_space(image: pyvips.Image, profile_path: str | None, bits: int) -> tuple[pyvips.Image, list[str]]:
    """As ``to_srgb``, in the RGB space of an ICC profile (None: sRGB), with 8 or 16 ``bits``. Relative colorimetric."""
    notes: list[str] = []
    profile = _profile(image)
    if profile is not None and not is_srgb(profile):
        converted = _converted(image, profile_path or "srgb", bits)
        if converted is not None:
            return _opaque(converted), notes
        notes.append(BAD_PROFILE)
        image = _without_profile(image)
    elif image.interpretation == "cmyk":
        notes.append(NO_CMYK_PROFILE)
    elif is_adobe_rgb_by_exif(image):
        notes.append(ADOBE_RGB_BY_EXIF)
        tagged = image.copy()
        tagged.set_type(pyvips.GValue.blob_type, _PROFILE, profiles.icc(Space.ADOBE_RGB))
        transformed = tagged.icc_transform(profile_path or "srgb", embedded=True, intent="relative", depth=bits)
        return _opaque(transformed), notes
    elif profile is None and _exif(image, _COLOR_SPACE).startswith("65535"):
        notes.append(NO_PROFILE)
    plain = image.colourspace("srgb" if bits == 8 else "rgb16")
    if profile_path is not None:
        plain = _without_profile(plain)
        plain = plain.icc_transform(profile_path, input_profile="srgb", intent="relative", depth=bits)
    return _opaque(plain), notes


def is_adobe_rgb_by_exif(image: pyvips.Image) -> bool:
    """Whether a camera was set to Adobe RGB, which it says in EXIF alone."""
    return not image.get_typeof(_PROFILE) and _exif(image, _INTEROPERABILITY).startswith("R03")


def is_srgb(profile: bytes) -> bool:
    """Whether a profile describes sRGB, by its description and colorants: then there is nothing to convert."""
    tags = _tags(profile)
    description = tags.get(b"desc", b"").replace(b"\x00", b"")
    colorants = [_xyz(tags.get(name, b"")) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return b"sRGB" in description and all(
        abs(a - b) < _NEAR for have, want in zip(colorants, _SRGB, strict=True) for a, b in zip(have, want, strict=True)
    )


def _profile(image: pyvips.Image) -> bytes | None:
    """The embedded profile, unless the pixels have left its colour space already."""
    if not image.get_typeof(_PROFILE):
        return None
    profile: bytes = image.get(_PROFILE)
    spaces = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4, b"Lab ": 3}
    bands = image.bands - image.hasalpha()
    return profile if spaces.get(profile[16:20]) == bands else None


def _converted(image: pyvips.Image, profile_path: str, bits: int) -> pyvips.Image | None:
    try:
        return image.icc_transform(profile_path, embedded=True, intent="relative", depth=bits)
    except pyvips.Error:
        return None


def _without_profile(image: pyvips.Image) -> pyvips.Image:
    plain = image.copy()
    if plain.get_typeof(_PROFILE):
        plain.remove(_PROFILE)
    return plain


def _exif(image: pyvips.Image, name: str) -> str:
    return str(image.get(name)) if image.get_typeof(name) else ""


def _opaque(image: pyvips.Image) -> pyvips.Image:
    white = 65_535 if image.format == "ushort" else 255
    return image.flatten(background=white, max_alpha=white) if image.hasalpha() else image


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(profile[128:132], "big"), 100)
    entries = (profile[132 + 12 * i : 144 + 12 * i] for i in range(count))
    found = (struct.unpack(">4sII", entry) for entry in entries if len(entry) == 12)
    return {name: profile[at : at + min(size, 4096)] for name, at, size in found}


def _xyz(block: bytes) -> tuple[float, float, float]:
    if len(block) < 20:
        return (0.0, 0.0, 0.0)
    x, y, z = struct.unpack(">3i", block[8:20])
    return (x / 65536, y / 65536, z / 65536)
