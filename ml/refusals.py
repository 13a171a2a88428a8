"""Why a file gives no picture, and the sizes that are refused before any pixel is decoded."""

from __future__ import annotations

from enum import StrEnum

#: Pixels, and samples a side, that are decoded at most.
MAX_PIXELS, MAX_SIDE = 300_000_000, 65_535


class Reason(StrEnum):
    """Why a file gives no picture."""

    NOT_AN_IMAGE = "not_an_image"
    FORMAT_UNSUPPORTED = "format_unsupported"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    CORRUPT = "corrupt"
    NO_PREVIEW = "no_preview"
    CHECKSUM_MISMATCH = "checksum_mismatch"


class Refused(Exception):
    """There is no picture in it for us. ``byte_offset`` is where the file stops making sense, where that is known."""

    def __init__(self, code: Reason, message: str, byte_offset: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.byte_offset = byte_offset


def check_size(width: int, height: int) -> None:
    """Raises Refused for more than ``MAX_PIXELS`` or a side beyond ``MAX_SIDE``."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Refused(
            Reason.TOO_LARGE,
            f"The picture has {width:,} × {height:,} pixels; at most {MAX_PIXELS // 1_000_000} megapixels and "
            f"{MAX_SIDE:,} a side are decoded.",
        )
