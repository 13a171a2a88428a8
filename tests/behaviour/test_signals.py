"""What was measured in photos, through both doors: signals, flags that follow from them, and the film strip."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kilo_gql.access import UserActor
from kilo_gql.domain.signals import FACES_MAX
from kilo_gql.models import AssetStatus, Cluster, ClusterKind, ClusterMember, FileKind, Project
from kilo_gql.models.base import uuid7
from ml.records import NUMBERS
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8400"
CANON = {"camera_make": "Canon", "camera_model": "EOS R5", "camera_serial": "042"}
FACE = {
    "box": [0.1, 0.2, 0.3, 0.4],
    "score": 0.9,
    "landmarks": [[0.15, 0.25], [0.25, 0.25], [0.2, 0.3], [0.16, 0.35], [0.24, 0.35]],
    "sharpness": None,
    "eyes_open": [0.75, None],
    "prominent": True,
}
SHOWN_FACE = {
    "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4, "score": 0.9, "sharpness": None, "rightEyeOpen": 0.75,
    "leftEyeOpen": None, "prominent": True,
    "landmarks": [0.15, 0.25, 0.25, 0.25, 0.2, 0.3, 0.16, 0.35, 0.24, 0.35],
}  # fmt: skip


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


async def test_everything_that_was_measured(door: Door, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    numbers = {name: place + 0.25 for place, name in enumerate(NUMBERS)} | {"tilt": None}
    await make.signals(
        asset, signals=numbers, tile_rows=2, tile_columns=3, tiles=bytes(range(18)), faces=[FACE], face_models="yunet",
        measured_at=NOON,
    )  # fmt: skip
    assert (await door.call("get_signals", ada, assetId=asset.id)).ok == {
        "version": 1,
        "measuredAt": NOON,
        **{camel(name): value for name, value in numbers.items()},
        "tiles": {
            "rows": 2,
            "columns": 3,
            "sharpness": b64encode(bytes(range(6))).decode(),
            "highlights": b64encode(bytes(range(6, 12))).decode(),
            "shadows": b64encode(bytes(range(12, 18))).decode(),
        },
        "faceModels": "yunet",
        "faces": [SHOWN_FACE],
    }


async def test_what_nobody_can_tell_is_null_and_nobody_who_looked_is_too(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    looked, nobody = await make.asset(project), await make.asset(project)
    await make.signals(looked, None, faces=[], face_models="yunet")
    await make.signals(nobody, signals={})
    shown = [(await door.call("get_signals", ada, assetId=asset.id)).ok for asset in (looked, nobody)]
    assert [{one[camel(name)] for name in NUMBERS} for one in shown] == [{None}, {None}]
    assert [(one["faces"], one["faceModels"]) for one in shown] == [([], "yunet"), (None, None)]


async def test_no_more_faces_than_a_screen_can_show(door: Door, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    await make.signals(asset, faces=[FACE | {"score": place / 100} for place in range(FACES_MAX + 5)])
    shown = (await door.call("get_signals", ada, assetId=asset.id)).ok["faces"]
    assert [face["score"] for face in shown] == [place / 100 for place in range(FACES_MAX)]


async def test_a_photo_that_has_not_been_measured(door: Door, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    answer = await door.call("get_signals", ada, assetId=asset.id)
    if door.name == "graphql":
        assert answer.ok is None
    else:
        assert (answer.status, answer.code) == (404, "not_measured")


async def test_signals_of_a_page_are_one_statement_more(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    for sharpness in (0.5, 0.75):
        await make.signals(await make.asset(project), sharpness)
    await make.asset(project)
    query = "query ($id: UUID!) { assets(projectId: $id) { nodes { id signals { sharpness } } } }"
    await door.api.graphql(query, {"id": str(project.id)}, actor=ada)
    with statements(make.db) as seen:
        answer = await door.api.graphql(query, {"id": str(project.id)}, actor=ada)
        await asyncio.sleep(0.05)
    assert [node["signals"] for node in answer["data"]["assets"]["nodes"]] == [
        {"sharpness": 0.5},
        {"sharpness": 0.75},
        None,
    ]
    assert len([one for one in seen if one.startswith("SELECT asset")]) == 2


async def test_flags_that_follow_from_what_was_found(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    photos = [await make.asset(project) for _ in range(4)]
    for photo, faces in zip(photos, (None, [], [FACE]), strict=False):
        await make.signals(photo, faces=faces)
    await duplicates(make, project, [photos[0].id, photos[1].id, photos[2].id])
    page = (await door.call("list_assets", ada, projectId=project.id)).ok["items"]
    assert [(one["flags"]["hasFace"], one["flags"]["isDuplicate"]) for one in page] == [
        (None, False),
        (False, True),
        (True, True),
        (None, False),
    ]
    for name in ("hasFace", "isDuplicate"):
        answer = await door.call("update_asset", ada, assetId=photos[0].id, flags={name: True})
        assert answer.code == "flag_reserved"


async def duplicates(make: Make, project: Project, ids: list[Any]) -> None:
    """A moment and a duplicate group of these, in this order."""
    now = make.db.house.clock()
    for kind in (ClusterKind.MOMENT, ClusterKind.DUPLICATE_GROUP):
        stamps = {"sort_at": now, "created_at": now, "updated_at": now}
        cluster = Cluster(id=uuid7(), project_id=project.id, kind=kind, size=len(ids), **stamps)
        await make.rows(cluster)
        for place, id_ in enumerate(ids):
            member = {"project_id": project.id, "asset_id": id_, "kind": kind, "cluster_id": cluster.id}
            await make.rows(ClusterMember(**member, place=place))


# --- the film strip --------------------------------------------------------------------------------------------------


async def shoot(make: Make, project: Project, *frames: tuple[float, float | None], **columns: Any) -> list[str]:
    """Photos so many seconds after noon, of such a sharpness; their ids. None: not measured."""
    ids = []
    for seconds, sharpness in frames:
        asset = await make.asset(project, captured_at=NOON + timedelta(seconds=seconds), **{**CANON, **columns})
        if sharpness is not None:
            await make.signals(asset, sharpness)
        ids.append(str(asset.id))
    return ids


async def strip(door: Door, who: UserActor, project: Project, limit: int = 200) -> list[dict[str, Any]]:
    """The whole strip, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await door.call("filmstrip", who, projectId=project.id, limit=limit, **cursor)).ok
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        cursor = {"cursor": page["nextCursor"]}


