"""Addresses of a gallery's pictures in the wrong hands: nothing but the exact address opens exactly its picture."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from kilo_gql.access import Guest, Perm, System
from kilo_gql.domain.media import media_url
from kilo_gql.domain.media_keys import MediaKey, media_key
from kilo_gql.guest_tokens import guest_token
from kilo_gql.models import Asset, AssetStatus, DownloadPolicy, FileKind, GalleryAsset, Project, ProjectStatus
from tasks.runner import Runner
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.gallery_shoot import Shown, a_runner, make_shown
from tests.support.running import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal = tuple[int, str | None]
GONE: Refusal = (404, "not_found")
NO_ROUTE: Refusal = (404, "no_route")
LOCKED: Refusal = (401, "gallery_locked")
NO_KEY: Refusal = (401, "media_key_invalid")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(api: Api) -> AsyncIterator[Runner]:
    async with a_runner(api) as opened:
        yield opened


async def raw(api: Api, target: str, method: str = "GET", **headers: str) -> tuple[int, str | None, bytes]:
    """Status, code and body of a request whose target no client has tidied up."""
    path, _, query = target.partition("?")
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1234), "server": ("127.0.0.1", 8400), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await api.app(scope, receive, send)  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    found = None
    if (dict(sent[0]["headers"]).get(b"content-type") or b"").startswith(b"application/json"):
        found = orjson.loads(body)["code"]
    return sent[0]["status"], found, body


@dataclass(frozen=True)
class Parts:
    """An address that is good, taken apart."""

    slug: str
    asset_id: UUID
    rendition: str
    tag: str
    key: str

    @property
    def path(self) -> str:
        return f"/g/{self.slug}/media/{self.asset_id}/{self.rendition}-{self.tag}"

    def __str__(self) -> str:
        return f"{self.path}?k={self.key}"


def taken_apart(address: str) -> Parts:
    path, _, query = address.partition("?k=")
    _, _, slug, _, asset_id, name = path.split("/")
    rendition, _, tag = name.partition("-")
    return Parts(slug, UUID(asset_id), rendition, tag, query)


@dataclass
class Place:
    """A gallery behind a password with two guests, and another gallery of the same photos."""

    api: Api
    shown: Shown
    other: Shown
    ada: Guest
    good: Parts
    thumbnail: Parts
    neighbour: Parts
    foreign: Parts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(api: Api, runner: Runner) -> Place:
    shown, other = [await make_shown(api, runner, password_hash="x") for _ in range(2)]
    ada, theirs = await shown.guest("Ada"), await other.guest("Bob")
    small, good, _, neighbour = map(taken_apart, await shown.signed(ada))
    [_, foreign, *_] = map(taken_apart, await other.signed(theirs))
    return Place(api, shown, other, ada, good, small, neighbour, foreign)


def spoiled(key: str) -> dict[str, str]:
    """Keys that are almost right."""
    data = bytearray(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))

    def with_bit(at: int) -> str:
        changed = bytearray(data)
        changed[at] ^= 1
        return base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()

    bits = {"kind": 0, "gallery": 5, "guest": 20, "version": 36, "end": 40, "signature": 50}
    return {f"key with another {name}": with_bit(at) for name, at in bits.items()} | {
        "empty key": "",
        "short key": key[:-1],
        "long key": key + "A",
        "padded key": key + "%3D",
        "key in another case": key.swapcase(),
        "key with a space": "%20" + key,
        "key with a NUL": key + "%00",
        "key that is a picture": "%89PNG",
        "key without its signature": base64.urlsafe_b64encode(bytes(data[:-32])).rstrip(b"=").decode(),
    }


def abuses(place: Place) -> dict[str, tuple[str, Refusal]]:
    """What is tried, by name: the target, and how it is refused."""
    good, key = place.good, f"?k={place.good.key}"
    bare, slug, asset, name = good.path, good.slug, str(good.asset_id), f"{good.rendition}-{good.tag}"
    now, house = place.api.services.db.house.clock(), place.api.services.db.house
    ada, gallery_id = place.ada, place.shown.gallery.id

    def keyed(opens: MediaKey, ago: timedelta = timedelta(0)) -> str:
        return f"{bare}?k={media_key(house.key, opens, now - ago)}"

    token = guest_token(house.key, ada, now + timedelta(hours=1))
    wrong_paths = {
        "another photo": str(replace(good, asset_id=place.neighbour.asset_id)),
        "a photo of another gallery": str(replace(good, asset_id=place.foreign.asset_id)),
        "a photo that is not there": str(replace(good, asset_id=uuid4())),
        "the nil photo": str(replace(good, asset_id=UUID(int=0))),
        "another rendition": str(replace(good, rendition="thumbnail")),
        "the thumbnail's tag": str(replace(good, tag=place.thumbnail.tag)),
        "a rendition to take home": str(replace(good, rendition="full")),
        "the original": str(replace(good, rendition="original")),
        "a card by its name": str(replace(good, rendition="card")),
        "a rendition in capitals": str(replace(good, rendition="PREVIEW")),
        "no rendition": f"/g/{slug}/media/{asset}/-{good.tag}{key}",
        "no tag": f"/g/{slug}/media/{asset}/preview{key}",
        "an empty tag": f"/g/{slug}/media/{asset}/preview-{key}",
        "a short tag": str(replace(good, tag=good.tag[:-1])),
        "a long tag": str(replace(good, tag=good.tag + "0")),
        "a tag of zeros": str(replace(good, tag="0" * 16)),
        "a tag in capitals": str(replace(good, tag="A" * 16)),
        "a tag with a NUL": f"{bare}%00{key}",
        "a tag with a newline": f"{bare}%0a{key}",
        "an id in capitals": f"/g/{slug}/media/{asset.upper()}/{name}{key}",
        "an id without hyphens": f"/g/{slug}/media/{asset.replace('-', '')}/{name}{key}",
        "an id in braces": f"/g/{slug}/media/%7B{asset}%7D/{name}{key}",
        "an id that is none": f"/g/{slug}/media/1/{name}{key}",
        "an id with a wildcard": f"/g/{slug}/media/%25/{name}{key}",
        "another gallery's slug of nowhere": f"/g/{'A' * 24}/media/{asset}/{name}{key}",
        "a slug in another case": f"/g/{slug.swapcase()}/media/{asset}/{name}{key}",
        "a slug with a space": f"/g/{slug}%20/media/{asset}/{name}{key}",
        "a slug with a NUL": f"/g/{slug}%00/media/{asset}/{name}{key}",
        "a slug with a quote": f"/g/{slug}'--/media/{asset}/{name}{key}",
        "a slug of dots": f"/g/../media/{asset}/{name}{key}",
        "a slug of coded dots": f"/g/%2e%2e/media/{asset}/{name}{key}",
        "a slug that is too long": f"/g/{slug}{slug}/media/{asset}/{name}{key}",
    }
    strayed = {
        "up into another rendition": f"/g/{slug}/media/{asset}/x/../{name}{key}",
        "up by coded dots": f"/g/{slug}/media/{asset}/x/%2e%2e/{name}{key}",
        "up out of the gallery": f"/g/{slug}/../../media/{asset}/{name}{key}",
        "doubled slashes": f"/g/{slug}//media/{asset}/{name}{key}",
        "slashes in front": f"//g/{slug}/media/{asset}/{name}{key}",
        "an empty slug": f"/g//media/{asset}/{name}{key}",
        "the door in capitals": f"/G/{slug}/media/{asset}/{name}{key}",
        "the word media in capitals": f"/g/{slug}/MEDIA/{asset}/{name}{key}",
        "twice coded slashes": f"/g/{slug}%252fmedia/{asset}/{name}{key}",
    }
    keys = {
        "another gallery's key": f"{bare}?k={place.foreign.key}",
        "two keys": f"{bare}{key}&k={good.key}",
        "a good key and a bad one": f"{bare}{key}&k=x",
        "a bad key and a good one": f"{bare}?k=x&k={good.key}",
        "a session token for a key": f"{bare}?k={token}",
        "an earlier version's key": keyed(MediaKey(gallery_id, guest=replace(ada, version=0))),
        "a later version's key": keyed(MediaKey(gallery_id, guest=replace(ada, version=9))),
        "another gallery in the guest": keyed(MediaKey(place.other.gallery.id, guest=ada)),
        "a stranger's member key": keyed(MediaKey(gallery_id, user_id=uuid4())),
        "another project's owner": keyed(MediaKey(gallery_id, user_id=place.other.owner.user_id)),
        **{name: f"{bare}?k={spoilt}" for name, spoilt in spoiled(good.key).items()},
    }
    return {
        **{name: (target, GONE) for name, target in wrong_paths.items()},
        **{name: (target, NO_ROUTE) for name, target in strayed.items()},
        **{name: (target, NO_KEY) for name, target in keys.items()},
        "another gallery with its own slug": (str(replace(good, slug=place.foreign.slug)), NO_KEY),
        "backslashes": (f"/g/{slug}\\media\\{asset}\\{name}{key}", (404, None)),  # the page of no gallery
        "no key": (bare, LOCKED),
        "a key by another name": (f"{bare}?key={good.key}", LOCKED),
        "a key in capitals": (f"{bare}?K={good.key}", LOCKED),
        "a key behind a semicolon": (f"{bare};k={good.key}", GONE),
        "a grant instead": (f"{bare}?grant={good.key}", LOCKED),
        "an expired key": (keyed(MediaKey(gallery_id, guest=ada), timedelta(days=2)), (410, "link_expired")),
        "taken home instead": (
            f"/g/{slug}/download/{asset}?rendition=web&k={good.key}", (403, "download_not_allowed"),
        ),
        "all taken home instead": (
            f"/g/{slug}/download.zip?of=all&rendition=web&k={good.key}", (403, "download_not_allowed"),
        ),
        "a locked gallery's card": (f"/g/{slug}/card.jpg{key}", GONE),
    }  # fmt: skip


async def test_every_abuse_is_refused(place: Place) -> None:
    assert (await raw(place.api, str(place.good)))[0] == 200
    assert (await raw(place.api, str(place.foreign)))[0] == 200
    tried = abuses(place)
    answers = {name: (await raw(place.api, target))[:2] for name, (target, _) in tried.items()}
    assert answers == {name: refusal for name, (_, refusal) in tried.items()}
    assert len(tried) >= 60
    assert await place.shown.files() == []  # and nothing was made


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_pictures_are_only_read(place: Place, method: str) -> None:
    assert (await raw(place.api, str(place.good), method))[:2] == NO_ROUTE


async def test_head_is_guarded_like_get(place: Place) -> None:
    assert (await raw(place.api, str(place.good), "HEAD"))[::2] == (200, b"")
    assert (await raw(place.api, place.good.path, "HEAD"))[0] == 401


async def test_a_key_opens_nothing_but_pictures(place: Place) -> None:
    key, slug = place.good.key, place.good.slug
    answers = [
        await raw(place.api, "/v1/me", authorization=f"Bearer {key}"),
        await raw(place.api, f"/v1/share/{slug}/photos", authorization=f"Bearer {key}"),
        await raw(place.api, place.good.path, authorization=f"Bearer {key}"),
    ]
    assert [answer[0] for answer in answers] == [401, 401, 401]
    asset_id = place.shown.assets[0].id
    stable = media_url("", asset_id, FileKind.PREVIEW, "0" * 64)
    assert (await raw(place.api, f"{stable}?grant={key}"))[:2] == (401, "grant_invalid")
    assert (await raw(place.api, stable, authorization=f"Bearer {place.shown.token(place.ada)}"))[0] == 403


async def test_no_other_door_shows_a_guest_the_photo(place: Place) -> None:
    bearer, asset_id = f"Bearer {place.shown.token(place.ada)}", place.shown.assets[0].id
    others = [
        f"/media/{asset_id}/full", f"/media/{asset_id}/crop?x=0&y=0&w=1&h=1", f"/v1/assets/{asset_id}",
        f"/v1/assets/{asset_id}/files", f"/v1/projects/{place.shown.project.id}/media:grant",
        f"/v1/projects/{place.shown.project.id}/filmstrip",
    ]  # fmt: skip
    answers = [(await raw(place.api, target, authorization=bearer))[:2] for target in others]
    assert answers == [(403, "forbidden")] * len(others)


async def test_guessing_is_limited_by_address(postgres: str, tmp_path: Path) -> None:
    async with running(postgres, tmp_path, requests_per_minute=1) as limited:
        target = f"/g/{'A' * 24}/media/{uuid4()}/preview-{'0' * 16}"
        answers = [(await raw(limited, target))[:2] for _ in range(11)]
        other = await raw(limited, f"/g/{'A' * 24}/download/{uuid4()}?rendition=web")
    assert answers == [GONE] * 10 + [(429, "rate_limited")]
    assert other[:2] == (429, "rate_limited")


# --- dead at once ----------------------------------------------------------------------------------------------------

Ending = Callable[[Shown], Awaitable[None]]


async def _change(shown: Shown, statement: Any) -> None:
    async with shown.api.services.db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.session.execute(statement)
        await tx.session.commit()


async def _unpublish(shown: Shown) -> None:
    await shown.set(published_at=None, version=2)


async def _unpublish_and_publish(shown: Shown) -> None:
    await shown.set(version=2)


async def _expire(shown: Shown) -> None:
    await shown.set(expires_at=shown.api.services.db.house.clock() - timedelta(seconds=1))


async def _change_password(shown: Shown) -> None:
    await shown.set(password_hash="y", version=2)


async def _remove(shown: Shown) -> None:
    await _change(shown, delete(GalleryAsset).where(GalleryAsset.gallery_id == shown.gallery.id))


async def _trash(shown: Shown) -> None:
    now = shown.api.services.db.house.clock()
    await _change(shown, update(Asset).where(Asset.project_id == shown.project.id).values(trashed_at=now))


async def _quarantine(shown: Shown) -> None:
    quarantined = update(Asset).where(Asset.project_id == shown.project.id).values(status=AssetStatus.QUARANTINED)
    await _change(shown, quarantined)


async def _delete_project(shown: Shown) -> None:
    await _change(shown, update(Project).where(Project.id == shown.project.id).values(status=ProjectStatus.DELETED))


async def _pin_again(shown: Shown) -> None:
    repinned = update(GalleryAsset).where(GalleryAsset.gallery_id == shown.gallery.id).values(pinned_sha256="0" * 64)
    await _change(shown, repinned)


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        (_unpublish, GONE), (_expire, GONE), (_remove, GONE), (_trash, GONE), (_quarantine, GONE),
        (_delete_project, GONE), (_pin_again, GONE), (_change_password, NO_KEY), (_unpublish_and_publish, NO_KEY),
    ],
)  # fmt: skip
@pytest.mark.parametrize("locked", [True, False])
async def test_what_was_issued_is_dead_at_once(
    api: Api, runner: Runner, end: Ending, refusal: Refusal, locked: bool
) -> None:
    columns = {"password_hash": "x"} if locked else {}
    shown = await make_shown(api, runner, count=1, downloads=DownloadPolicy.WEB, **columns)
    ada = await shown.guest("Ada")
    issued = await shown.signed(ada)
    key = taken_apart(issued[0]).key
    taken = f"/g/{shown.gallery.share_slug}/download/{shown.assets[0].id}?rendition=web&k={key}"
    answered = [(await shown.get(address)).status_code for address in (*issued, taken)]
    assert answered == [200, 200, 200]
    tags = [(await shown.get(address)).headers["etag"] for address in issued]
    await end(shown)
    assert [(await raw(api, address))[:2] for address in issued] == [refusal, refusal]
    cached = [(await raw(api, one, if_none_match=tag))[:2] for one, tag in zip(issued, tags, strict=True)]
    assert cached == [refusal, refusal]
    if locked or end not in (_unpublish_and_publish, _change_password):
        assert (await shown.get(taken)).status_code == refusal[0]
    bearer = f"Bearer {shown.token(ada)}"
    by_token = [(await raw(api, taken_apart(one).path, authorization=bearer))[0] for one in issued]
    opened_again = not locked and end is _unpublish_and_publish  # an open gallery is open to anybody
    assert by_token == ([200, 200] if opened_again else [401, 401] if refusal is NO_KEY else [404, 404])


async def test_a_key_lasts_until_tomorrow_ends(api: Api, runner: Runner, clock: Clock) -> None:
    shown = await make_shown(api, runner, count=1, password_hash="x")
    ada = await shown.guest("Ada")
    midnight = clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
    issued = []
    for hours in (0, 23.9, 24.1):
        clock.now = midnight + timedelta(hours=hours)
        issued.append((await shown.signed(ada))[0])
    assert issued[0] == issued[1] != issued[2]
    clock.now = midnight + timedelta(days=2, seconds=-1)
    assert (await raw(api, issued[0]))[0] == 200
    clock.now = midnight + timedelta(days=2)
    assert (await raw(api, issued[0]))[:2] == (410, "link_expired")
