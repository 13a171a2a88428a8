"""Faces, by whatever models are in use: a model that is missing or no model costs no photo its signals."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from kilo_gql import model_catalogue
from kilo_gql.access import Perm, System
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain import embeddings, measuring
from kilo_gql.jobs import JobType
from kilo_gql.model_catalogue import Model, ModelFile, ModelKind
from kilo_gql.model_store import ModelStore
from kilo_gql.models import AssetSignals, ModelInUse
from kilo_gql.sample_shoot import render
from tests.ml_faces import model_files
from tests.support.make import Make
from tests.support.shoot import Shoot

NO_MODEL = Model(
    "no-model", ModelKind.FACE_DETECTOR, "Nothing", (ModelFile("none.onnx", None),), None, "MIT", "https://example.org"
)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return next(path for path in render(tmp_path_factory.mktemp("sample"), 400) if path.suffix == ".JPG").read_bytes()


@pytest_asyncio.fixture
async def shoot(db: Database, settings: Settings, make: Make) -> AsyncIterator[Shoot]:
    ada = await make.user()
    project = await make.project(ada)
    async with Shoot(db, settings, project.id, ada) as shoot:
        yield shoot


async def use(shoot: Shoot, model: Model, sha256: str) -> None:
    """As ``kilo models use`` does."""
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await embeddings.use_faces(tx, model, sha256)
        await measuring.remeasure_all(tx)
        await tx.session.commit()


async def found(shoot: Shoot) -> list[tuple[Any, Any, Any]]:
    async with shoot.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        rows = await tx.scalars(select(AssetSignals).where(AssetSignals.project_id == shoot.project_id))
    return [(row.faces, row.face_models, row.signals["sharpness"] is not None) for row in rows]


async def measured(shoot: Shoot) -> list[Any]:
    return [job.result for job in await shoot.jobs() if job.type == JobType.PROJECT_MEASURE]


async def test_a_model_that_is_not_on_this_machine(shoot: Shoot, photo: bytes) -> None:
    values = {"kind": "face_detector", "name": "yunet", "sha256": "0" * 64, "since": shoot.db.house.clock()}
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.unchecked(insert(ModelInUse).values(values))
        await measuring.remeasure_all(tx)
        await tx.session.commit()
    await shoot.upload("a.jpg", photo)
    await shoot.work()
    assert await found(shoot) == [(None, None, True)]
    async with shoot.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await measuring.follow(tx, shoot.project_id)
        await tx.session.commit()
    await shoot.work()
    assert await measured(shoot) == [{"measured": 0, "seen": 0}]


async def test_a_file_that_is_no_model(shoot: Shoot, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    store = ModelStore(shoot.settings.home / "models")
    manifest = store.add(NO_MODEL, {"none.onnx": tmp_path / "none.onnx"})
    await shoot.upload("a.jpg", photo)
    await shoot.work()
    await use(shoot, NO_MODEL, manifest.sha256)
    await shoot.work()
    assert await found(shoot) == [(None, None, True)]
    assert await measured(shoot) == [{"measured": 0, "seen": 1}]


async def test_a_file_that_is_no_landmarker(shoot: Shoot, photo: bytes, tmp_path: Path) -> None:
    """Faces are looked for all the same; that nobody looked in their eyes is told, so that somebody can later."""
    pytest.importorskip("onnxruntime", reason="needs the extra faces")
    model_files.yunet(tmp_path / "drawn.onnx")
    (tmp_path / "none.task").write_bytes(b"nothing")
    detector = replace(NO_MODEL, name="drawn", files=(ModelFile("drawn.onnx", None),))
    landmarks = replace(NO_MODEL, kind=ModelKind.FACE_LANDMARKS, files=(ModelFile("none.task", None),))
    store = ModelStore(shoot.settings.home / "models")
    made = [store.add(one, {one.files[0].name: tmp_path / one.files[0].name}) for one in (detector, landmarks)]
    for one, manifest in zip((detector, landmarks), made, strict=True):
        await use(shoot, one, manifest.sha256)
    await shoot.upload("a.jpg", photo)
    await shoot.work()
    [(faces, models, _)] = await found(shoot)
    assert (faces is not None, models) == (True, f"drawn@{made[0].sha256[:8]}")


def install(shoot: Shoot, name: str, filename: str) -> tuple[Model, str]:
    """A model of the catalogue from ``KILO_TEST_WEIGHTS``, and its SHA-256."""
    pytest.importorskip("onnxruntime", reason="needs the extra faces")
    if not (folder := os.environ.get("KILO_TEST_WEIGHTS")):
        pytest.skip(f"KILO_TEST_WEIGHTS names no folder with {filename}")
    model = model_catalogue.find(name)
    manifest = ModelStore(shoot.settings.home / "models").add(model, {filename: Path(folder) / filename})
    return model, manifest.sha256


async def test_photos_that_came_before_the_model(shoot: Shoot, photo: bytes) -> None:
    model, sha256 = install(shoot, "yunet", "yunet_n_dynamic.onnx")
    await shoot.upload("a.jpg", photo)
    await shoot.work()
    assert await found(shoot) == [(None, None, True)]
    await use(shoot, model, sha256)
    await shoot.upload("b.jpg", photo + b"another")
    await shoot.work()
    looked: tuple[Any, ...] = ([], f"yunet@{sha256[:8]}", True)  # the drawn scene shows nobody
    assert await found(shoot) == [looked, looked]
    assert await measured(shoot) == [{"measured": 1, "seen": 1}]


async def test_a_portrait(shoot: Shoot) -> None:
    detector = install(shoot, "yunet", "yunet_n_dynamic.onnx")
    landmarks = install(shoot, "face-landmarker", "face_landmarker.task")
    if not (folder := os.environ.get("KILO_TEST_PHOTOS")):
        pytest.skip("KILO_TEST_PHOTOS names no folder with portraits in faces")
    for model in (detector, landmarks):
        await use(shoot, *model)
    portrait = sorted((Path(folder) / "faces").iterdir())[0]
    await shoot.upload(portrait.name, portrait.read_bytes())
    await shoot.work()
    [(faces, models, _)] = await found(shoot)
    assert models == f"yunet@{detector[1][:8]}+face-landmarker@{landmarks[1][:8]}"
    assert len(faces) == 1
    [face] = faces
    assert set(face) == {"box", "score", "landmarks", "sharpness", "eyes_open", "prominent"}
    assert face["prominent"] is True
    assert all(0 <= eye <= 1 for eye in face["eyes_open"])
