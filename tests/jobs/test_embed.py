"""A learned space is built beside the one that serves, in batches that stand, and serves when it is whole.

The model is a stand-in that needs no weights (``concept-v1``) under a catalogue entry of its own: what is tested is the
way of vectors, not their worth.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from kilo_gql import jobs, model_catalogue
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database, Tx
from kilo_gql.domain import embeddings, trash
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.model_catalogue import Model, ModelFile, ModelKind
from kilo_gql.model_store import ModelStore
from kilo_gql.models import Asset, AssetEmbedding, EmbeddingSpace, JobStatus, Queue
from kilo_gql.operations import Throat
from tests.support import pictures
from tests.support.make import Make
from tests.support.shoot import Shoot

SHA = hashlib.sha256(b"weights").hexdigest()


def toy(name: str) -> Model:
    return Model(
        name=name,
        kind=ModelKind.EMBEDDING,
        title="A toy",
        files=(ModelFile("weights.bin", None),),
        revision=None,
        licence="MIT",
        licence_url="https://example.org/licence",
        loader="concept-v1",
        dim=64,
    )


@pytest.fixture
def installed(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """Two models of the same weights, known and installed."""
    models = [toy("first"), toy("second")]
    known = MappingProxyType({**model_catalogue.CATALOGUE, **{model.name: model for model in models}})
    monkeypatch.setattr(model_catalogue, "CATALOGUE", known)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"weights")
    for model in models:
        ModelStore(settings.home / "models").add(model, {"weights.bin": weights})
    return models


@pytest_asyncio.fixture
async def shoot(make: Make, db: Database, settings: Settings) -> AsyncIterator[Shoot]:
    owner = await make.user()
    project = await make.project(owner)
    async with Shoot(db, settings, project.id, owner) as shoot:
        yield shoot
        await shoot.runner.workshop.models.aclose()


async def system(db: Database, work: Any) -> Any:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        done = await work(tx)
        await tx.write_outbox()
        await tx.session.commit()
    return done


async def photos(shoot: Shoot, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        await shoot.upload(f"IMG_{number}.JPG", pictures.jpeg(exif_ifd0_Software=f"v{number}"))
    await shoot.work()


async def gpu(shoot: Shoot) -> int:
    done = 0
    while await shoot.runner.run_next(Queue.GPU):
        done += 1
    return done


async def spaces(shoot: Shoot) -> dict[str, tuple[str, int]]:
    """State and count of vectors of each learned space."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await tx.scalars(select(EmbeddingSpace).where(EmbeddingSpace.learned))
        vectors = await tx.scalars(select(AssetEmbedding.space))
    return {one.name: (one.state.value, list(vectors).count(one.name)) for one in found}


async def test_a_space_is_filled_and_then_serves(shoot: Shoot, installed: list[Model]) -> None:
    await photos(shoot, 3)
    assert await gpu(shoot) == 0  # nobody wanted a learned space
    first, second = installed
    made = await system(shoot.db, lambda tx: embeddings.use(tx, first, SHA))
    assert (made.name, made.state.value) == (f"first@{SHA[:8]}", "building")
    assert await gpu(shoot) == 1
    assert await spaces(shoot) == {made.name: ("serving", 3)}
    await photos(shoot, 1, start=3)
    assert await gpu(shoot) == 1
    assert await spaces(shoot) == {made.name: ("serving", 4)}

    beside = await system(shoot.db, lambda tx: embeddings.use(tx, second, SHA))
    assert await spaces(shoot) == {made.name: ("serving", 4), beside.name: ("building", 0)}
    assert await gpu(shoot) == 1
    assert await spaces(shoot) == {beside.name: ("serving", 4)}


async def test_a_project_is_walked_through_once(
    shoot: Shoot, installed: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "BATCH", 2)
    await photos(shoot, 5)
    made = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    found, after = [], None
    while batch := await system(shoot.db, lambda tx, at=after: embeddings.missing(tx, shoot.project_id, made.name, at)):
        found += [photo.asset_id for photo in batch]
        after = found[-1]
    assert (len(found), found) == (5, sorted(set(found)))
    assert await gpu(shoot) == 1
    assert await spaces(shoot) == {made.name: ("serving", 5)}


async def test_vectors_are_halves_of_the_right_length(shoot: Shoot, installed: list[Model]) -> None:
    await photos(shoot, 1)
    made = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        [vector] = await tx.scalars(select(AssetEmbedding.vector).where(AssetEmbedding.space == made.name))
    assert len(vector) == 2 * made.dim


