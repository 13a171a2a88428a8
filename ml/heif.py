"""HEIC through libheif (pillow-heif): the wheel of libvips has no HEVC decoder."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyvips

from ml import extents
from ml.formats import Format
from ml.jpeg import Buffer
from ml.refusals import Reason, Refused, check_size

NOT_MAIN: Final = "no main picture: the first that opens"

#: How HEIF names a picture that libde265 decodes, and where it does.
_HEVC, _HEAD = b"hvc1", 1 << 20
_INTERPRETATIONS: Final = {
    ("uchar", True): "srgb",
    ("uchar", False): "b-w",
    ("ushort", True): "rgb16",
    ("ushort", False): "grey16",
}


def load(data: Buffer) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The main picture, not reduced, in the colours of its profile, and what was odd. Raises Refused, ValueError.

    libheif has turned and mirrored it as the container says; the EXIF orientation only repeats that.
    """
    if _HEVC not in data[:_HEAD]:
        raise Refused(Reason.FORMAT_UNSUPPORTED, "The pictures in this HEIF file are not coded with HEVC.")
    import pillow_heif  # it brings Pillow along: 30 MB, which few children need

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    main = bool(len(heif)) and heif.info["primary"]
    if not len(heif) or (not main and extents.claimed(data, Format.HEIC) > len(data)):
        raise ValueError("libheif does not open the main picture")  # it leaves out what it cannot read
    check_size(*heif.size)
    image = pyvips.Image.new_from_array(np.asarray(heif))
    image = image.copy(interpretation=_INTERPRETATIONS[image.format, image.bands > 2])
    if profile := heif.info.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image, () if main else (NOT_MAIN,)
