"""Where the files of a photo are found: addresses that stay, and what stands behind them.

A file's *stable* address names its content, so whoever has it may keep what it answered for ever; asking it is allowed
by a session, a token or a *grant*, and every request is checked against the membership as it is then. A *signed*
address needs no proof beside itself, and is good for an hour.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, String, Uuid, bindparam, case, cast, func, or_, select

from kilo_gql.access import Perm, TokenActor
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_pins import PIN
from kilo_gql.errors import Gone, Unauthorized, not_found
from kilo_gql.models import Asset, AssetFile, AssetStatus, FileKind
from kilo_gql.operations import operation
from kilo_gql.reads import Read

#: Hexadecimal digits of a file's SHA-256 in its address: 64 bits tell the versions of one rendition apart.
HASH_DIGITS: Final = 16
#: How long a signed address is good for.
SIGNED_FOR: Final = timedelta(hours=1)

#: What a photo looks like; the trash shows these, and nothing else.
RENDITIONS: Final = (FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO, FileKind.FULL, FileKind.CROP)
#: The kinds that the list of an asset's files names.
LISTED: Final = (FileKind.ORIGINAL, FileKind.THUMBNAIL, FileKind.PREVIEW, FileKind.EXPORT)
#: Files that the list of an asset's files names at most: exports may be many.
LISTED_MAX: Final = 50
#: Served: everything but photos that are not whole, or whose bytes nobody shall open.
_SERVED: Final = (AssetStatus.PROCESSING, AssetStatus.READY)

_GRANT: Final = struct.Struct(">16s16sI")
_GRANT_KEY: Final = "media grants"
_DAY: Final = timedelta(days=1)


def media_url(base_url: str, asset_id: UUID, kind: FileKind, sha256: str) -> str:
    """The address of a file for as long as it exists: other bytes would have another one.

    ``sha256`` is the hexadecimal digest of the file, or at least its first 16 digits.
    """
    return f"{base_url}/media/{asset_id}/{kind.value}-{sha256[:HASH_DIGITS]}"


# --- stable addresses ----------------------------------------------------------------------------------------------

_FOUND: Final = Read(
    select(
        AssetFile.id,
        AssetFile.key,
        AssetFile.content_type,
        AssetFile.byte_size,
        AssetFile.sha256,
        AssetFile.project_id,
        Asset.filename,
    )
    .join(Asset, Asset.id == AssetFile.asset_id)
    .where(
        AssetFile.asset_id == bindparam("asset_id", type_=Uuid()),
        cast(AssetFile.kind, String) == bindparam("kind", type_=String()),
        func.left(AssetFile.sha256, HASH_DIGITS) == bindparam("content_hash", type_=String()),
        AssetFile.damaged_at.is_(None),
        # a Read is compiled once: no IN, whose parameters are counted when it runs
        or_(*(Asset.status == status for status in _SERVED)),
        or_(Asset.trashed_at.is_(None), *(AssetFile.kind == kind for kind in RENDITIONS)),
    )
    .limit(bindparam("most", type_=BigInteger()))
)


@operation(Perm.ASSET_READ)
async def open_media(tx: Tx, asset_id: UUID, kind: FileKind, content_hash: str, within: UUID | None = None) -> Any:
    """The file behind a stable address; ``within`` a project, where the asker may look into no other.

    Answers a light row with ``key``, ``content_type``, ``byte_size``, ``sha256`` and the original's ``filename``.
    A trashed photo still shows its renditions, so that one sees what one restores; its original waits for that.
    Raises NotFound, alike for what is absent, invisible, quarantined or damaged.
    """
    found = await _FOUND.rows(tx, asset_id=asset_id, kind=kind.value, content_hash=content_hash, most=1)
    if not found or within not in (None, found[0].project_id):
        raise not_found("file")
    return found[0]


# --- grants --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaGrant:
    """``grant`` goes behind a stable address as ``?grant=…``, for pages that cannot send a header with a picture."""

    grant: str
    expires_at: datetime


@operation(Perm.ASSET_READ)
async def media_grant(tx: Tx, project_id: UUID) -> MediaGrant:
    """A grant to look at the pictures of a project, for one to two days.

    It is the same all day long, so that addresses with it stay cacheable, and ends at once for whoever leaves the
    project.
    """
    await tx.enter(project_id)
    midnight = tx.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires_at = midnight + 2 * _DAY
    body = _GRANT.pack(project_id.bytes, tx.user_id.bytes, int(expires_at.timestamp()))
    return MediaGrant(_base64(body + _signature(tx.house.key, body)), expires_at)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant allows: an actor that may look at assets, and the one project where."""

    actor: TokenActor
    project_id: UUID


