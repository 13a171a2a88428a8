"""Uploads that are cut, killed and doubled: what is stored is what was sent, on both stores."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kilo_gql.config import Settings
from kilo_gql.errors import NotFound, TooLarge
from kilo_gql.storage import MIB, Part, StorageConflict, Store, next_number, open_store, part_size_for
from tests.support.raw_http import listening
from tests.support.uploads import Stalled, UploadRow, send, whole, write


def key() -> str:
    return f"{uuid4()}/{uuid4()}/{uuid4()}.jpg"


async def names(store: Store) -> list[str]:
    return [one.key async for one in store.list("")]


async def leftovers(store: Store) -> int:
    return len([one async for one in store.leftovers()])


def test_the_sizes_of_parts() -> None:
    assert [part_size_for(size) for size in (1, 800 * MIB, 3_200 * MIB, 100_000 * MIB)] == [
        8 * MIB,
        8 * MIB,
        32 * MIB,
        64 * MIB,
    ]


def test_numbers_that_an_overtaken_writer_may_use_are_free_for_nobody() -> None:
    parts = (Part(3, 5, "a"), Part(9, 5, "b"), Part(0, 1, "tail"))
    assert (next_number(()), next_number(parts)) == (5, 14)


async def test_a_file_comes_in_and_is_an_object(store: Store) -> None:
    data, row = random.Random(1).randbytes(300_000), await UploadRow.begin(store, key(), 300_000)
    await send(store, row, data)
    assert (row.received, row.seen().head, await names(store)) == (300_000, data[:64], [])
    await store.complete(row.seen())
    assert await whole(store, row.key) == data
    assert await names(store) == [row.key]
    found = await store.stat(row.key)
    assert found is not None
    assert (found.key, found.size, await leftovers(store)) == (row.key, 300_000, 0)


async def test_completing_again_is_fine_and_aborting_does_not_touch_the_object(store: Store) -> None:
    data, row = b"\xff\xd8\xff" * 1000, await UploadRow.begin(store, key(), 3000)
    await send(store, row, data)
    for _ in range(3):
        await store.complete(row.seen())
    await store.abort(row.seen())
    assert await whole(store, row.key) == data


async def test_an_object_is_never_overwritten(store: Store) -> None:
    first, second = await UploadRow.begin(store, key(), 1000), await UploadRow.begin(store, "x/y.jpg", 1000)
    second.key = first.key
    second.token = await store.begin(second.id, second.key, content_type="image/jpeg")
    await send(store, first, b"1" * 1000)
    await send(store, second, b"2" * 1000)
    await store.complete(first.seen())
    with pytest.raises(StorageConflict) as refused:
        await store.complete(second.seen())
    assert refused.value.code == "storage_conflict"
    assert await whole(store, first.key) == b"1" * 1000
    await store.abort(second.seen())
    assert await whole(store, first.key) == b"1" * 1000


async def test_a_writer_lets_go_of_its_file_although_somebody_keeps_its_error(local: Store) -> None:
    row = await UploadRow.begin(local, key(), 1000)
    with pytest.raises(TooLarge) as kept:
        async with local.receive(row.claim()) as sink:
            await sink.write(bytes(1001))
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert [link for link in links if str(row.id) in link] == []
    assert kept.value.code == "upload_too_long"


async def test_an_unfinished_upload_cannot_be_completed(store: Store) -> None:
    row = await UploadRow.begin(store, key(), 1000)
    await send(store, row, b"1" * 999)
    with pytest.raises(ValueError, match="999 of 1000"):
        await store.complete(row.seen())
    assert (await names(store), row.received) == ([], 999)


async def test_nothing_goes_beyond_the_size(store: Store) -> None:
    row = await UploadRow.begin(store, key(), 1000)
    writer = row.claim()
    async with store.receive(writer) as sink:
        await sink.write(b"1" * 999)
        with pytest.raises(TooLarge) as refused:
            await sink.write(b"22")
        assert (refused.value.code, sink.pending) == ("upload_too_long", 999)
        await sink.write(b"3")
        row.commit(writer, await sink.flush())
    await store.complete(row.seen())
    assert await whole(store, row.key) == b"1" * 999 + b"3"


async def test_what_was_not_flushed_does_not_count(store: Store) -> None:
    data, row = random.Random(2).randbytes(2_500_000), await UploadRow.begin(store, key(), 2_500_000)
    writer = row.claim()
    async with store.receive(writer) as sink:
        await write(sink, data[:1_000_000])
        row.commit(writer, await sink.flush())
        await write(sink, b"lost" * 300_000)
        assert sink.pending == 1_200_000
    row.release(writer)
    assert row.received == 1_000_000
    await send(store, row, data)
    await store.complete(row.seen())
    assert await whole(store, row.key) == data


async def test_aborting_leaves_nothing(store: Store) -> None:
    row = await UploadRow.begin(store, key(), 1000)
    stalled = Stalled(store, row)
    await (await stalled.start()).write(b"1" * 10)
    row.commit(stalled.writer, await stalled.sink.flush())
    await send(store, row, b"1" * 20)
    for _ in range(2):
        await store.abort(row.seen())
    assert (await leftovers(store), await names(store)) == (0, [])
    await stalled.end()


async def test_leftovers_are_listed_and_discarded(store: Store) -> None:
    row = await UploadRow.begin(store, key(), 1000)
    await send(store, row, b"1" * 10)
    found = [one async for one in store.leftovers()]
    assert {one.upload_id for one in found} <= {row.id, None}
    assert {one.token for one in found} == {"", row.token}
    for _ in range(2):
        await store.discard(found)
    assert await leftovers(store) == 0
    with pytest.raises(NotFound) as lost:
        await send(store, row, b"1" * 1000)
    assert lost.value.code == "upload_lost"
    await store.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    spoilt = replace(found[0], name="p/a/1.jpg", token="")
    with pytest.raises(ValueError, match="not the name of a leftover"):
        await store.discard([spoilt])
    assert await names(store) == ["p/a/1.jpg"]


async def test_a_complete_upload_whose_bytes_are_gone_says_so(local: Store) -> None:
    """In a folder only: moto answers 500 about an upload that was aborted, where S3 says NoSuchUpload."""
    row = await UploadRow.begin(local, key(), 1000)
    await send(local, row, b"1" * 1000)
    await local.abort(row.seen())
    with pytest.raises(NotFound) as lost:
        await local.complete(row.seen())
    assert lost.value.code == "upload_lost"
    assert await names(local) == []


async def test_a_bucket_that_has_ended_an_upload_by_itself(s3_settings: Settings) -> None:
    """As a rule of the bucket does after some days; a service that says so stands in for moto, which answers 500."""

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        forgotten = b"<Error><Code>NoSuchUpload</Code></Error>"
        status, body = (200, b"marker") if scope["path"].endswith(".kilo-store") else (404, forgotten)
        await Response(b"" if scope["method"] == "HEAD" else body, status, media_type="text/xml")(scope, receive, send)

    row = UploadRow(key(), 6 * MIB, "forgotten")
    async with listening(service) as port:
        endpoint = {"s3_endpoint_url": f"http://127.0.0.1:{port}"}
        store = await open_store(s3_settings.model_copy(update=endpoint))
        try:
            async with store.receive(row.claim()) as sink:
                await sink.write(bytes(6 * MIB))
                with pytest.raises(NotFound) as lost:
                    await sink.flush()
            assert lost.value.code == "upload_lost"
            row.commit(row.claim(), (Part(1, 6 * MIB, "etag"),))
            with pytest.raises(NotFound) as lost:
                await store.complete(row.seen())
            assert lost.value.code == "upload_lost"
        finally:
            await store.aclose()


async def test_an_upload_begun_twice_is_completed_once(store: Store) -> None:
    """A crash between ``begin`` and the row's commit leaves a token nobody knows; the object says whose it is."""
    data, row = b"1" * 1000, await UploadRow.begin(store, key(), 1000)
    await send(store, row, data)
    again = replace(row, token=await store.begin(row.id, row.key, content_type="image/jpeg"), fence=1, parts=b"[]")
    await store.complete(row.seen())
    await send(store, again, data)
    await store.complete(again.seen())
    await store.abort(again.seen())
    assert (await whole(store, row.key), await leftovers(store)) == (data, 0)


