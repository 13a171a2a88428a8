"""Names of files as cameras and people give them: cleaned, and taken apart."""

from __future__ import annotations

import re
from typing import Final

from kilo_gql.errors import BadRequest
from kilo_gql.text import one_line

FILENAME_MAX: Final = 255

_FOLDERS: Final = re.compile(r"[/\\]")
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
#: A sidecar may carry the extension of its photo before its own: "IMG_1.CR2.xmp".
_SIDECAR: Final = "xmp"
_PHOTOS: Final = frozenset(
    (
        *("jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "heic", "heif", "hif", "avif", "gif"),
        *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "orf", "rw2", "raw", "pef", "srw"),
        *("3fr", "fff", "iiq", "rwl", "dcr", "kdc", "mrw", "x3f", "erf", "mef", "mos", "gpr"),
    )
)


def file_name(value: str) -> str:
    """The name without the folders before it. Raises BadRequest ``bad_filename``."""
    try:
        return one_line(_FOLDERS.split(value)[-1], field="filename", limit=FILENAME_MAX)
    except BadRequest as error:
        raise BadRequest(
            f"A file name has 1 to {FILENAME_MAX} characters on one line.",
            code="bad_filename",
            details=error.details,
            remediation=["Rename the file and send it again."],
        ) from None


def stem_of(name: str) -> str:
    """What the files of one exposure have in common: the name in lower case without extension, or extensions."""
    stem, extension = _split(name.lower())
    if extension == _SIDECAR and (inner := _split(stem))[1] in _PHOTOS:
        return inner[0]
    return stem


def sidecar_name(name: str) -> str:
    """Of a sidecar its name in lower case, "" of all else.

    Two sidecars that say the same are of two photos if they are named after two; photos of the same bytes are one.
    """
    lowered = _FOLDERS.split(name.lower())[-1].strip()
    return lowered if _split(lowered)[1] == _SIDECAR else ""


def extension_of(name: str) -> str:
    """The extension in lower case, as object keys may carry it; "bin" for one that they may not."""
    extension = _split(name.lower())[1]
    return extension if _EXTENSION.fullmatch(extension) else "bin"


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if stem and dot else (name, "")