def read_grant(key: Callable[[str], bytes], grant: str, now: datetime) -> Granted:
    """What a grant of ours allows. ``key`` makes the house's keys.

    Raises Unauthorized ``grant_invalid`` or Gone ``link_expired``.
    """
    data = _unbase64(grant)
    body, signature = data[: _GRANT.size], data[_GRANT.size :]
    if len(body) != _GRANT.size or not hmac.compare_digest(signature, _signature(key, body)):
        raise Unauthorized(
            "This grant is not valid.", code="grant_invalid", remediation=["Ask for a new one with `mediaGrant`."]
        )
    project, user, expires = _GRANT.unpack(body)
    if expires <= now.timestamp():
        raise Gone("This grant has expired.", code="link_expired", remediation=["Ask for a new one."])
    # a grant is a token with one scope; it is no row, so the project stands for its id
    actor = TokenActor(UUID(bytes=user), UUID(bytes=project), (Perm.ASSET_READ.value,))
    return Granted(actor, UUID(bytes=project))


def _signature(key: Callable[[str], bytes], body: bytes) -> bytes:
    return hmac.digest(key(_GRANT_KEY), body, "sha256")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    """The bytes of canonical base64url; none for anything else."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _base64(data) == text else b""


# --- signed addresses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file of an asset and where to fetch it. ``byte_size`` in bytes, ``checksum_sha256`` in hexadecimal.

    ``url`` is good until ``expires_at`` and needs no proof; ``media_url`` is the stable address (None while the file
    has not been read back).
    """

    kind: FileKind
    url: str
    expires_at: datetime
    content_type: str
    byte_size: int
    checksum_sha256: str | None
    width_px: int | None
    height_px: int | None
    media_url: str | None


@operation(Perm.ASSET_READ)
async def list_asset_files(tx: Tx, asset_id: UUID) -> list[FileLink]:
    """The files of an asset with addresses to fetch them from: original, thumbnail, preview and export.

    Nothing of a quarantined photo is listed, and of a trashed one no original.
    """
    asset = await tx.get(Asset, asset_id)
    kinds = LISTED if asset.trashed_at is None else tuple(kind for kind in LISTED if kind in RENDITIONS)
    if asset.status not in _SERVED:
        return []
    statement = (
        select(AssetFile)
        .where(
            AssetFile.asset_id == asset_id,
            AssetFile.kind.in_(kinds),
            AssetFile.damaged_at.is_(None),
            ~AssetFile.variant.startswith(PIN),
        )
        .order_by(case({kind.value: place for place, kind in enumerate(kinds)}, value=AssetFile.kind), AssetFile.id)
        .limit(LISTED_MAX)
    )
    return [await _link(tx, asset, file) for file in await tx.scalars(statement)]


async def _link(tx: Tx, asset: Asset, file: AssetFile) -> FileLink:
    expires_at = (tx.now + SIGNED_FOR).replace(microsecond=0)
    assert tx.house.links is not None
    url = await tx.house.links.signed_get(
        file.key,
        expires_at=expires_at,
        content_type=file.content_type,
        filename=asset.filename if file.kind is FileKind.ORIGINAL else None,
    )
    stable = media_url(tx.house.base_url, asset.id, file.kind, file.sha256) if file.sha256 else None
    return FileLink(
        file.kind,
        url,
        expires_at,
        file.content_type,
        file.byte_size,
        file.sha256,
        file.width_px,
        file.height_px,
        stable,
    )