@pytest.mark.parametrize("seed", range(8))
async def test_cut_anywhere_killed_or_not(store: Store, seed: int) -> None:
    """Writers flush now and then; each lets go properly, or is killed and goes on writing after its successor began."""
    dice = random.Random(seed)
    data = dice.randbytes(dice.choice([1_000, 700_000, 6_000_000, 13_000_000]))
    row = await UploadRow.begin(store, key(), len(data))
    zombies: list[Stalled] = []
    while row.received < len(data):
        writer = Stalled(store, row)
        sink, at = await writer.start(), writer.writer.received
        for _ in range(dice.randint(0, 2)):
            until = min(len(data), at + dice.randint(1, len(data)))
            await write(sink, data[at:until])
            at = until
            assert row.commit(writer.writer, await sink.flush())
            assert row.received == at
        if dice.random() < 0.5:
            await writer.end()
            row.release(writer.writer)
        else:
            zombies.append(writer)
        for zombie in dice.sample(zombies, min(len(zombies), 2)):
            room = len(data) - zombie.writer.received - zombie.sink.pending
            before = row.parts
            if row.fence != zombie.writer.fence and room > 0:
                await _haunt(zombie, row, dice.randbytes(min(room, 50_000)))
                assert row.parts == before
    await store.complete(row.seen())
    assert await whole(store, row.key) == data
    for zombie in zombies:
        await zombie.end()
    assert (await names(store), await leftovers(store)) == ([row.key], 0)


