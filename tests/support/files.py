"""Stored files of assets: rows and bytes that fit together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kilo_gql.models import Asset, AssetFile, FileKind
from kilo_gql.models.base import uuid7
from kilo_gql.storage import Store
from tests.support.make import Make

#: The shortest JPEG and WebP that begin and end as such files do.
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200)) + b"\xff\xd9"
WEBP = b"RIFF" + (40).to_bytes(4, "little") + b"WEBPVP8 " + bytes(32)


async def put(make: Make, store: Store, asset: Asset, kind: FileKind, data: bytes = JPEG, **columns: Any) -> AssetFile:
    """A file of an asset with its bytes in the store."""
    content_type = columns.pop("content_type", "image/webp" if data.startswith(b"RIFF") else "image/jpeg")
    key = f"{asset.project_id}/{asset.id}/{uuid7()}.{content_type.rpartition('/')[2]}"
    await store.put_bytes(key, data, content_type)
    facts = {"key": key, "byte_size": len(data), "sha256": sha256(data).hexdigest(), "content_type": content_type}
    return await make.file(asset, kind, **{**facts, **columns})


def spoil(path: Path, change: bytes | None) -> None:
    """Give a stored file other bytes, as a bad disk would (None: it is gone)."""
    path.chmod(0o644)
    path.unlink() if change is None else path.write_bytes(change)


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Let the disk fail to read a file: the memory of a process is one whose first byte cannot be read either."""
    mounted = subprocess.run(["mount", "--bind", f"/proc/{os.getpid()}/mem", path], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)
