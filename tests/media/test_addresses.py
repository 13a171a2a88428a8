"""``/media``: a file at its stable address, for whoever may see its photo and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from kilo_gql import tokens
from kilo_gql.access import UserActor
from kilo_gql.domain import media
from kilo_gql.models import ApiToken, Asset, AssetFile, AssetStatus, FileKind, Member, Project, Role
from kilo_gql.models.base import uuid7
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.files import JPEG, WEBP, put
from tests.support.jobs import Floor
from tests.support.make import Make
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORIGIN = "http://127.0.0.1:8400"


@dataclass
class Shoot:
    """A photo with its files, and its people."""

    owner: UserActor
    viewer: UserActor
    project: Project
    asset: Asset
    thumbnail: AssetFile
    original: AssetFile


@pytest_asyncio.fixture(loop_scope="module")
async def shoot(api: Api, make: Make) -> Shoot:
    owner = await make.user()
    project = await make.project(owner)
    viewer = await make.member(project.id, Role.VIEWER)
    asset = await make.asset(project, 'Größe "1".jpg')
    store = api.services.store
    thumbnail = await put(make, store, asset, FileKind.THUMBNAIL, WEBP, width_px=512, height_px=341)
    original = await put(make, store, asset, FileKind.ORIGINAL, JPEG)
    return Shoot(owner, viewer, project, asset, thumbnail, original)


def address(file: AssetFile) -> str:
    assert file.sha256 is not None
    return media.media_url("", file.asset_id, file.kind, file.sha256)


async def get(api: Api, path: str, who: UserActor | str | None = None, method: str = "GET", **headers: str) -> Any:
    sent = api.headers(who) | {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.request(method, path, headers=sent)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_file_is_answered_for_ever(api: Api, shoot: Shoot) -> None:
    found = await get(api, address(shoot.thumbnail), shoot.viewer)
    assert (found.status_code, found.content) == (200, WEBP)
    named = {
        "cache-control": "private, max-age=31536000, immutable",
        "content-type": "image/webp",
        "content-length": str(len(WEBP)),
        "content-disposition": "inline",
        "etag": f'"{shoot.thumbnail.sha256}"',
        "accept-ranges": "bytes",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "vary": "Origin",
    }
    assert {name: found.headers[name] for name in named} == named


async def test_ranges_and_conditions(api: Api, shoot: Shoot) -> None:
    path, tag = address(shoot.thumbnail), f'"{shoot.thumbnail.sha256}"'
    part = await get(api, path, shoot.owner, range="bytes=4-7")
    assert (part.status_code, part.content) == (206, WEBP[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(WEBP)}"
    head = await get(api, path, shoot.owner, "HEAD")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(WEBP)), b"")
    await api.services.store.delete([shoot.thumbnail.key])
    same = await get(api, path, shoot.owner, if_none_match=tag)
    assert (same.status_code, same.headers["etag"]) == (304, tag)  # the store is not asked
    assert code(await get(api, path, shoot.owner)) == (404, "object_missing")


async def test_an_original_is_saved_under_its_name(api: Api, shoot: Shoot) -> None:
    found = await get(api, address(shoot.original), shoot.viewer)
    assert (found.status_code, found.content) == (200, JPEG)
    assert found.headers["content-disposition"] == (
        "attachment; filename=\"Groe _1_.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.jpg"
    )


async def test_who_may_look(api: Api, make: Make, shoot: Shoot) -> None:
    path = address(shoot.thumbnail)
    asset_scope, job_scope = [await _token(make, shoot.viewer, scope) for scope in ("asset.read", "job.read")]
    stranger = await make.user()
    assert code(await get(api, path)) == (401, "unauthorized")
    assert code(await get(api, path, stranger)) == (404, "not_found")
    assert code(await get(api, path, job_scope)) == (403, "scope_missing")
    assert (await get(api, path, asset_scope)).status_code == 200
    absent = await get(api, path.replace(str(shoot.asset.id), str(uuid4())), shoot.owner)
    hidden = await get(api, path, stranger)
    assert absent.json() | {"requestId": ""} == hidden.json() | {"requestId": ""}


async def _token(make: Make, user: UserActor, *scopes: str) -> str:
    secret = tokens.random_token(tokens.API_PREFIX)
    now = make.db.house.clock()
    await make.rows(
        ApiToken(
            id=uuid7(), user_id=user.user_id, name="x", scopes=list(scopes), token_hash=tokens.digest(secret),
            created_at=now,
        )
    )  # fmt: skip
    return secret


@pytest.mark.parametrize(
    "name",
    ["preview-{hash}", "thumbnail-0000000000000000", "thumbnail-{hash}0", "thumbnail", "THUMBNAIL-{hash}", "nothing"],
)
async def test_there_is_nothing_at_another_address(api: Api, shoot: Shoot, name: str) -> None:
    assert shoot.thumbnail.sha256 is not None
    path = f"/media/{shoot.asset.id}/{name.format(hash=shoot.thumbnail.sha256[:16])}"
    assert code(await get(api, path, shoot.owner)) == (404, "not_found")


async def test_an_id_that_is_none(api: Api, shoot: Shoot) -> None:
    assert code(await get(api, "/media/x/thumbnail-0000000000000000", shoot.owner)) == (404, "not_found")


async def _set(floor: Floor, model: type, id_: UUID, **columns: Any) -> None:
    async with floor.write() as tx:
        await tx.session.execute(update(model).where(model.id == id_).values(**columns))  # type: ignore[attr-defined]


async def test_what_is_quarantined_or_damaged_is_not_served(api: Api, shoot: Shoot, floor: Floor) -> None:
    for status in (AssetStatus.QUARANTINED, AssetStatus.UPLOADING):
        await _set(floor, Asset, shoot.asset.id, status=status)
        for file in (shoot.thumbnail, shoot.original):
            assert code(await get(api, address(file), shoot.owner)) == (404, "not_found")
    await _set(floor, Asset, shoot.asset.id, status=AssetStatus.PROCESSING)
    assert (await get(api, address(shoot.thumbnail), shoot.owner)).status_code == 200
    await _set(floor, AssetFile, shoot.thumbnail.id, damaged_at=datetime.now(UTC))
    assert code(await get(api, address(shoot.thumbnail), shoot.owner)) == (404, "not_found")


async def test_the_trash_shows_renditions_only(api: Api, shoot: Shoot, floor: Floor) -> None:
    await _set(floor, Asset, shoot.asset.id, trashed_at=datetime.now(UTC))
    assert (await get(api, address(shoot.thumbnail), shoot.viewer)).status_code == 200
    assert code(await get(api, address(shoot.original), shoot.owner)) == (404, "not_found")


async def test_other_origins(api: Api, shoot: Shoot) -> None:
    path = address(shoot.thumbnail)
    ours = await get(api, path, shoot.owner, origin=ORIGIN)
    theirs = await get(api, path, shoot.owner, origin="https://evil.example")
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in theirs.headers
    asked = await get(api, path, None, "OPTIONS", origin=ORIGIN, access_control_request_method="GET")
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert "Range" in asked.headers["access-control-allow-headers"]
    denied = await get(api, path, None, "OPTIONS", origin="https://evil.example")
    assert "access-control-allow-methods" not in denied.headers
    absent = await get(api, f"/media/{shoot.asset.id}/thumbnail-{'0' * 16}", shoot.owner, origin=ORIGIN)
    assert (code(absent), absent.headers["access-control-allow-origin"]) == ((404, "not_found"), ORIGIN)
    assert "Retry-After" in absent.headers["access-control-expose-headers"]


# --- grants ----------------------------------------------------------------------------------------------------------


async def test_a_grant_opens_one_project(api: Api, make: Make, shoot: Shoot, door: Door) -> None:
    other = await make.project(shoot.viewer)
    elsewhere = await put(make, api.services.store, await make.asset(other), FileKind.THUMBNAIL, WEBP)
    grant = (await door.call("media_grant", shoot.viewer, projectId=shoot.project.id)).ok["grant"]
    found = await get(api, f"{address(shoot.thumbnail)}?grant={grant}")
    assert (found.status_code, found.content) == (200, WEBP)
    assert code(await get(api, f"{address(elsewhere)}?grant={grant}")) == (404, "not_found")
    assert (await get(api, address(elsewhere), shoot.viewer)).status_code == 200


async def test_a_grant_is_the_same_all_day(api: Api, shoot: Shoot, door: Door, clock: Clock) -> None:
    midnight = clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
    granted = []
    for hours in (0, 23.9, 24.1):
        clock.now = midnight + timedelta(hours=hours)
        granted.append((await door.call("media_grant", shoot.viewer, projectId=shoot.project.id)).ok)
    assert granted[0] == granted[1] != granted[2]
    assert granted[0]["expiresAt"] == midnight + timedelta(days=2)
    path = f"{address(shoot.thumbnail)}?grant={granted[0]['grant']}"
    clock.now = midnight + timedelta(days=2, seconds=-1)
    assert (await get(api, path)).status_code == 200
    clock.now = midnight + timedelta(days=2)
    assert code(await get(api, path)) == (410, "link_expired")


async def test_a_grant_ends_with_the_membership(api: Api, shoot: Shoot, floor: Floor) -> None:
    outcome = await api.services.throat.execute(shoot.viewer, media.media_grant, shoot.project.id)
    path = f"{address(shoot.thumbnail)}?grant={outcome.value.grant}"
    assert (await get(api, path)).status_code == 200
    async with floor.write() as tx:
        await tx.session.execute(delete(Member).where(Member.user_id == shoot.viewer.user_id))
    assert code(await get(api, path)) == (404, "not_found")


async def test_a_changed_grant_opens_nothing(api: Api, make: Make, shoot: Shoot) -> None:
    grant = (await api.services.throat.execute(shoot.viewer, media.media_grant, shoot.project.id)).value.grant
    stranger = await make.user()
    theirs = (await api.services.throat.execute(stranger, media.media_grant, (await make.project(stranger)).id)).value
    forged = [
        "", "x", "=", grant[:-1], grant + "A", grant[:-2] + "AA", f"{grant}=", grant.swapcase(), f" {grant}", "ä" * 40,
        theirs.grant[:20] + grant[20:], grant[:30] + theirs.grant[30:], grant[:48] + theirs.grant[48:],
    ]  # fmt: skip
    path = address(shoot.thumbnail)
    answers = [code(await api.client.get(path, params={"grant": one})) for one in forged]
    assert answers == [(401, "grant_invalid")] * len(forged)
    # a grant is no bearer, and opens nothing but pictures
    assert (await api.rest("GET", "/me", actor=grant)).status_code == 401
    assert (await api.client.get("/v1/me", params={"grant": grant})).status_code == 401


# --- signed addresses ------------------------------------------------------------------------------------------------


async def test_the_files_of_an_asset(api: Api, shoot: Shoot, door: Door, clock: Clock) -> None:
    answer = (await door.call("list_asset_files", shoot.viewer, assetId=shoot.asset.id)).ok
    files = answer["files"] if isinstance(answer, dict) else answer
    facts = [
        (f["kind"], f["contentType"], f["byteSize"], f["checksumSha256"], f["widthPx"], f["heightPx"]) for f in files
    ]
    assert facts == [
        ("original", "image/jpeg", len(JPEG), shoot.original.sha256, None, None),
        ("thumbnail", "image/webp", len(WEBP), shoot.thumbnail.sha256, 512, 341),
    ]
    assert [f["mediaUrl"] for f in files] == [f"{ORIGIN}{address(f)}" for f in (shoot.original, shoot.thumbnail)]
    assert {f["expiresAt"] for f in files} == {clock.now.replace(microsecond=0) + timedelta(hours=1)}
    fetched = [await api.client.get(f["url"]) for f in files]
    assert [(one.status_code, one.content) for one in fetched] == [(200, JPEG), (200, WEBP)]


@pytest.mark.parametrize("change", ["trashed", "quarantined", "damaged"])
async def test_files_that_are_not_listed(shoot: Shoot, door: Door, floor: Floor, change: str) -> None:
    now = datetime.now(UTC)
    if change == "damaged":
        await _set(floor, AssetFile, shoot.original.id, damaged_at=now)
    else:
        values = {"trashed_at": now} if change == "trashed" else {"status": AssetStatus.QUARANTINED}
        await _set(floor, Asset, shoot.asset.id, **values)
    answer = (await door.call("list_asset_files", shoot.owner, assetId=shoot.asset.id)).ok
    files = answer["files"] if isinstance(answer, dict) else answer
    assert [f["kind"] for f in files] == ([] if change == "quarantined" else ["thumbnail"])


async def test_one_statement(api: Api, shoot: Shoot) -> None:
    await get(api, address(shoot.thumbnail), shoot.viewer)
    with statements(api.services.db) as seen:
        assert (await get(api, address(shoot.thumbnail), shoot.viewer)).status_code == 200
        await asyncio.sleep(0.05)
    assert len(seen) == 1
