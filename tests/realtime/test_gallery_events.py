"""``GET /g/{slug}/events`` over a real socket: what guests are told, what they are not, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import update

from kilo_gql import guard
from kilo_gql.access import Guest, Perm, System
from kilo_gql.config import Settings
from kilo_gql.events import Change, EventName
from kilo_gql.gallery_pages import live
from kilo_gql.guest_tokens import guest_token
from kilo_gql.models import Gallery
from kilo_gql.models.base import uuid7
from tests.realtime.conftest import Log
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.serving import Served, serving
from tests.support.sse import Message, SseClient
from tests.support.wait import until

UPDATED = EventName.GALLERY_UPDATED


@pytest_asyncio.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with serving(settings.model_copy(update={"events_heartbeat": 0.2})) as running:
        yield running


class Party:
    """An open gallery of two photos and one behind a password, and who listens to them."""

    def __init__(self, served: Served, log: Log) -> None:
        self.served, self.log = served, log
        self.db = served.api.services.db
        self.make = Make(self.db)
        self.clients: list[SseClient] = []

    async def prepare(self) -> None:
        self.owner = await self.make.user()
        self.project = await self.make.project(self.owner)
        self.photos = [await self.make.asset(self.project) for _ in range(2)]
        self.gallery = await make_gallery(self.db, self.project, self.photos)
        self.locked = await make_gallery(self.db, self.project, self.photos, password_hash="$argon2id$of a password")

    async def listen(
        self, gallery: Gallery | str, guest: Guest | None = None, *, after: str | None = None, **headers: str
    ) -> SseClient:
        slug = gallery if isinstance(gallery, str) else gallery.share_slug
        if guest is not None:
            headers["cookie"] = f"kilo_guest={self.token(guest)}"
        client = await SseClient.get(self.served.port, f"/g/{slug}/events", headers, last_event_id=after)
        self.clients.append(client)
        return client

    def guest(self, gallery: Gallery) -> Guest:
        return Guest(gallery.id, uuid7(), gallery.version)

    def token(self, guest: Guest, seconds: float = 3600) -> str:
        return guest_token(self.served.api.services.settings.key, guest, datetime.now(UTC) + timedelta(seconds=seconds))

    async def tell(self, gallery: Gallery, changed: dict[str, Any]) -> None:
        """What operations write when something happens in a gallery."""
        await self.write(Change(UPDATED, self.project.id, (gallery.id,), changed))

    async def write(self, change: Change, *statements: Any) -> None:
        async with self.db.transaction(System("test"), Perm.SYSTEM) as tx:
            for statement in statements:
                await tx.session.execute(statement)
            tx.changes.append(change)
            await tx.write_outbox()
            await tx.session.commit()
        self.log.bell.ring_events()

    async def alter(self, gallery: Gallery, **columns: Any) -> None:
        """What an owner does to a gallery, and the event that says so."""
        change = Change(UPDATED, self.project.id, (gallery.id,), {"settings": sorted(columns)})
        await self.write(change, update(Gallery).where(Gallery.id == gallery.id).values(**columns))

    @property
    def readers(self) -> int:
        feed = self.served.api.services.hub.feeds.get(self.project.id)
        return feed.readers if feed else 0

    async def left(self) -> None:
        for client in self.clients:
            client.drop()
        await until(lambda: self.readers == 0 and not self.served.api.services.hub._guards)


@pytest_asyncio.fixture
async def party(served: Served, log: Log) -> AsyncIterator[Party]:
    made = Party(served, log)
    await made.prepare()
    yield made
    await made.left()


def news(message: Message | None) -> tuple[str, list[str]]:
    """(type, asset ids) of a message, which has nothing else."""
    assert message is not None, "the stream ended"
    assert message.event == "message"
    assert set(message.json) == {"type", "assetIds"}
    return message.json["type"], message.json["assetIds"]


def deed(kind: str, by: UUID, *assets: UUID) -> dict[str, Any]:
    return {"activity": kind, "guestId": str(by), "assetIds": [str(asset) for asset in assets]}


# --- what is told --------------------------------------------------------------------------------------------------


async def test_a_stream_begins_with_its_headers_and_a_place_that_tells_nothing(party: Party) -> None:
    client = await party.listen(party.gallery)
    assert client.status == 200
    assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert client.headers["cache-control"] == "no-store"
    await party.tell(party.gallery, {"title": "Other"})
    message = await client.seconds(5)
    assert news(message) == ("gallery", [])
    assert client.retry == 1000
    assert message is not None
    assert message.id is not None
    assert len(message.id) == 43


async def test_what_happens_in_the_gallery_is_told_by_its_kind(party: Party) -> None:
    client, other, [first, second] = await party.listen(party.gallery), uuid4(), [photo.id for photo in party.photos]
    said: list[tuple[dict[str, Any], tuple[str, list[str]]]] = [
        (deed("favorited", other, first), ("choices", [str(first)])),
        (deed("unfavorited", other, second), ("choices", [str(second)])),
        (deed("commented", other, first), ("comments", [str(first)])),
        ({"comments": [str(second)]}, ("comments", [str(second)])),
        ({"choices": True}, ("choices", [])),
        ({"assetsAdded": 3}, ("photos", [])),
        ({"assetsRemoved": 1}, ("photos", [])),
        ({"arranged": True}, ("photos", [])),
        ({"sections": True}, ("photos", [])),
        ({"approvedAssets": [str(first), str(second)]}, ("photos", [str(first), str(second)])),
        ({"published": True}, ("gallery", [])),
    ]
    for changed, _ in said:
        await party.tell(party.gallery, changed)
        await party.log.drained()
    assert [news(await client.seconds(5)) for _ in said] == [told for _, told in said]


async def test_nothing_else_of_the_project_is_told(party: Party) -> None:
    client, other, photo = await party.listen(party.gallery), uuid4(), party.photos[0].id
    project = party.project.id
    await party.tell(party.locked, deed("commented", other, photo))
    await party.tell(party.locked, {"title": "Other"})
    for kind in ("opened", "authenticated", "named", "downloaded", "selected", "unselected", "submitted"):
        await party.tell(party.gallery, deed(kind, other, photo))
    await party.tell(party.gallery, {"changedAssets": [str(photo)]})
    await party.tell(party.gallery, {"proposals": True})
    await party.write(Change(EventName.PROJECT_UPDATED, project, (project,), {"title": "A divorce"}))
    await party.write(Change(EventName.ASSET_UPDATED, project, (photo,), {"clientFavorites": 3}))
    await party.write(Change(EventName.EXPORT_UPDATED, project, (uuid4(),), {"progress": 0.5}))
    await party.tell(party.gallery, {"comments": [str(photo)]})
    assert news(await client.seconds(5)) == ("comments", [str(photo)])


async def test_a_guest_is_told_of_the_own_choices_on_other_screens(party: Party) -> None:
    guest, photo = party.guest(party.locked), party.photos[0].id
    mine, others = await party.listen(party.locked, guest), await party.listen(party.locked, party.guest(party.locked))
    for kind in ("selected", "submitted"):
        await party.tell(party.locked, deed(kind, guest.guest_id, photo))
    await party.tell(party.locked, {"title": "The end"})
    assert [news(await mine.seconds(5)) for _ in range(3)] == [
        ("choices", [str(photo)]), ("choices", [str(photo)]), ("gallery", []),
    ]  # fmt: skip
    assert news(await others.seconds(5)) == ("gallery", [])


async def test_members_listen_to_their_preview(party: Party) -> None:
    headers = party.served.api.headers(party.owner)
    client = await party.listen(party.locked, **headers)
    await party.tell(party.locked, deed("favorited", uuid4(), party.photos[1].id))
    assert news(await client.seconds(5)) == ("choices", [str(party.photos[1].id)])


async def test_silence_is_filled_with_comments_even_while_the_project_is_busy(party: Party) -> None:
    client, project = await party.listen(party.gallery), party.project.id

    async def busy() -> None:
        while True:
            await party.write(Change(EventName.PROJECT_UPDATED, project, (project,), {"title": "Again"}))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(busy())
    try:
        with pytest.raises(TimeoutError):
            await client.seconds(1.1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert 2 <= client.comments <= 5


# --- resuming ------------------------------------------------------------------------------------------------------


async def test_a_page_resumes_where_it_was_cut_off(party: Party) -> None:
    client, photo = await party.listen(party.gallery), str(party.photos[0].id)
    await party.tell(party.gallery, {"comments": [photo]})
    assert news(await client.seconds(5)) == ("comments", [photo])
    client.drop()
    await party.tell(party.gallery, {"choices": True})
    await party.tell(party.gallery, {"title": "Meanwhile"})
    again = await party.listen(party.gallery, after=client.last_id)
    assert [news(await again.seconds(5)) for _ in range(2)] == [("choices", []), ("gallery", [])]


@pytest.mark.parametrize("after", ["1-0", "", "nonsense", "A" * 43, "é"])
async def test_a_place_that_is_not_this_gallerys_fetches_everything(party: Party, after: str) -> None:
    client = await party.listen(party.gallery, after=after)
    assert news(await client.seconds(5)) == ("gallery", [])


async def test_the_place_in_another_gallery_is_none_here(party: Party) -> None:
    there = await party.listen(party.gallery)
    await party.tell(party.gallery, {"choices": True})
    assert news(await there.seconds(5)) == ("choices", [])
    here = await party.listen(party.locked, party.guest(party.locked), after=there.last_id)
    assert news(await here.seconds(5)) == ("gallery", [])


# --- who may -------------------------------------------------------------------------------------------------------


async def test_who_may_not_look_may_not_listen(party: Party) -> None:
    expired = party.token(party.guest(party.locked), seconds=-1)
    over = await make_gallery(party.db, party.project, [], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    hidden = await make_gallery(party.db, party.project, [], published_at=None)
    stranger = party.served.api.headers(await party.make.user())
    answers = [
        await party.listen("nonsense"),
        await party.listen(over),
        await party.listen(hidden),
        await party.listen(hidden, **stranger),
        await party.listen(party.locked),
        await party.listen(party.locked, **stranger),
        await party.listen(party.locked, party.guest(party.gallery)),
        await party.listen(party.locked, Guest(party.locked.id, uuid7(), party.locked.version - 1)),
        await party.listen(party.locked, cookie=f"kilo_guest={expired}"),
        await party.listen(party.locked, cookie="kilo_guest=kgt_forged"),
        await party.listen(party.locked, authorization=f"Bearer {expired}"),
    ]
    codes = [json.loads(await answer.body())["code"] for answer in answers]
    assert [answer.status for answer in answers] == [404] * 4 + [401] * 7
    assert codes == ["not_found"] * 4 + ["gallery_locked"] * 6 + ["token_expired"]


async def test_a_stale_cookie_makes_nobody_of_its_bearer_and_an_open_gallery_opens_to_nobody(party: Party) -> None:
    stale = party.token(party.guest(party.gallery), seconds=-1)
    for cookie in (f"kilo_guest={stale}", "kilo_guest=nonsense", "kilo_session=kst_ended", "kilo_session="):
        client = await party.listen(party.gallery, cookie=cookie)
        assert client.status == 200, cookie


async def test_one_address_has_so_many_seats_in_a_gallery(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(live.SEATS):
        assert (await party.listen(party.gallery)).status == 200
    refused = await party.listen(party.gallery)
    assert (refused.status, refused.headers["retry-after"]) == (429, "30")
    assert json.loads(await refused.body())["code"] == "too_many_streams"
    assert (await party.listen(party.locked, party.guest(party.locked))).status == 200
    party.clients[0].drop()
    await until(lambda: party.readers == live.SEATS)
    assert (await party.listen(party.gallery)).status == 200


# --- ends ----------------------------------------------------------------------------------------------------------


async def closed(client: SseClient, within: float = 5.0) -> None:
    """The next that is said is that the gallery is closed, and then nothing."""
    async with asyncio.timeout(within):
        assert news(await client.next()) == ("closed", [])
        assert await client.next() is None


@pytest.mark.parametrize(
    "columns",
    [
        {"published_at": None, "version": 2},
        {"password_hash": "$argon2id$of another", "version": 2},
        {"version": 2},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
    ids=["unpublished", "another password", "sessions ended", "made to expire"],
)
async def test_a_gallery_that_closes_closes_its_streams_before_anything_else_is_told(
    party: Party, columns: dict[str, Any]
) -> None:
    client, preview = (
        await party.listen(party.locked, party.guest(party.locked)),
        await party.listen(party.locked, **party.served.api.headers(party.owner)),
    )
    await until(lambda: party.readers == 2)
    await party.alter(party.locked, **columns)
    await party.tell(party.locked, {"comments": [str(party.photos[0].id)]})
    await closed(client)
    assert [news(await preview.seconds(5))[0] for _ in range(2)] == ["gallery", "comments"]


async def test_an_open_gallery_that_asks_for_a_password_now_closes_its_streams(party: Party) -> None:
    client = await party.listen(party.gallery)
    await until(lambda: party.readers == 1)
    await party.alter(party.gallery, password_hash="$argon2id$of a password", version=2)
    await closed(client)


async def test_another_title_closes_nothing(party: Party) -> None:
    client = await party.listen(party.locked, party.guest(party.locked))
    await until(lambda: party.readers == 1)
    await party.alter(party.locked, title="Another")
    await party.tell(party.locked, {"choices": True})
    assert [news(await client.seconds(5))[0] for _ in range(2)] == ["gallery", "choices"]


async def test_a_gallery_that_expires_closes_its_streams_at_its_time(party: Party) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    gallery = await make_gallery(party.db, party.project, party.photos, expires_at=soon)
    client = await party.listen(gallery)
    await closed(client)
    assert timedelta(0) <= datetime.now(UTC) - soon < timedelta(seconds=5)


async def test_an_end_that_is_set_while_somebody_listens_is_kept(party: Party) -> None:
    client = await party.listen(party.gallery)
    await until(lambda: party.readers == 1)
    await party.alter(party.gallery, expires_at=datetime.now(UTC) + timedelta(seconds=1))
    assert news(await client.seconds(5)) == ("gallery", [])
    await closed(client)


async def test_what_no_event_told_is_noticed_by_and_by(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_EVERY", 0.2)
    client = await party.listen(party.gallery)
    await until(lambda: party.readers == 1)
    async with party.log.connection() as connection:
        await connection.execute("UPDATE galleries SET published_at = NULL WHERE id = $1", party.gallery.id)
    await closed(client)


async def test_a_deleted_project_closes_its_galleries(party: Party) -> None:
    client = await party.listen(party.gallery)
    await until(lambda: party.readers == 1)
    async with party.log.connection() as connection:
        await connection.execute("UPDATE projects SET status = 'deleted' WHERE id = $1", party.project.id)
    project = party.project.id
    await party.write(Change(EventName.PROJECT_UPDATED, project, (project,), {"status": "deleted"}))
    await closed(client)


async def test_a_stopping_server_says_nothing_so_that_pages_come_back(party: Party) -> None:
    client = await party.listen(party.gallery)
    await until(lambda: party.readers == 1)
    party.served.stop()
    assert await client.seconds(5) is None
