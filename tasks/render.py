"""Renditions on demand: the picture at full size, a region of it, or a RAW file developed in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import uuid5

from kilo_gql.domain import renders
from kilo_gql.domain.ingest import StoredFile
from kilo_gql.domain.renders import DEVELOP, Negative
from kilo_gql.jobs import JobType
from kilo_gql.models import FileKind
from kilo_gql.storage import NewObject
from tasks.ingest import Rendition, accepted
from tasks.kit import Kit
from tasks.registry import handles
from tasks.scratch import scratch

_FUNCTIONS: Final = {
    FileKind.FULL.value: "ml.ingest:full",
    FileKind.CROP.value: "ml.ingest:crop",
    DEVELOP: "ml.ingest:develop_raw",
}


@handles(JobType.ASSET_RENDER, patient=True)
async def render(kit: Kit) -> Mapping[str, Any]:
    """Make what was asked for, unless it was made meanwhile. The result's ``sha256`` names the main file."""
    asset_id = kit.claim.asset_id
    assert asset_id is not None
    make, variant = kit.arguments["make"], kit.arguments["variant"]
    async with kit.read() as tx:
        negative = await renders.find_negative(tx, asset_id, make, variant)
    if negative is None:
        return {"skipped": "deleted"}
    if negative.made is not None:
        return {"sha256": negative.made}
    files = await _make(kit, negative, make, variant)
    result = {"sha256": files[-1].sha256, "kinds": [file.kind for file in files]}
    async with kit.finish(result) as tx:
        await renders.finish_render(tx, negative, variant, files)
    return result


async def _make(kit: Kit, negative: Negative, make: str, variant: str) -> Sequence[StoredFile]:
    """Let the child write the pictures, and put them into the store; the main one comes last."""
    store = kit.workshop.store
    async with store.local_path(negative.key) as path, scratch(kit.settings) as folder:
        kit.report(0.1, "decoding", negative.filename)
        named = {"path": str(path), "out": str(folder), "filename": negative.filename}
        answer = await kit.call(_FUNCTIONS[make], **named, **_where(variant))
        made = [accepted(each, Rendition) for each in (answer if isinstance(answer, list) else [answer])]
        files = [_stored(kit, negative, rendition) for rendition in made]
        kit.report(0.8, "storing", negative.filename)
        where = [folder / rendition.path for rendition in made]
        await store.put_files(
            [NewObject(file.key, path, file.content_type) for file, path in zip(files, where, strict=True)]
        )
    return files


def _where(variant: str) -> dict[str, Any]:
    if not variant:
        return {}
    region = asdict(renders.region_of(variant))
    return {"max_px": region.pop("px"), **region}


def _stored(kit: Kit, negative: Negative, made: Rendition) -> StoredFile:
    # named after the job: an attempt that died left the same bytes under the same key, and nothing astray
    file_id = uuid5(kit.claim.id, made.kind)
    key = f"{negative.project_id}/{negative.asset_id}/{file_id}{Path(made.path).suffix}"
    return StoredFile(file_id, made.kind, key, made.content_type, made.byte_size, made.sha256, made.width, made.height)
