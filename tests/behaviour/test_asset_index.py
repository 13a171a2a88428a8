"""The asset index: the list in columns, exact at its cursor, not sent twice."""

from __future__ import annotations

import asyncio
import gzip
import random
import struct
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from kilo_gql.access import UserActor
from kilo_gql.domain.asset_index import USUAL
from kilo_gql.domain.assets import AssetChange, update_asset
from kilo_gql.domain.ratings import RatingChange, rate_asset, rate_assets
from kilo_gql.event_log import read_one
from kilo_gql.models import AssetStatus, FileKind, Project, Role
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.wait import until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
SAID = {0: None, 1: False, 2: True}


def unpacked(index: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an index with all its usual columns, as a client would read them."""
    count = index["count"]
    cells = {name: b64decode(index[name]) for name in index if isinstance(index[name], str) and name != "cursor"}
    ids = [UUID(bytes=cells["ids"][16 * n : 16 * n + 16]) for n in range(count)]
    steps = struct.unpack(f">{count}q", cells["captureSteps"])
    sizes = list(struct.iter_unpack(">ii", cells["sizes"]))
    ratings = struct.unpack(f">{count}H", cells["ratings"])
    hashes, at = [], 0
    for _ in range(count):
        length = cells["thumbhashes"][at]
        hashes.append(cells["thumbhashes"][at + 1 : at + 1 + length])
        at += 1 + length
    assert at == len(cells["thumbhashes"])
    names = [None, *index["formatNames"]]
    return [
        {
            "id": str(ids[n]),
            "ms": sum(steps[: n + 1]),
            "size": sizes[n],
            "format": names[cells["formats"][n]],
            "flags": cells["flags"][n],
            "rating": (ratings[n] & 7, *(SAID[ratings[n] >> bit & 3] for bit in (3, 5, 7))),
            "color": cells["colors"][3 * n : 3 * n + 3].hex(),
            "thumbhash": hashes[n],
        }
        for n in range(count)
    ]


def expected(shown: dict[str, Any]) -> dict[str, Any]:
    """The row of an index that an asset of REST's list stands for."""
    ready, flags, said = shown["readiness"], shown["flags"], shown["myRating"]
    bits = [ready[name] for name in ("preview", "metadata", "signals", "embedding")]
    bits += [flags["processingReady"], flags["isPaired"], flags["hasSidecar"], shown["capturedAt"] is not None]
    moment = shown["capturedAt"] or shown["ingestedAt"]
    return {
        "id": shown["id"],
        "ms": (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1),
        "size": (shown["widthPx"] or 0, shown["heightPx"] or 0),
        "format": shown["format"],
        "flags": sum(bit << n for n, bit in enumerate(bits)),
        "rating": (said["rating"] or 0, said["picked"], said["rejected"], said["starred"]),
        "color": (shown["averageColor"] or "#000000")[1:],
        "thumbhash": b64decode(shown["thumbhash"] or ""),
    }


async def listed(api: Api, who: UserActor, project: Project) -> list[dict[str, Any]]:
    page = (await api.rest("GET", f"/projects/{project.id}/assets?limit=200", actor=who)).json()
    for shown in page["items"]:
        for name in ("capturedAt", "ingestedAt"):
            shown[name] = shown[name] and datetime.fromisoformat(shown[name])
    return page["items"]  # type: ignore[no-any-return]


async def shoot(make: Make, project: Project, people: list[UserActor], seed: int) -> None:
    """Some photos of every kind, at random."""
    print(f"{seed=}")  # noqa: T201 - shown when it fails
    rnd = random.Random(seed)
    for n in range(25):
        asset = await make.asset(
            project,
            f"{n}.jpg",
            captured_at=rnd.choice((None, NOON, NOON + timedelta(milliseconds=rnd.randrange(-(10**12), 10**10)))),
            ingested_at=NOON,
            format=rnd.choice((None, "jpeg", "cr3", "heic")),
            status=rnd.choice((AssetStatus.READY, AssetStatus.READY, AssetStatus.PROCESSING, AssetStatus.QUARANTINED)),
            trashed_at=rnd.choice((None, None, None, NOON)),
            width_px=rnd.choice((None, 6000, 100_000)),
            height_px=rnd.choice((None, 4000)),
            thumbhash=rnd.choice((None, b64encode(rnd.randbytes(rnd.randrange(1, 30))).decode())),
            average_color=rnd.choice((None, 0, 0xFFFFFF, rnd.randrange(1 << 24))),
            preview_ready=rnd.random() < 0.5,
            metadata_ready=rnd.random() < 0.5,
            signals_ready=rnd.random() < 0.5,
            embedding_ready=rnd.random() < 0.5,
        )
        for format_ in rnd.choice(((), (), ("jpeg",), ("xmp",), ("jpeg", "xmp"))):
            await make.asset(project, format=format_, parent_id=asset.id)
        for person in people:
            if rnd.random() < 0.7:
                flags = {name: rnd.choice((None, True, False)) for name in ("picked", "rejected", "starred")}
                await make.rating(asset, person, rating=rnd.choice((None, 1, 2, 3, 4, 5)), **flags)


@pytest.mark.parametrize("seed", [1, 2])
async def test_it_is_the_list(door: Door, make: Make, seed: int) -> None:
    ada = await make.user()
    project, other = await make.project(ada), await make.project(ada)
    bob = await make.member(project.id, Role.EDITOR)
    await make.asset(other)
    await shoot(make, project, [ada, bob], seed)
    for person in (ada, bob):
        photos = await listed(door.api, person, project)
        index = (await door.call("asset_index", person, projectId=project.id)).ok
        assert unpacked(index) == [expected(shown) for shown in photos]
        assert index["formatNames"] == sorted({shown["format"] for shown in photos} - {None})


INDEX = """
query ($id: UUID!, $columns: [AssetIndexColumn!]) { assetIndex(projectId: $id, columns: $columns) {
    cursor count formatNames ids captureSteps sizes formats flags ratings colors thumbhashes thumbnails previews
} }
"""


async def fetched(api: Api, who: UserActor, project: Project, columns: list[str] | None = None) -> dict[str, Any]:
    answer = await api.graphql(INDEX, {"id": str(project.id), "columns": columns}, actor=who)
    return answer["data"]["assetIndex"]  # type: ignore[no-any-return]


async def test_an_empty_project(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    index = (await door.call("asset_index", ada, projectId=project.id)).ok
    assert (index["count"], index["formatNames"], index["ids"], index["thumbnails"]) == (0, [], "", None)
    assert index["cursor"] == "1-0"


async def test_only_some_columns(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    preview = await make.file(asset, FileKind.PREVIEW, sha256="0123456789abcdef" + "f" * 48)
    await make.file(asset, FileKind.THUMBNAIL, damaged_at=NOON)
    path = f"/projects/{project.id}/assets:index"
    index = (await api.rest("GET", f"{path}?columns=previews,thumbnails", actor=ada)).json()
    assert {name for name, value in index.items() if value is not None} == {
        "cursor", "count", "formatNames", "previews", "thumbnails",
    }  # fmt: skip
    assert b64decode(index["previews"]).hex() == str(preview.sha256)[:16]
    assert b64decode(index["thumbnails"]) == bytes(8)
    assert await fetched(api, ada, project, ["PREVIEWS", "THUMBNAILS"]) == index
    wrong = await api.rest("GET", f"{path}?columns=ids,secrets", actor=ada)
    assert (wrong.status_code, wrong.json()["details"]["columns"]) == (400, ["secrets"])
    assert [column for column in index if index[column] is None] == [
        "".join((first, *(part.title() for part in rest))) for column in USUAL for first, *rest in [column.split("_")]
    ]


async def test_it_is_not_sent_twice(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bob = await make.member(project.id, Role.EDITOR)
    asset = await make.asset(project)
    path = f"/projects/{project.id}/assets:index"

    async def get(who: UserActor = ada, path: str = path, **headers: str) -> Any:
        return await api.rest("GET", path, actor=who, **headers)

    first = await get(accept_encoding="gzip")
    plain = await get(accept_encoding="identity")
    assert first.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert first.content == plain.content  # the client has unpacked it
    assert first.headers["cache-control"] == plain.headers["cache-control"] == "private, no-cache"
    tags = [response.headers["etag"] for response in (first, plain)]
    assert tags == [f'"{tags[1][1:-1]}-gzip"', tags[1]]
    for tag in (*tags, f"W/{tags[1]}", f'"other", {tags[0]}'):
        again = await get(if_none_match=tag, accept_encoding="gzip")
        assert (tag, again.status_code, again.content, again.headers["etag"]) == (tag, 304, b"", tags[0])
    others = (
        await get(bob, if_none_match=tags[1]),
        await get(path=f"{path}?columns=ids", if_none_match=tags[1]),
        await get(if_none_match='"other"'),
        await get(if_none_match="nonsense"),
    )
    assert [response.status_code for response in others] == [200] * 4
    for change in ({"rating": 3}, {"rating": 4}):
        await api.rest("POST", f"/assets/{asset.id}/ratings", change, actor=ada)
        fresh = await get(if_none_match=tags[1])
        assert fresh.status_code == 200
        assert unpacked(fresh.json())[0]["rating"][0] == change["rating"]


async def test_what_is_sent_compressed_is_what_is_said(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await make.asset(project)
    path = f"/v1/projects/{project.id}/assets:index"
    async with api.client.stream("GET", path, headers={**api.headers(ada), "accept-encoding": "gzip"}) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert gzip.decompress(raw).startswith(b'{"cursor":"1-0","count":1,')
    assert int(response.headers["content-length"]) == len(raw)


async def test_the_events_after_its_cursor_are_all_it_takes(api: Api, make: Make) -> None:
    """Writers write, readers read: each index plus the events after its cursor is the end."""
    ada = await make.user()
    project = await make.project(ada)
    photos = [await make.asset(project) for _ in range(20)]
    throat, ids = api.services.throat, [photo.id for photo in photos]
    seed = random.randrange(1 << 32)
    print(f"{seed=}")  # noqa: T201 - shown when it fails
    rnd = random.Random(seed)

    async def write() -> None:
        for _ in range(15):
            some = rnd.sample(ids, 5)
            await throat.execute(ada, rate_assets, project.id, some, RatingChange(picked=rnd.random() < 0.5))
            await throat.execute(ada, rate_asset, rnd.choice(ids), RatingChange(rating=rnd.randrange(1, 6)))

    seen: list[dict[str, Any]] = []

    async def watch() -> None:
        path = f"/projects/{project.id}/assets:index"
        seen.extend([(await api.rest("GET", path, actor=ada)).json() for _ in range(12)])

    await asyncio.gather(write(), write(), write(), watch(), watch())
    last = await throat.execute(ada, update_asset, ids[0], AssetChange(title="The end"))

    async def numbered() -> bool:
        return await api.services.hub.reached(last.op_id) is not None

    await until_seen(numbered)
    end = (await api.rest("GET", f"/projects/{project.id}/assets:index", actor=ada)).json()
    final = {row["id"]: row["rating"] for row in unpacked(end)}
    for index in seen:
        state = {row["id"]: row["rating"] for row in unpacked(index)}
        assert len(state) == 20
        log = await read_one(api.services.db, project.id, int(index["cursor"].partition("-")[2]))
        for event in log.events:
            if (said := event.changed.get("rating")) is not None:
                for id_ in map(str, event.ids):
                    rating, picked, rejected, starred = state[id_]
                    state[id_] = (said.get("rating", rating), said.get("picked", picked), rejected, starred)
        assert state == final
    assert len({index["cursor"] for index in seen}) > 1
    assert str(uuid7()) not in final
