"""Assets: find them, look at them, say what they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kilo_gql.access import UserActor
from kilo_gql.models import Asset, AssetStatus, FileKind, JobStatus, Project, Role
from kilo_gql.models.base import uuid7
from kilo_gql.paging import cursor_of
from ml.xmp import properties
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.sending import change
from tests.support.traces import op_ids, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8400"


def plain(asset: Asset, **columns: Any) -> dict[str, Any]:
    """What both doors show of an asset about which nothing but the given columns is known."""
    return {
        "id": str(asset.id),
        "projectId": str(asset.project_id),
        "parentId": None,
        "status": "ready",
        "filename": asset.filename,
        "format": "jpeg",
        "addedBy": str(asset.added_by),
        "ingestedAt": asset.ingested_at,
        "updatedAt": asset.updated_at,
        **dict.fromkeys(
            (
                "trashedAt", "capturedAt", "capturedLocal", "offsetMinutes", "capturedSource", "zoneSource", "widthPx",
                "heightPx", "cameraMake", "cameraModel", "cameraSerial", "lensModel", "focalLengthMm", "shutterSpeed",
                "exposureTimeS", "aperture", "iso", "exposureBiasEv", "flashFired", "driveMode", "title",
                "description", "label", "notes", "thumbhash", "averageColor", "thumbnailUrl", "previewUrl",
                "bestPreviewUrl",
            )
        ),
        "keywords": [],
        "remarks": [],
        "sidecarUrl": f"{BASE}/v1/assets/{asset.id}/sidecar",
        "flags": {
            "processingReady": True, "quarantined": False, "trashed": False, "hasSidecar": False, "isPaired": False,
            "hasFace": None, "isDuplicate": False,
        },
        **columns,
    }  # fmt: skip


SAID = ("rating", "picked", "rejected", "starred", "notes", "updatedAt")
NOTHING_BELOW = {
    "gps": None,
    "readiness": {"preview": True, "metadata": True, "signals": False, "embedding": False},
    "quarantine": None,
    "myRating": dict.fromkeys(SAID),
}
#: What the GraphQL door does not select by itself.
BELOW = """
query ($id: UUID!) { asset(id: $id) {
    gps { latitude longitude altitudeM } readiness { preview metadata signals embedding }
    quarantine { code reason byteOffset remediation }
    myRating { assetId userId rating picked rejected starred notes updatedAt }
} }
"""


def flat(shown: dict[str, Any]) -> dict[str, Any]:
    """An asset without what only one door answers without being asked."""
    below = (*NOTHING_BELOW, "exif", "iptc", "xmp", "companionIds", "clusterIds")
    return {name: value for name, value in shown.items() if name not in below}


async def below(door: Door, who: UserActor, asset_id: Any) -> dict[str, Any]:
    """The objects in an asset."""
    if door.name == "rest":
        shown = (await door.call("get_asset", who, assetId=asset_id)).ok
    else:
        shown = (await door.api.graphql(BELOW, {"id": str(asset_id)}, actor=who))["data"]["asset"]
        if (at := shown["myRating"]["updatedAt"]) is not None:
            shown["myRating"]["updatedAt"] = datetime.fromisoformat(at)
    rating = shown["myRating"]
    assert (rating.pop("assetId"), rating.pop("userId")) == (str(asset_id), str(who.user_id))
    return {name: shown[name] for name in NOTHING_BELOW}


async def listed(door: Door, who: UserActor, project: Project, **arguments: Any) -> list[str]:
    """The file names of a list, in its order."""
    page = (await door.call("list_assets", who, projectId=project.id, **arguments)).ok
    assert page["nextCursor"] is None
    return [asset["filename"] for asset in page["items"]]


async def test_a_photo_of_which_nothing_is_known(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, "IMG_1.JPG")
    assert flat((await door.call("get_asset", ada, assetId=asset.id)).ok) == plain(asset)
    assert await below(door, ada, asset.id) == NOTHING_BELOW
    [item] = (await door.call("list_assets", ada, projectId=project.id)).ok["items"]
    assert flat(item) == plain(asset)
    [item] = (await door.call("get_assets", ada, ids=[asset.id])).ok
    assert flat(item) == plain(asset)


async def test_a_photo_of_which_everything_is_known(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    known = {
        "captured_at": NOON, "captured_local": "2026-06-20T14:00:00.25", "offset_minutes": 120,
        "captured_source": "DateTimeOriginal", "zone_source": "OffsetTimeOriginal", "width_px": 6000,
        "height_px": 4000, "camera_make": "Canon", "camera_model": "EOS R5", "camera_serial": "042",
        "lens_model": "RF 85mm F1.2", "focal_length_mm": 85.0, "shutter_speed": "1/250", "exposure_time_s": 0.004,
        "aperture": 1.2, "iso": 400, "exposure_bias_ev": -0.3333, "flash_fired": False, "drive_mode": "continuous",
        "title": "Kiss", "description": "By the lake.\nAt noon.", "keywords": ["lake", "kiss"], "label": "Red",
        "notes": "For the album.", "remarks": ["No profile: sRGB is assumed."],
        "thumbhash": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
    }  # fmt: skip
    hidden = {
        "average_color": 0x0A0B0C, "gps_latitude": -47.5, "gps_longitude": 8.25, "flags": {"album": True, "stars": 3},
        "exif": {"Artist": "Ada"}, "iptc": {"City": "Bern"}, "xmp": {"xmp:Rating": "3"},
    }  # fmt: skip
    asset = await make.asset(project, **known, **hidden)
    thumbnail = await make.file(asset, FileKind.THUMBNAIL)
    preview = await make.file(asset, FileKind.PREVIEW)
    await make.file(asset, FileKind.MICRO)
    said = await make.rating(asset, ada, rating=4, picked=True, notes="Mine.")
    await make.rating(asset, await make.member(project.id, Role.EDITOR), rating=1, rejected=True)
    names = {name: "".join((first, *(p.title() for p in rest))) for name in known for first, *rest in [name.split("_")]}
    urls = {
        f"{file.kind}Url": f"{BASE}/media/{asset.id}/{file.kind}-{str(file.sha256)[:16]}"
        for file in (thumbnail, preview)
    }
    expected = plain(
        asset,
        **{names[name]: value for name, value in known.items()},
        **urls,
        averageColor="#0a0b0c",
        bestPreviewUrl=urls["previewUrl"],
    )
    expected["flags"] |= {"album": True, "stars": 3}
    shown = (await door.call("get_asset", ada, assetId=asset.id)).ok
    assert flat(shown) == expected
    assert (shown["exif"], shown["iptc"], shown["xmp"]) == ({"Artist": "Ada"}, {"City": "Bern"}, {"xmp:Rating": "3"})
    assert await below(door, ada, asset.id) == {
        **NOTHING_BELOW,
        "gps": {"latitude": -47.5, "longitude": 8.25, "altitudeM": None},
        "myRating": {
            "rating": 4, "picked": True, "rejected": None, "starred": None, "notes": "Mine.",
            "updatedAt": said.updated_at,
        },
    }  # fmt: skip
    [item] = (await door.call("list_assets", ada, projectId=project.id)).ok["items"]
    assert flat(item) == expected


async def test_damaged_renditions_are_not_shown(door: Door, make: Make) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    await make.file(asset, FileKind.PREVIEW, damaged_at=NOON)
    thumbnail = await make.file(asset, FileKind.THUMBNAIL)
    shown = (await door.call("get_asset", ada, assetId=asset.id)).ok
    url = f"{BASE}/media/{asset.id}/thumbnail-{str(thumbnail.sha256)[:16]}"
    assert (shown["previewUrl"], shown["thumbnailUrl"], shown["bestPreviewUrl"]) == (None, url, url)


async def test_a_quarantined_file_says_why_and_what_to_do(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    why = {"quarantine_code": "truncated", "quarantine_reason": "It ends in the middle.", "quarantine_offset": 4096}
    nothing = {"preview_ready": False, "metadata_ready": False, "format": None}
    bad = await make.asset(project, "bad.jpg", status=AssetStatus.QUARANTINED, **why, **nothing)
    assert await listed(door, ada, project) == []
    assert await listed(door, ada, project, quarantined=True) == ["bad.jpg"]
    shown = (await door.call("get_asset", ada, assetId=bad.id)).ok
    assert (shown["status"], shown["format"]) == ("quarantined", None)
    assert (shown["flags"]["quarantined"], shown["flags"]["processingReady"]) == (True, False)
    assert await below(door, ada, bad.id) == {
        **NOTHING_BELOW,
        "readiness": dict.fromkeys(("preview", "metadata", "signals", "embedding"), False),
        "quarantine": {
            "code": "truncated",
            "reason": "It ends in the middle.",
            "byteOffset": 4096,
            "remediation": ["Its end is missing.", "Send the file again from the card or the camera."],
        },
    }


async def test_a_pair_and_its_sidecar_are_one_photo(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    raw = await make.asset(project, "a.cr3", format="cr3")
    jpeg = await make.asset(project, "a.jpg", parent_id=raw.id)
    xmp = await make.asset(project, "a.xmp", format="xmp", parent_id=raw.id)
    await make.asset(project, "b.xmp", format="xmp")
    assert await listed(door, ada, project) == ["a.cr3"]
    assert (await door.call("get_asset", ada, assetId=raw.id)).ok["flags"] == {
        "processingReady": True, "quarantined": False, "trashed": False, "hasSidecar": True, "isPaired": True,
        "hasFace": None, "isDuplicate": False,
    }  # fmt: skip
    half = (await door.call("get_asset", ada, assetId=jpeg.id)).ok
    assert (half["parentId"], half["flags"]["isPaired"], half["flags"]["hasSidecar"]) == (str(raw.id), True, False)
    assert (await door.call("get_asset", ada, assetId=xmp.id)).ok["flags"]["isPaired"] is False
    if door.name == "rest":
        shown = (await door.call("get_asset", ada, assetId=raw.id)).ok
        assert shown["companionIds"] == [str(jpeg.id), str(xmp.id)]
    else:
        query = "query ($id: UUID!) { asset(id: $id) { companions { id filename } } }"
        answer = await door.api.graphql(query, {"id": str(raw.id)}, actor=ada)
        assert [each["filename"] for each in answer["data"]["asset"]["companions"]] == ["a.jpg", "a.xmp"]


async def test_failed_jobs_of_an_asset(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset, other = await make.asset(project), await make.asset(project)
    old = await make.job(project.id, JobStatus.FAILED, asset_id=asset.id, remediation=["Send it again."])
    new = await make.job(project.id, JobStatus.FAILED, asset_id=asset.id)
    await make.job(project.id, JobStatus.DONE, asset_id=asset.id)
    await make.job(project.id, JobStatus.FAILED, asset_id=other.id)
    found = (await door.call("list_jobs", ada, projectId=project.id, assetId=asset.id, status="failed")).ok["items"]
    assert [(job["id"], job["remediation"]) for job in found] == [(str(new.id), []), (str(old.id), ["Send it again."])]
    if door.name == "graphql":
        query = "query ($id: UUID!) { asset(id: $id) { failedJobs { id remediation } } }"
        answer = await door.api.graphql(query, {"id": str(asset.id)}, actor=ada)
        assert [job["id"] for job in answer["data"]["asset"]["failedJobs"]] == [str(new.id), str(old.id)]


# --- lists -----------------------------------------------------------------------------------------------------------


async def test_orders_with_ties_and_without_values(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    later = NOON + timedelta(microseconds=1)
    photos = [
        await make.asset(project, "b.jpg", captured_at=NOON),
        await make.asset(project, "B.JPG", captured_at=later),
        await make.asset(project, "a.jpg", captured_at=NOON),
        await make.asset(project, "Ä.jpg", ingested_at=NOON - timedelta(days=1)),
        await make.asset(project, "c.jpg", captured_at=NOON),
    ]
    for asset, rating in zip(photos, (3, None, 5, 3, None), strict=True):
        if rating is not None or asset.filename == "B.JPG":
            await make.rating(asset, ada, rating=rating)
    await make.rating(photos[4], await make.member(project.id, Role.EDITOR), rating=5)
    expected = {
        "captured_at": ["Ä.jpg", "b.jpg", "a.jpg", "c.jpg", "B.JPG"],
        "name": ["a.jpg", "b.jpg", "B.JPG", "c.jpg", "Ä.jpg"],
        "rating": ["B.JPG", "c.jpg", "b.jpg", "Ä.jpg", "a.jpg"],
    }
    assert await listed(door, ada, project) == expected["captured_at"]
    for sort, names in expected.items():
        for descending in (False, True):
            wanted = names[::-1] if descending else names
            arguments = {"projectId": project.id, "sort": sort, "descending": descending}
            assert await listed(door, ada, project, sort=sort, descending=descending) == wanted
            for limit in (1, 2, 3):
                seen, cursor = [], None
                while True:
                    more = {} if cursor is None else {"cursor": cursor}
                    page = (await door.call("list_assets", ada, limit=limit, **arguments, **more)).ok
                    seen += [asset["filename"] for asset in page["items"]]
                    if (cursor := page["nextCursor"]) is None:
                        break
                assert (sort, descending, limit, seen) == (sort, descending, limit, wanted)


async def test_cursors_belong_to_their_order(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    for _ in range(2):
        await make.asset(project)
    sorts = ("captured_at", "name", "rating")
    cursors = {
        sort: (await door.call("list_assets", ada, projectId=project.id, sort=sort, limit=1)).ok["nextCursor"]
        for sort in sorts
    }
    for sort in sorts:
        for other, cursor in cursors.items():
            answer = await door.call("list_assets", ada, projectId=project.id, sort=sort, cursor=cursor)
            assert (sort, other, answer.code) == (sort, other, None if other == sort else "bad_cursor")
    for cursor in (
        "nonsense", cursor_of("name", "a"), cursor_of("name", 1, uuid7()), cursor_of("captured_at", "x", uuid7()),
    ):  # fmt: skip
        answer = await door.call("list_assets", ada, projectId=project.id, sort="name", cursor=cursor)
        assert answer.code == "bad_cursor"


async def test_filters(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    canon = {"camera_make": "Canon", "camera_model": "EOS R5", "lens_model": "RF 85mm"}
    a = await make.asset(project, "a", captured_at=NOON, label="Red", keywords=["lake", "kiss"], **canon)
    b = await make.asset(project, "b", captured_at=NOON + timedelta(hours=1), format="cr3", camera_model="eos 80d")
    c = await make.asset(project, "c", format="raw", keywords=["Lake"])
    d = await make.asset(project, "d", format="heic", status=AssetStatus.PROCESSING)
    await make.asset(project, "e", status=AssetStatus.UPLOADING)
    await make.rating(a, ada, rating=5, picked=True, rejected=False)
    await make.rating(b, ada, rating=2, rejected=True, starred=True)
    await make.rating(c, ada, picked=False)
    await make.rating(d, await make.member(project.id, Role.EDITOR), rating=5, picked=True)
    everything = ["a", "b", "c", "d"]
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({}, everything),
        ({"picked": True}, ["a"]),
        ({"picked": False}, ["b", "c", "d"]),
        ({"rejected": True}, ["b"]),
        ({"rejected": False}, ["a", "c", "d"]),
        ({"starred": True}, ["b"]),
        ({"ratingMin": 1}, ["a", "b"]),
        ({"ratingMin": 3}, ["a"]),
        ({"ratingMin": 1, "rejected": False}, ["a"]),
        ({"camera": "canon eos"}, ["a"]),
        ({"camera": "EOS"}, ["a", "b"]),
        ({"camera": "%"}, []),
        ({"lens": "85MM"}, ["a"]),
        ({"capturedFrom": NOON}, ["a", "b"]),
        ({"capturedFrom": NOON + timedelta(microseconds=1)}, ["b"]),
        ({"capturedTo": NOON + timedelta(hours=1)}, ["a"]),
        ({"capturedFrom": NOON + timedelta(hours=1), "capturedTo": NOON}, []),
        ({"format": "raw"}, ["b", "c"]),
        ({"format": "CR3"}, ["b"]),
        ({"format": "heic"}, ["d"]),
        ({"format": "exe"}, []),
        ({"label": "Red"}, ["a"]),
        ({"keyword": "lake"}, ["a"]),
        ({"keyword": "Lake"}, ["c"]),
        ({"trashed": True}, []),
        ({"quarantined": True}, []),
    ]
    for narrowed, names in expected:
        assert (narrowed, await listed(door, ada, project, sort="name", **narrowed)) == (narrowed, names)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"ratingMin": 0},
        {"ratingMin": 6},
        {"capturedFrom": "2026-06-20T12:00:00"},
        {"capturedFrom": "0001-01-01T00:00:00+14:00"},
        {"capturedTo": "9999-12-31T23:59:59-14:00"},
    ],
    ids=str,
)
async def test_what_is_no_filter(door: Door, make: Make, narrowed: dict[str, Any]) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await door.call("list_assets", ada, projectId=project.id, **narrowed)
    assert answer.code == "bad_request"


async def test_by_their_ids(door: Door, make: Make) -> None:
    ada, bob = await make.user(), await make.user()
    first, second = await make.project(ada), await make.project(ada)
    a, b = await make.asset(first, "a"), await make.asset(second, "b", status=AssetStatus.UPLOADING)
    hidden = await make.asset(await make.project(bob), "hidden")
    ids = [b.id, uuid7(), a.id, hidden.id, b.id]
    assert [x["filename"] for x in (await door.call("get_assets", ada, ids=ids)).ok] == ["b", "a"]
    assert (await door.call("get_assets", ada, ids=[])).ok == []
    answer = await door.call("get_assets", ada, ids=[uuid7() for _ in range(501)])
    assert (answer.code, answer.error and answer.error["details"]) == ("too_many_ids", {"ids": 501, "max": 500})


# --- changes ---------------------------------------------------------------------------------------------------------


async def test_absent_null_and_merged(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, title="Kiss", iptc={"City": "Bern", "By": {"a": 1, "b": 2}}, flags={"x": 1})
    made = (await door.call("get_asset", ada, assetId=asset.id)).ok
    assert flat((await door.call("update_asset", ada, assetId=asset.id)).ok) == flat(made)
    answer = await door.call(
        "update_asset", ada, assetId=asset.id, title=None, keywords=[" lake ", "kiss", "lake"], label="Red",
        iptc={"City": None, "By": {"a": None, "c": 3}}, flags={"x": None, "y": "z"},
    )  # fmt: skip
    changed = (await door.call("get_asset", ada, assetId=asset.id)).ok
    assert flat(changed) == flat(answer.ok) == {
        **flat(made), "title": None, "keywords": ["lake", "kiss"], "label": "Red", "updatedAt": changed["updatedAt"],
        "flags": {**{k: v for k, v in made["flags"].items() if k != "x"}, "y": "z"},
    }  # fmt: skip
    assert changed["updatedAt"] > made["updatedAt"]
    assert changed["iptc"] == {"By": {"b": 2, "c": 3}}
    again = await door.call("update_asset", ada, assetId=asset.id, label="Red", flags={"y": "z"}, iptc={"City": None})
    assert flat(again.ok) == flat(changed)
    patch = {
        "title": None, "keywords": ["lake", "kiss"], "label": "Red", "iptc": {"City": None, "By": {"a": None, "c": 3}},
        "flags": {"x": None, "y": "z"},
    }  # fmt: skip
    assert await told(make.db, project.id) == [("asset.updated", patch)]
    assert await op_ids(make.db, project.id) == [answer.op_id]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "bad_request"),
    ({"title": "two\nlines"}, "bad_request"),
    ({"description": "x" * 10_001}, "bad_request"),
    ({"keywords": [""]}, "bad_request"),
    ({"keywords": [f"{n}" for n in range(501)]}, "bad_request"),
    ({"label": "x" * 65}, "bad_request"),
    ({"notes": "nul\x00"}, "bad_request"),
    ({"flags": {"processingReady": False}}, "flag_reserved"),
    ({"flags": {"isPaired": None}}, "flag_reserved"),
    ({"flags": {"nested": {}}}, "bad_request"),
    ({"flags": {"": 1}}, "bad_request"),
    ({"flags": {f"f{n}": n for n in range(33)}}, "bad_request"),
    ({"iptc": {"Caption": "x" * 70_000}}, "bad_request"),
    ({"iptc": {"Caption": "nul\x00"}}, "bad_request"),
]


@pytest.mark.parametrize(("change", "code"), REFUSED, ids=range(len(REFUSED)))
async def test_what_cannot_be_said(door: Door, make: Make, change: dict[str, Any], code: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, title="Kiss", flags={"mine": True})
    before = (await door.call("get_asset", ada, assetId=asset.id)).ok
    assert (await door.call("update_asset", ada, assetId=asset.id, **{"title": "New", **change})).code == code
    assert (await door.call("get_asset", ada, assetId=asset.id)).ok == before
    assert await told(make.db, project.id) == []


@pytest.mark.parametrize("change", [{"iptc": ["a"]}, {"flags": "x"}, {"keywords": None}], ids=str)
async def test_what_is_no_change_at_all(door: Door, make: Make, change: dict[str, Any]) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada))
    before = (await door.call("get_asset", ada, assetId=asset.id)).ok
    answer = await door.call("update_asset", ada, assetId=asset.id, **change)
    assert answer.code in ("bad_request", "graphql_invalid")
    assert (await door.call("get_asset", ada, assetId=asset.id)).ok == before


async def test_a_keyed_update_is_replayed(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, captured_at=NOON, flags={"x": 1}, exif={"Artist": "Ada"})
    await make.rating(asset, ada, rating=3)
    first = await door.call("update_asset", ada, assetId=asset.id, title="New", key="k" * 8)
    again = await door.call("update_asset", ada, assetId=asset.id, title="New", key="k" * 8)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.ok == first.ok
    assert len(await told(make.db, project.id)) == 1


async def test_archived_photos_are_read_only(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project)
    await door.call("archive_project", ada, projectId=project.id)
    shown = (await door.call("get_asset", ada, assetId=asset.id)).ok
    assert (await door.call("update_asset", ada, assetId=asset.id, title="x")).code == "project_archived"
    assert (await door.call("rate_asset", ada, assetId=asset.id, rating=1)).code == "project_archived"
    assert (await door.call("get_asset", ada, assetId=asset.id)).ok == shown
    assert await listed(door, ada, project) == [asset.filename]


# --- sidecars out ----------------------------------------------------------------------------------------------------

CAME_WITH_IT = b"""<?xml version="1.0"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" xmp:Rating="2" crs:Exposure2012="+0.35"/>
</rdf:RDF></x:xmpmeta>"""


def stated(packet: bytes) -> dict[str, Any]:
    notes: list[str] = []
    found = properties(packet, notes)
    assert notes == []
    return found


async def test_a_sidecar_says_what_is_known(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    words = {"label": "Red", "keywords": ["lake", "kiss"], "title": "Kiss", "description": "By the lake."}
    asset = await make.asset(project, "IMG_1.CR3", format="cr3", xmp={"xmp:Rating": "3"}, **words)

    async def sidecar(who: UserActor = ada) -> Any:
        return await api.rest("GET", f"/assets/{asset.id}/sidecar", actor=who)

    first = await sidecar()
    assert first.headers["content-type"] == "application/rdf+xml"
    assert first.headers["content-disposition"] == 'attachment; filename="IMG_1.xmp"'
    found = stated(first.content)
    assert (found["xmp:Rating"], found["xmp:Label"], found["dc:subject"]) == ("3", "Red", ["lake", "kiss"])
    assert (found["dc:title"], found["dc:description"]) == ("Kiss", "By the lake.")
    await make.rating(asset, ada, rating=5, rejected=False)
    assert stated((await sidecar()).content)["xmp:Rating"] == "5"
    bob = await make.member(project.id, Role.EDITOR)
    await make.rating(asset, bob, rating=5, rejected=True)
    assert stated((await sidecar(bob)).content)["xmp:Rating"] == "-1"


async def test_a_sidecar_keeps_what_others_wrote_into_it(api: Api, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    asset = await make.asset(project, "IMG_1.CR3", format="cr3", xmp={"xmp:Rating": 2})
    xmp = await make.asset(project, "IMG_1.xmp", format="xmp", parent_id=asset.id)
    file = await make.file(xmp, FileKind.SIDECAR)
    await api.services.store.put_bytes(file.key, CAME_WITH_IT, "application/rdf+xml")
    path = f"/assets/{asset.id}/sidecar"
    found = stated((await api.rest("GET", path, actor=ada)).content)
    assert (found["xmp:Rating"], found["crs:Exposure2012"]) == ("2", "+0.35")
    await make.rating(asset, ada, rating=4)
    found = stated((await api.rest("GET", path, actor=ada)).content)
    assert (found["xmp:Rating"], found["crs:Exposure2012"]) == ("4", "+0.35")
    broken = await make.file(xmp, FileKind.SIDECAR, variant="later")
    await api.services.store.put_bytes(broken.key, b"no xmp", "application/rdf+xml")
    refused = await api.rest("GET", path, actor=ada)
    assert (refused.status_code, refused.json()["code"]) == (409, "sidecar_unreadable")
    statement = "UPDATE asset_files SET damaged_at = now() WHERE id = :id"
    await change(make.db, statement, id=broken.id)  # what is damaged is not served: the one before it is
    found = stated((await api.rest("GET", path, actor=ada)).content)
    assert (found["xmp:Rating"], found["crs:Exposure2012"]) == ("4", "+0.35")


@pytest.mark.parametrize(
    ("filename", "name"), [(".", "xmp"), ("/", "xmp"), (".hidden", "hidden.xmp"), ("a.b.jpg", "a.b.xmp")]
)
async def test_any_name_has_a_sidecar(api: Api, make: Make, filename: str, name: str) -> None:
    ada = await make.user()
    asset = await make.asset(await make.project(ada), filename)
    answer = await api.rest("GET", f"/assets/{asset.id}/sidecar", actor=ada)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
