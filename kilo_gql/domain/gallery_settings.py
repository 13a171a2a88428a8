"""What can be set on a gallery, and what has to hold between the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Final
from uuid import UUID

from kilo_gql.domain.watermarks import MarkKind, Watermark, as_settings, version_of, watermark_of
from kilo_gql.errors import BadRequest
from kilo_gql.models import DownloadPolicy, Gallery
from kilo_gql.patch import UNSET, UnsetType
from kilo_gql.text import lines, one_line
from kilo_gql.tokens import hash_password

TITLE_MAX: Final = 200
MESSAGE_MAX: Final = 5_000
PASSWORD_MIN: Final = 4
PASSWORD_MAX: Final = 200
#: Columns that the pictures of a gallery are made by; there is no card of a gallery with a password.
DRAWN: Final = frozenset(("title", "watermark", "watermark_settings", "cover_asset_id", "password_hash"))


@dataclass(frozen=True, slots=True)
class GalleryChange:
    """What is to change; fields left unset stay as they are.

    ``password`` and ``expires_at``: None takes them away. ``watermark_settings`` is the mark as a whole.
    ``allow_downloads`` is the short word for ``downloads``: true keeps what is allowed, and is WEB where nothing is.
    """

    title: str | UnsetType = UNSET
    message: str | None | UnsetType = UNSET
    password: str | None | UnsetType = UNSET
    expires_at: datetime | None | UnsetType = UNSET
    watermark: bool | UnsetType = UNSET
    watermark_settings: Watermark | UnsetType = UNSET
    downloads: DownloadPolicy | UnsetType = UNSET
    allow_downloads: bool | UnsetType = UNSET
    comments_allowed: bool | UnsetType = UNSET
    favorites_allowed: bool | UnsetType = UNSET
    filenames_shown: bool | UnsetType = UNSET
    cover_asset_id: UUID | None | UnsetType = UNSET


async def columns_of(gallery: Gallery, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Columns for what is wanted of a gallery, each checked by itself. Raises BadRequest.

    ``wanted``: fields of a ``GalleryChange``. Hashing a password takes some 40 ms in a thread.
    """
    values = {name: _CHECKS.get(name, _same)(value) for name, value in wanted.items()}
    values |= _downloads(gallery, values.pop("allow_downloads", None), values.get("downloads"))
    if "password" in values:
        password = values.pop("password")
        values["password_hash"] = None if password is None else await hash_password(password)
    return values


def check_together(gallery: Gallery) -> None:
    """What must hold of a gallery as it is to be.

    Raises BadRequest ``watermark_forbids_original``, or ``bad_watermark`` for a picture that is not there.
    """
    if gallery.watermark and gallery.downloads is DownloadPolicy.ORIGINAL:
        raise BadRequest(
            "Originals carry no mark, so a marked gallery does not hand them out.",
            code="watermark_forbids_original",
            details={"field": "downloads"},
            remediation=["Allow downloads up to `full`, or take the mark away."],
        )
    if watermark_of(gallery.watermark_settings).kind is MarkKind.IMAGE and gallery.watermark_key is None:
        raise BadRequest(
            "This gallery has no picture for a mark yet.",
            code="bad_watermark",
            details={"field": "watermarkSettings.kind"},
            remediation=["Send the picture with `setGalleryWatermarkImage` first."],
        )


def mark_version(gallery: Gallery) -> str:
    """The version of the gallery's mark as it is now."""
    return version_of(watermark_of(gallery.watermark_settings), gallery.watermark_key)


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says of changed columns: no hash, no mark, only that they changed."""
    shown = {_WORDS[name]: value for name, value in values.items() if name in _WORDS}
    if "password_hash" in values:
        shown["requiresPassword"] = values["password_hash"] is not None
    if "watermark_settings" in values:
        shown["watermarkSettings"] = True
    return shown


_WORDS: Final = {
    "title": "title",
    "message": "message",
    "expires_at": "expiresAt",
    "watermark": "watermark",
    "downloads": "downloads",
    "comments_allowed": "commentsAllowed",
    "favorites_allowed": "favoritesAllowed",
    "filenames_shown": "filenamesShown",
    "cover_asset_id": "coverAssetId",
}


def _downloads(gallery: Gallery, allowed: bool | None, policy: DownloadPolicy | None) -> dict[str, DownloadPolicy]:
    if allowed is None:
        return {}
    present = gallery.downloads if policy is None else policy
    if allowed is (present is not DownloadPolicy.NONE):
        return {"downloads": present}
    if policy is not None:
        raise BadRequest("allowDownloads and downloads contradict each other.", details={"field": "downloads"})
    return {"downloads": DownloadPolicy.WEB if allowed else DownloadPolicy.NONE}


def _title(value: str) -> str:
    return one_line(value, field="title", limit=TITLE_MAX)


def _message(value: str | None) -> str | None:
    return value if value is None else lines(value, field="message", limit=MESSAGE_MAX)


def _password(value: str | None) -> str | None:
    """As it was typed: what people choose is not tidied."""
    if value is not None and len(lines(value, field="password", limit=PASSWORD_MAX)) < PASSWORD_MIN:
        raise BadRequest(
            f"A gallery's password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.", details={"field": "password"}
        )
    return value


def _moment(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise BadRequest("Say in which time zone this is.", details={"field": "expiresAt"})
    if value is not None and not MINYEAR < value.year < MAXYEAR:
        raise BadRequest("This moment is none in every time zone.", details={"field": "expiresAt"})
    return value


def _mark(value: Watermark) -> dict[str, Any]:
    return as_settings(value.checked())


def _same(value: Any) -> Any:
    return value


_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    "title": _title,
    "message": _message,
    "password": _password,
    "expires_at": _moment,
    "watermark_settings": _mark,
}