async def test_a_frame_of_the_strip(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, captured_at=NOON, width_px=60, height_px=40, thumbhash="3Oc=", **CANON)
    thumbnail = await make.file(asset, FileKind.THUMBNAIL)
    bare = await make.asset(project)
    assert await strip(door, ada, project) == [
        {
            "assetId": str(asset.id), "capturedAt": NOON, "camera": "Canon EOS R5 042", "widthPx": 60, "heightPx": 40,
            "thumbhash": "3Oc=", "blur": None,
            "thumbnailUrl": f"{BASE}/media/{asset.id}/thumbnail-{str(thumbnail.sha256)[:16]}",
        },
        {
            "assetId": str(bare.id), **dict.fromkeys(
                ("capturedAt", "camera", "widthPx", "heightPx", "thumbhash", "thumbnailUrl", "blur")
            ),
        },
    ]  # fmt: skip


async def test_blur_is_told_by_neighbours_alone(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await shoot(make, project, (0, 1.0), (1, 0.75), (2, None), (3, 0.25), (100, 0.3), (160, 0.4), (221, 0.9), (300, 0))
    # softer than anything at noon, but the sharpest of its own
    assert [frame["blur"] for frame in await strip(door, ada, project)] == [
        0.0, 0.25, None, 0.75,  # one burst, one of it not measured
        0.25, 0.0,  # a minute apart, to the second
        None, None,  # alone
    ]  # fmt: skip


async def test_cameras_are_not_held_against_each_other(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await shoot(make, project, (0, 1.0), (2, 0.5))
    await shoot(make, project, (1, 0.1), (3, 0.2), camera_serial="043")
    await shoot(make, project, (1.5, 0.1), (3.5, 0.2), camera_make=None, camera_model=None, camera_serial=None)
    assert [frame["blur"] for frame in await strip(door, ada, project)] == [0.0, 0.5, None, 0.5, 0.0, None]


async def test_four_frames_on_either_side(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await shoot(make, project, *((place, 0.5 if place else 1.0) for place in range(7)))
    assert [frame["blur"] for frame in await strip(door, ada, project)] == [0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]


async def test_only_frames_that_are_sharp_at_all_compare(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await shoot(make, project, (0, 0.0), (1, 0.0))
    assert [frame["blur"] for frame in await strip(door, ada, project)] == [None, None]


async def test_the_strip_shows_what_lists_show(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    [raw, *_] = await shoot(make, project, (5, 0.5), (7, 1.0))
    hidden: tuple[dict[str, Any], ...] = (
        {"trashed_at": NOON}, {"parent_id": raw}, {"format": "xmp"}, {"status": AssetStatus.QUARANTINED},
        {"status": AssetStatus.UPLOADING},
    )  # fmt: skip
    for columns in hidden:
        await shoot(make, project, (6, 2.0), **columns)
    shown = [one["id"] for one in (await door.call("list_assets", ada, projectId=project.id)).ok["items"]]
    found = await strip(door, ada, project)
    assert [frame["assetId"] for frame in found] == shown
    assert [frame["blur"] for frame in found] == [0.5, 0.0]


async def test_however_it_is_cut_into_pages(
    door: Door, make: Make, record_property: Callable[[str, object], None]
) -> None:
    seed = random.randrange(1 << 32)
    record_property("seed", seed)
    chance = random.Random(seed)
    ada = await make.user()
    project = await make.project(ada)
    for _ in range(40):
        frame = (chance.randrange(60), chance.choice((None, 0.2, 0.5, 0.8, 1.0)))
        await shoot(make, project, frame, camera_serial=chance.choice("12"))
    whole = await strip(door, ada, project)
    assert [frame["assetId"] for frame in whole] == [
        one["id"] for one in (await door.call("list_assets", ada, projectId=project.id, limit=200)).ok["items"]
    ]
    for limit in (1, 7, 39, 40):
        assert await strip(door, ada, project, limit) == whole, (seed, limit)


async def test_a_page_is_one_statement(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    await shoot(make, project, *((place, 1.0) for place in range(5)))
    cursor = (await door.call("filmstrip", ada, projectId=project.id, limit=2)).ok["nextCursor"]
    for more in ({}, {"cursor": cursor}):
        await door.call("filmstrip", ada, projectId=project.id, limit=2, **more)
        with statements(make.db) as seen:
            await door.call("filmstrip", ada, projectId=project.id, limit=2, **more)
            await asyncio.sleep(0.05)
        assert len(seen) == 1


async def test_a_strip_of_nothing_and_what_is_no_cursor(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    assert await strip(door, ada, project) == []
    assert (await door.call("filmstrip", ada, projectId=project.id, cursor="x")).code == "bad_cursor"
    assert (await door.call("filmstrip", ada, projectId=project.id, limit=201)).code == "page_too_large"
    assert (await door.call("filmstrip", ada, projectId=uuid7())).code == "not_found"
