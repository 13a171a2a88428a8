"""Which models there are, which of them work, and how far their spaces are filled."""

from __future__ import annotations

import hashlib

import pytest

from kilo_gql.access import Perm, System
from kilo_gql.db import Database
from kilo_gql.domain import embeddings
from kilo_gql.model_catalogue import CATALOGUE
from kilo_gql.models import AssetEmbedding
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.make import Make

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHA = hashlib.sha256(b"weights").hexdigest()


async def use(db: Database, name: str | None) -> None:
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        if name is not None:
            await embeddings.use(tx, CATALOGUE[name], SHA)
        else:
            await embeddings.stop_using(tx, "openclip-vit-b-32-datacomp")
        await tx.write_outbox()
        await tx.session.commit()


async def test_models_and_their_licences(door: Door, make: Make, api: Api) -> None:
    ada = await make.user()
    listed = {one["name"]: one for one in (await door.call("list_models", ada)).ok}
    assert set(listed) == set(CATALOGUE)
    assert listed["mobileclip2-s0"] == {
        "name": "mobileclip2-s0",
        "kind": "embedding",
        "title": "MobileCLIP2-S0: small; for research alone",
        "revision": None,
        "licence": "apple-amlr",
        "licenceUrl": "https://huggingface.co/apple/MobileCLIP2-S0",
        "researchOnly": True,
        "dim": 512,
        "inUse": None,
    }
    await use(api.services.db, "openclip-vit-b-32-datacomp")
    listed = {one["name"]: one for one in (await door.call("list_models", ada)).ok}
    assert [name for name, one in listed.items() if one["inUse"]] == ["openclip-vit-b-32-datacomp"]
    await use(api.services.db, None)


async def test_a_space_counts_the_photos_one_can_see(door: Door, make: Make, api: Api) -> None:
    db = api.services.db
    ada, bob = await make.user(), await make.user()
    asset = await make.asset(await make.project(ada))
    await make.asset(await make.project(ada), "IMG_2.JPG")
    await make.asset(await make.project(bob))
    await use(db, "openclip-vit-b-32-datacomp")
    name = f"openclip-vit-b-32-datacomp@{SHA[:8]}"
    row = {"project_id": asset.project_id, "asset_id": asset.id, "space": name, "vector": b"\0" * 1024}
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.insert(AssetEmbedding, [row])
        await tx.session.commit()
    counts = {
        who: [
            (one["name"], one["dim"], one["learned"], one["state"], one["embeddedCount"], one["assetCount"])
            for one in (await door.call("list_embedding_spaces", actor)).ok
        ]
        for who, actor in (("ada", ada), ("bob", bob))
    }
    assert counts == {
        "ada": [("concept-v1", 64, False, "serving", 0, 2), (name, 512, True, "building", 1, 2)],
        "bob": [("concept-v1", 64, False, "serving", 0, 1), (name, 512, True, "building", 0, 1)],
    }
    await use(db, None)
