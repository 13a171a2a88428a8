"""Spaces of vectors: which serves, which is being built beside it, and what still has no vector.

``concept-v1`` always serves; of the learned spaces one at most. Changing it is the system's, asked for by
``kilo models``; anybody may look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text, update

from kilo_gql import jobs
from kilo_gql.access import Perm
from kilo_gql.db import Tx
from kilo_gql.domain.assets import announce
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.model_catalogue import CATALOGUE, Model, ModelKind
from kilo_gql.models import (
    Asset,
    AssetEmbedding,
    AssetFile,
    EmbeddingSpace,
    FileKind,
    ModelInUse,
    Priority,
    Project,
    ProjectStatus,
    SpaceState,
)
from kilo_gql.models.assets import SHOWN
from kilo_gql.operations import operation

#: Photos that are embedded together.
BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model of the catalogue. ``in_use``: on all workers, since when (None: no)."""

    name: str
    kind: ModelKind
    title: str
    revision: str | None
    licence: str
    licence_url: str
    research_only: bool
    dim: int | None
    in_use: datetime | None


@dataclass(frozen=True, slots=True)
class SpaceProgress:
    """A space, and how many of the photos that the viewer can see have a vector in it."""

    name: str
    model: str
    dim: int
    learned: bool
    state: SpaceState
    embedded_count: int
    asset_count: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A photo without a vector in ``space``, and where its preview lies."""

    asset_id: UUID
    key: str


@operation(Perm.ACCOUNT_READ)
async def list_models(tx: Tx) -> list[ModelState]:
    """The models KILO knows, their licences, and which of them are in use."""
    used = {row.name: row.since for row in await tx.scalars(select(ModelInUse))}
    return [
        ModelState(
            one.name,
            one.kind,
            one.title,
            one.revision,
            one.licence,
            one.licence_url,
            one.research_only,
            one.dim,
            used.get(one.name),
        )
        for one in CATALOGUE.values()
    ]


@operation(Perm.ACCOUNT_READ)
async def list_embedding_spaces(tx: Tx) -> list[SpaceProgress]:
    """The spaces in which photos can be found, and how far each is filled with the photos that you can see."""
    spaces = await tx.scalars(select(EmbeddingSpace).order_by(EmbeddingSpace.created_at, EmbeddingSpace.name))
    counts = select(AssetEmbedding.space, func.count().label("n")).join(Asset, Asset.id == AssetEmbedding.asset_id)
    filled = {row.space: row.n for row in await tx.rows(counts.where(text(SHOWN)).group_by(AssetEmbedding.space))}
    there = await tx.scalar(select(func.count()).select_from(Asset).where(text(SHOWN)))
    return [
        SpaceProgress(one.name, one.model, one.dim, one.learned, one.state, filled.get(one.name, 0), there)
        for one in spaces
    ]


async def in_use(tx: Tx) -> Mapping[str, ModelInUse]:
    """The models in use, by kind. A system function."""
    return {row.kind: row for row in await tx.scalars(select(ModelInUse))}


async def use(tx: Tx, model: Model, sha256: str) -> EmbeddingSpace:
    """Build a learned space with this model, beside the one that serves. A system function.

    The space of the same weights is taken up where it was. A space that was being built until now is given up.
    """
    name = f"{model.name}@{sha256[:8]}"
    await _mark(tx, model, sha256)
    found = await tx.session.get(EmbeddingSpace, name)
    if found is not None and found.state is SpaceState.SERVING:
        await tx.session.execute(delete(EmbeddingSpace).where(EmbeddingSpace.state == SpaceState.BUILDING))
        return found
    others = (EmbeddingSpace.state == SpaceState.BUILDING, EmbeddingSpace.name != name)
    await tx.session.execute(delete(EmbeddingSpace).where(*others))
    if found is None:
        assert model.dim is not None
        found = tx.add(
            EmbeddingSpace(
                name=name,
                model=model.name,
                sha256=sha256,
                dim=model.dim,
                learned=True,
                state=SpaceState.BUILDING,
                created_at=tx.now,
                updated_at=tx.now,
            )
        )
    found.state, found.updated_at = SpaceState.BUILDING, tx.now
    await tx.flush()
    active = await tx.scalars(select(Project.id).where(Project.status != ProjectStatus.DELETED))
    await jobs.enqueue(tx, *(_job(project_id, Priority.BACKFILL) for project_id in active))
    await settle(tx)
    return found


async def use_faces(tx: Tx, model: Model, sha256: str) -> None:
    """Look for faces, or at their eyes, with this model from now on. A system function."""
    await _mark(tx, model, sha256)


async def stop_using(tx: Tx, name: str) -> bool:
    """Take a model out of use; its spaces go. Returns whether it worked, or one of its spaces served until now.

    A system function.
    """
    of_it = EmbeddingSpace.model == name, EmbeddingSpace.learned
    used = await tx.scalar(delete(ModelInUse).where(ModelInUse.name == name).returning(ModelInUse.name))
    gone = (await tx.session.scalars(delete(EmbeddingSpace).where(*of_it).returning(EmbeddingSpace.name))).all()
    return bool(used or gone)


async def follow(tx: Tx, project_id: UUID) -> None:
    """Photos came: embed them, if there is a learned space."""
    wanted = select(EmbeddingSpace.name).where(EmbeddingSpace.learned, EmbeddingSpace.state != SpaceState.RETIRED)
    if await tx.scalar(wanted.limit(1)) is not None:
        await jobs.enqueue(tx, _job(project_id, Priority.NORMAL))


async def learned_spaces(tx: Tx) -> Sequence[EmbeddingSpace]:
    """Those that are to be filled: the serving one first."""
    wanted = select(EmbeddingSpace).where(EmbeddingSpace.learned, EmbeddingSpace.state != SpaceState.RETIRED)
    return await tx.scalars(wanted.order_by(EmbeddingSpace.state.desc()))


async def missing(tx: Tx, project_id: UUID, space: str, after: UUID | None = None) -> list[Missing]:
    """Up to ``BATCH`` photos of a project that nobody has embedded in a space yet, by id. A system function.

    ``after``: past this photo, so that a long project is walked through once.
    """
    statement = (
        select(Asset.id, AssetFile.key)
        .join(AssetFile, AssetFile.asset_id == Asset.id)
        .where(
            Asset.project_id == project_id,
            text(SHOWN),
            AssetFile.kind == FileKind.PREVIEW,
            AssetFile.variant == "",
            ~exists().where(AssetEmbedding.asset_id == Asset.id, AssetEmbedding.space == space),
        )
        .order_by(Asset.id)
        .limit(BATCH)
    )
    if after is not None:
        statement = statement.where(Asset.id > after)
    return [Missing(row.id, row.key) for row in await tx.rows(statement)]


async def keep(tx: Tx, project_id: UUID, space: str, vectors: Mapping[UUID, bytes]) -> bool:
    """Write the vectors of photos that are still there; an empty one says that its preview gave none.

    Returns whether the space is still there: nobody needs more vectors of one that was given up. A system function.
    """
    held = select(EmbeddingSpace.name).where(EmbeddingSpace.name == space).with_for_update(key_share=True, read=True)
    if await tx.scalar(held) is None:
        return False
    there = select(Asset.id).where(Asset.id.in_(vectors)).with_for_update(key_share=True, read=True)
    rows: list[dict[str, Any]] = [
        {"project_id": project_id, "asset_id": id_, "space": space, "vector": vectors[id_]}
        for id_ in await tx.scalars(there)
    ]
    await tx.insert(AssetEmbedding, rows, ignore=True)
    announce(tx, project_id, [row["asset_id"] for row in rows], {"embeddedIn": space})
    return True


async def settle(tx: Tx) -> bool:
    """A space that holds every photo serves from now on, and the one before it goes. A system function."""
    building: EmbeddingSpace | None = await tx.scalar(
        select(EmbeddingSpace).where(EmbeddingSpace.state == SpaceState.BUILDING).with_for_update()
    )
    if building is None or await tx.scalar(select(_incomplete(building.name))):
        return False
    await tx.session.execute(delete(EmbeddingSpace).where(EmbeddingSpace.learned, EmbeddingSpace.name != building.name))
    await tx.session.execute(
        update(EmbeddingSpace)
        .where(EmbeddingSpace.name == building.name)
        .values(state=SpaceState.SERVING, updated_at=tx.now)
    )
    return True


def _incomplete(space: str) -> Any:
    """Whether a photo that has a preview has not been embedded."""
    return exists().where(
        Asset.preview_ready,
        Asset.project_id.in_(select(Project.id).where(Project.status != ProjectStatus.DELETED)),
        text(SHOWN),
        ~exists().where(AssetEmbedding.asset_id == Asset.id, AssetEmbedding.space == space).correlate(Asset),
    )


async def _mark(tx: Tx, model: Model, sha256: str) -> None:
    row = {"kind": model.kind.value, "name": model.name, "sha256": sha256, "since": tx.now}
    await tx.upsert(ModelInUse, [row], changing=("name", "sha256"), stamp="since")


def _job(project_id: UUID, priority: Priority) -> NewJob:
    return NewJob(JobType.PROJECT_EMBED, {}, project_id, priority=priority, once=f"embed:{project_id}")