async def _haunt(zombie: Stalled, row: UploadRow, garbage: bytes) -> None:
    """A writer that was taken for dead goes on: its bytes may be stored somewhere, but its commit fails."""
    try:
        await zombie.sink.write(garbage)
    except TooLarge:
        return
    assert not row.commit(zombie.writer, await zombie.sink.flush())


async def test_two_writers_alternate_over_one_upload(store: Store) -> None:
    """The older one writes until the very end; every commit of it is refused."""
    data, row = random.Random(3).randbytes(400_000), await UploadRow.begin(store, key(), 400_000)
    old = Stalled(store, row)
    await write(await old.start(), data[:1000])
    assert row.commit(old.writer, await old.sink.flush())
    new = Stalled(store, row)
    await new.start()
    for start in range(1000, 400_000, 57_000):
        await old.sink.write(b"x" * 57_000 if start + 57_000 <= 400_000 else b"x")
        assert not row.commit(old.writer, await old.sink.flush())
        await new.sink.write(data[start : start + 57_000])
        assert row.commit(new.writer, await new.sink.flush())
    await store.complete(row.seen())
    await old.end()
    await new.end()
    assert await whole(store, row.key) == data


async def test_a_writer_that_committed_nothing_leaves_its_file_to_nobody(store: Store) -> None:
    """1 lets go properly, 2 is taken for dead, 3 lets go with nothing committed: 4 must not share a file with 2."""
    data, row = random.Random(4).randbytes(5000), await UploadRow.begin(store, key(), 5000)
    await send(store, row, data[:2000])
    second = Stalled(store, row)
    await second.start()
    third = row.claim()
    async with store.receive(third):
        pass
    row.release(third)
    fourth = Stalled(store, row)
    await write(await fourth.start(), data[2000:4000])
    await second.sink.write(b"x" * 3000)
    await second.sink.flush()
    assert row.commit(fourth.writer, await fourth.sink.flush())
    await fourth.end()
    row.release(fourth.writer)
    await send(store, row, data)
    await store.complete(row.seen())
    await second.end()
    assert await whole(store, row.key) == data