async def test_photos_that_come_back_from_the_trash(shoot: Shoot, installed: list[Model], throat: Throat) -> None:
    await photos(shoot, 2)
    [gone, _] = await system(shoot.db, lambda tx: tx.scalars(select(Asset.id).order_by(Asset.id)))
    await throat.execute(shoot.owner, trash.trash_assets, shoot.project_id, [gone])
    made = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    assert await spaces(shoot) == {made.name: ("serving", 1)}
    await throat.execute(shoot.owner, trash.restore_assets, shoot.project_id, [gone])
    now = NewJob(JobType.PROJECT_CLUSTER, {}, shoot.project_id, once=f"cluster:{shoot.project_id}")
    await system(shoot.db, lambda tx: jobs.enqueue(tx, now))
    await shoot.work()
    await gpu(shoot)
    assert await spaces(shoot) == {made.name: ("serving", 2)}


async def test_a_photo_whose_preview_is_gone_does_not_hold_up_the_space(shoot: Shoot, installed: list[Model]) -> None:
    await photos(shoot, 2)
    [first, _] = await _previews(shoot)
    await shoot.store.delete([first])
    made = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    assert await spaces(shoot) == {made.name: ("serving", 2)}
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = await tx.scalars(select(AssetEmbedding.vector).where(AssetEmbedding.space == made.name))
    assert sorted(map(len, found)) == [0, 2 * made.dim]


async def test_weights_that_are_not_here_fail_the_job_and_nothing_else(
    shoot: Shoot, installed: list[Model], settings: Settings
) -> None:
    await photos(shoot, 1)
    serving = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    other = await system(shoot.db, lambda tx: embeddings.use(tx, installed[1], SHA))
    ModelStore(settings.home / "models").remove("second")
    await gpu(shoot)
    [job] = [job for job in await shoot.jobs() if job.status is JobStatus.FAILED]
    assert (job.type, job.error_code) == ("project.embed", "model_not_installed")
    assert "kilo models pull second" in job.remediation[0]
    assert await spaces(shoot) == {serving.name: ("serving", 1), other.name: ("building", 0)}


async def test_a_model_out_of_use_takes_its_space_along(shoot: Shoot, installed: list[Model]) -> None:
    await photos(shoot, 1)
    await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    assert await system(shoot.db, lambda tx: embeddings.stop_using(tx, "first"))
    assert not await system(shoot.db, lambda tx: embeddings.stop_using(tx, "first"))
    assert await spaces(shoot) == {}


async def test_a_space_that_is_given_up_meanwhile_takes_no_vectors(shoot: Shoot, installed: list[Model]) -> None:
    await photos(shoot, 1)
    made = await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    [photo] = await system(shoot.db, lambda tx: embeddings.missing(tx, shoot.project_id, made.name))
    vectors = {photo.asset_id: b"vector"}
    assert await system(shoot.db, lambda tx: embeddings.stop_using(tx, "first"))
    assert not await system(shoot.db, lambda tx: embeddings.keep(tx, shoot.project_id, made.name, vectors))
    await gpu(shoot)
    assert [job.status for job in await shoot.jobs() if job.type == "project.embed"] == [JobStatus.DONE]


async def test_weights_are_not_missed_where_nothing_is_left_to_do(
    shoot: Shoot, installed: list[Model], settings: Settings
) -> None:
    await photos(shoot, 1)
    await system(shoot.db, lambda tx: embeddings.use(tx, installed[0], SHA))
    await gpu(shoot)
    ModelStore(settings.home / "models").remove("first")
    other = await system(shoot.db, lambda tx: embeddings.use(tx, installed[1], SHA))
    await gpu(shoot)
    assert await spaces(shoot) == {other.name: ("serving", 1)}


async def test_one_learned_space_serves_and_one_is_built(db: Database, installed: list[Model]) -> None:
    async def twice(tx: Tx) -> None:
        await embeddings.use(tx, installed[0], SHA)
        await embeddings.use(tx, replace(installed[0], name="third"), SHA)

    await system(db, twice)
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        names = await tx.scalars(text("SELECT name FROM embedding_spaces WHERE learned"))  # type: ignore[arg-type]
    assert list(names) == [f"third@{SHA[:8]}"]


async def _previews(shoot: Shoot) -> list[str]:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        found = text("SELECT key FROM asset_files WHERE kind = 'preview' ORDER BY key")
        return list(await tx.scalars(found))  # type: ignore[arg-type]
