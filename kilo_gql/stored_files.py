"""Is a stored file still what its row says? One answer for ``kilo verify`` and for the invariants."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from pathlib import Path
from typing import Final

from kilo_gql.domain.keeping import Damage
from kilo_gql.errors import NotFound
from kilo_gql.storage import Store

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_WEBP_START: Final = 12


async def whole(store: Store, key: str, byte_size: int, sha256: str | None) -> Damage | None:
    """What is wrong with an object of ``byte_size`` bytes (None: nothing); its content counts if a hash is given."""
    if sha256 is None:
        stored = await store.stat(key)
        if stored is None:
            return Damage.MISSING
        return None if stored.size == byte_size else Damage.SIZE
    try:
        async with store.local_path(key) as path:
            size, found = await asyncio.to_thread(digest, path)
    except NotFound:
        return Damage.MISSING
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return Damage.UNREADABLE
    if size != byte_size:
        return Damage.SIZE
    return None if found == sha256 else Damage.CONTENT


def digest(path: Path) -> tuple[int, str]:
    """The size of a file in bytes, and the SHA-256 (hexadecimal) of what is in it."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), found


class Renditions:
    """Looks at renditions. ``decode``: all pixels, instead of whether the file begins and ends as such files do."""

    def __init__(self, *, decode: bool) -> None:
        self._decode = decode

    async def fault(self, store: Store, key: str, content_type: str, size: int) -> str | None:
        """Why a JPEG or WebP is no whole picture; None: it is one."""
        if self._decode:
            async with store.local_path(key) as path:
                return await asyncio.to_thread(_undecodable, path)
        if content_type == "image/jpeg":
            head, tail = await _bytes(store, key, 0, 3), await _bytes(store, key, max(0, size - 2), size)
            return None if (head, tail) == (_JPEG_START, _JPEG_END) else "a JPEG that does not begin or end like one"
        if content_type == "image/webp":
            head = await _bytes(store, key, 0, _WEBP_START)
            fits = head[:4] == b"RIFF" and head[8:] == b"WEBP" and int.from_bytes(head[4:8], "little") + 8 == size
            return None if fits else "a WebP whose header does not fit its size"
        return f"a rendition of type {content_type}"


async def _bytes(store: Store, key: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.stream(key, start, end)])


def _undecodable(path: Path) -> str | None:
    from PIL import Image, UnidentifiedImageError  # only who asks for it decodes in this process: our own files

    try:
        with Image.open(path, formats=["JPEG", "WEBP"]) as picture:
            picture.load()
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        return f"cannot be decoded: {error}"
    return None
