"""Vectors of a project's photos in learned spaces: the one that serves, and the one that is built beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from kilo_gql import model_catalogue
from kilo_gql.domain import embeddings
from kilo_gql.domain.embeddings import BATCH, Missing
from kilo_gql.errors import BadRequest, NotFound
from kilo_gql.jobs import JobType
from kilo_gql.model_store import ModelStore
from kilo_gql.models import EmbeddingSpace
from tasks.kit import Kit
from tasks.registry import handles


@handles(JobType.PROJECT_EMBED, patient=True)
async def embed(kit: Kit) -> None:
    """Embed what has no vector yet, a batch at a time; each batch stands, so a job that is cut goes on."""
    project_id = kit.claim.project_id
    assert project_id is not None
    async with kit.read() as tx:
        spaces = await embeddings.learned_spaces(tx)
    count = 0
    for space in spaces:
        count += await _fill(kit, project_id, space)
    async with kit.finish({"embedded": count}) as tx:
        await embeddings.settle(tx)


async def _fill(kit: Kit, project_id: UUID, space: EmbeddingSpace) -> int:
    count = 0
    model: dict[str, Any] | None = None  # looked for once there is something to do
    after: UUID | None = None
    while True:
        async with kit.read() as tx:
            photos = await embeddings.missing(tx, project_id, space.name, after)
        if not photos:
            return count
        model = model or _model(kit, space)
        vectors = await _encoded(kit, photos, model)
        async with kit.write() as tx:
            if not await embeddings.keep(tx, project_id, space.name, vectors):
                return count
        count, after = count + len(photos), photos[-1].asset_id
        # how many are left is not counted: the bar says that it moves
        kit.report(count / (count + BATCH), "embedding", f"{count} photos in {space.name}")


async def _encoded(kit: Kit, photos: Sequence[Missing], model: Mapping[str, Any]) -> dict[UUID, bytes]:
    """By photo; empty where there is no picture to be had."""
    found: dict[UUID, bytes] = {photo.asset_id: b"" for photo in photos}
    async with AsyncExitStack() as stack:
        paths: dict[UUID, str] = {}
        for photo in photos:
            try:
                path = await stack.enter_async_context(kit.workshop.store.local_path(photo.key))
            except NotFound:
                continue
            paths[photo.asset_id] = str(path)
        if not paths:
            return found
        answer = await kit.call_model("ml.embedding.encode:encode", paths=list(paths.values()), model=dict(model))
    if (reason := answer.get("unusable")) is not None:
        raise BadRequest(
            answer["message"],
            code="model_unusable",
            details={"model": model["name"], "reason": reason},
            remediation=["Install the extra `ml` on this worker.", "`kilo models verify` checks the files."],
        )
    made = zip(paths, answer["vectors"], strict=True)
    return found | {asset_id: vector for asset_id, vector in made if vector is not None}


def _model(kit: Kit, space: EmbeddingSpace) -> dict[str, Any]:
    """What the child needs to load it. Raises NotFound if its weights are not on this machine."""
    known = model_catalogue.find(space.model)
    assert space.sha256 is not None
    weights = ModelStore(kit.settings.home / "models").path(space.model, space.sha256)
    return {
        "kind": known.loader,
        "name": known.architecture or known.name,
        "weights": str(weights),
        "sha256": space.sha256,
        "device": kit.settings.model_device,
    }
