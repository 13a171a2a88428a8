"""The picture of a gallery's mark: a PNG, stored once and never opened here."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final
from uuid import UUID

from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.gallery_changes import answer, changed
from kilo_gql.domain.gallery_rows import GalleryRow
from kilo_gql.domain.gallery_settings import mark_version
from kilo_gql.domain.renders import discard
from kilo_gql.domain.watermarks import MarkKind
from kilo_gql.errors import BadRequest
from kilo_gql.models import Gallery
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation

#: Bytes of a mark's picture, and pixels along its long edge.
BYTES_MAX: Final = 2 << 20
EDGE_MAX: Final = 4_096
#: Characters of Base64 for that many bytes.
BASE64_MAX: Final = 4 * -(-BYTES_MAX // 3)
#: PNG (ISO/IEC 15948) begins with its signature and the chunk IHDR: length 13, type, width, height.
_HEAD: Final = struct.Struct(">8sI4sII")
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@operation(Perm.GALLERY_MANAGE, write=True)
async def set_gallery_watermark_image(tx: Tx, gallery_id: UUID, png_base64: str | None = None) -> GalleryRow:
    """Make a PNG (up to 2 MiB and 4,096 px) the gallery's mark; null goes back to its text.

    Raises BadRequest ``bad_watermark`` for what is no such PNG. The gallery is marked only if ``watermark`` says so.
    """
    gallery = await tx.get(Gallery, gallery_id)
    key = None if png_base64 is None else await _stored(tx, gallery, png(png_base64))
    tx.session.expire(gallery)  # storing takes its time, in which the gallery may have changed, or gone
    gallery = await tx.get(Gallery, gallery_id, lock=True)
    if old := gallery.watermark_key:
        await discard(tx, [old], gallery.project_id)
    kind = MarkKind.TEXT if key is None else MarkKind.IMAGE
    gallery.watermark_key = key
    gallery.watermark_settings = {**gallery.watermark_settings, "kind": kind}
    gallery.watermark_version = mark_version(gallery)
    await changed(tx, gallery, {"watermarkSettings": True}, pictures=gallery.watermark)
    return await answer(tx, gallery)


def png(encoded: str) -> bytes:
    """The bytes of a PNG in Base64 (RFC 4648), if they look like one of the allowed size. Raises BadRequest."""
    if len(encoded) > BASE64_MAX:
        raise _bad(f"A mark's picture has at most {BYTES_MAX:,} bytes.")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("This is not Base64.") from error
    if len(data) < _HEAD.size:
        raise _bad("This is not a PNG.")
    signature, length, kind, width, height = _HEAD.unpack_from(data)
    if (signature, length, kind) != (_SIGNATURE, 13, b"IHDR") or not width or not height:
        raise _bad("This is not a PNG.")
    if max(width, height) > EDGE_MAX:
        raise _bad(f"A mark's picture has at most {EDGE_MAX:,} pixels along its long edge.")
    return data


async def _stored(tx: Tx, gallery: Gallery, data: bytes) -> str:
    """The key of a new object, durable before a row names it; one that no row comes to name is a stray object."""
    assert tx.house.links is not None
    key = f"{gallery.project_id}/galleries/{gallery.id}/{uuid7()}.png"
    await tx.house.links.put_bytes(key, data, "image/png")
    return key


def _bad(message: str) -> BadRequest:
    return BadRequest(
        message,
        code="bad_watermark",
        details={"field": "pngBase64"},
        remediation=["Send a PNG with an alpha channel, in Base64."],
    )
