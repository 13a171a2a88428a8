"""Objects: put, read, listed, deleted, and never changed, on both stores."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from pathlib import Path

import pytest

from kilo_gql.config import Settings
from kilo_gql.errors import BadRequest, NotFound
from kilo_gql.local_store import LocalStore
from kilo_gql.storage import MIB, NewObject, StorageConflict, Store, checked_key, open_store
from tests.support.uploads import UploadRow, send, whole


async def names(store: Store, prefix: str = "") -> list[str]:
    return [one.key async for one in store.list(prefix)]


def file(folder: Path, key: str, data: bytes) -> NewObject:
    path = folder / key.replace("/", "-")
    path.write_bytes(data)
    return NewObject(key, path, "image/webp")


NO_KEYS = [
    "", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "..", ".kilo-store", "a/.b", "A/b", "a b", "a\x00b", "a\nb",
    "a/b\n", "%2e%2e/a", "a%2fb", "a\\b", "é", "incoming/x", "incoming", "a/" * 256 + "b",
]  # fmt: skip


async def test_a_key_is_a_plain_path(store: Store) -> None:
    for key in NO_KEYS:
        with pytest.raises(BadRequest) as refused:
            checked_key(key)
        assert refused.value.code == "bad_object_key"
        with pytest.raises(BadRequest):
            await store.put_bytes(key, b"1", "image/webp")
        with pytest.raises(BadRequest):
            await store.delete([key])
    assert await names(store) == []


async def test_files_are_put_and_used_up(store: Store, tmp_path: Path) -> None:
    large = random.Random(5).randbytes(17 * MIB)
    files = [file(tmp_path, "p/a/1.webp", b"1" * 10), file(tmp_path, "p/a/2.webp", b""), file(tmp_path, "p/b/3", large)]
    await store.put_files(files)
    assert [one.path.exists() for one in files] == [False, False, False]
    assert await names(store) == ["p/a/1.webp", "p/a/2.webp", "p/b/3"]
    assert await whole(store, "p/a/1.webp") == b"1" * 10
    assert await whole(store, "p/a/2.webp") == b""
    assert await whole(store, "p/b/3") == large
    again = [file(tmp_path, "p/a/1.webp", b"1" * 10), file(tmp_path, "p/b/3", large)]
    await store.put_files(again)
    for changed in (b"2" * 10, b"1" * 11):
        with pytest.raises(StorageConflict):
            await store.put_files([file(tmp_path, "p/a/1.webp", changed)])
    with pytest.raises(StorageConflict):
        await store.put_files([file(tmp_path, "p/b/3", large[:-1] + b"?")])
    assert await whole(store, "p/a/1.webp") == b"1" * 10
    assert await whole(store, "p/b/3") == large
    assert [one async for one in store.leftovers()] == []


async def test_bytes_are_put_once(store: Store) -> None:
    for _ in range(2):
        await store.put_bytes("p/a/1.xmp", b"<x/>", "application/xml")
    with pytest.raises(StorageConflict):
        await store.put_bytes("p/a/1.xmp", b"<y/>", "application/xml")
    assert await whole(store, "p/a/1.xmp") == b"<x/>"
    assert [one async for one in store.leftovers()] == []


@pytest.mark.parametrize("seed", range(2))
async def test_any_range_can_be_read(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    data = dice.randbytes(dice.choice([700_000, 262_144, 524_288]))
    await store.put_bytes("p/a/1.jpg", data, "image/jpeg")
    edges = [0, 1, 262_143, 262_144, 262_145, len(data) - 1, len(data)]
    for _ in range(12):
        start, end = sorted((dice.choice(edges), dice.choice(edges)))
        assert b"".join([piece async for piece in store.stream("p/a/1.jpg", start, end)]) == data[start:end]
    assert b"".join([piece async for piece in store.stream("p/a/1.jpg", 5)]) == data[5:]
    assert [piece async for piece in store.stream("p/a/1.jpg", len(data))] == []


async def test_what_is_not_there(store: Store) -> None:
    assert await store.stat("p/a/1.jpg") is None
    with pytest.raises(NotFound) as missing:
        await whole(store, "p/a/1.jpg")
    assert missing.value.code == "object_missing"
    with pytest.raises(NotFound):
        async with store.local_path("p/a/1.jpg"):
            pass
    await store.delete(["p/a/1.jpg", "p/x/y/z.jpg"])


async def test_an_object_as_a_file(store: Store) -> None:
    await store.put_bytes("p/a/1.jpg", b"\xff\xd8", "image/jpeg")
    async with store.local_path("p/a/1.jpg") as path:
        assert (path.name, path.read_bytes()) == ("1.jpg", b"\xff\xd8")
    assert await whole(store, "p/a/1.jpg") == b"\xff\xd8"


async def test_a_copy_out_of_a_bucket_lies_where_what_is_left_is_swept(s3_settings: Settings) -> None:
    store = await open_store(s3_settings, create=True)
    await store.put_bytes("p/a/1.jpg", b"\xff\xd8", "image/jpeg")
    async with store.local_path("p/a/1.jpg") as path:
        assert path.parent.parent == s3_settings.home / "scratch"
    assert list((s3_settings.home / "scratch").iterdir()) == []
    await store.aclose()


async def test_lists_are_in_the_order_of_keys(store: Store) -> None:
    keys = ["p-1/a.jpg", "p.1/a.jpg", "p/a-b.jpg", "p/a.jpg", "p/a/b.jpg", "p/a0.jpg", "q"]
    for key in reversed(keys):
        await store.put_bytes(key, key.encode(), "image/jpeg")
    assert await names(store) == keys
    assert await names(store, "p/a") == ["p/a-b.jpg", "p/a.jpg", "p/a/b.jpg", "p/a0.jpg"]
    assert await names(store, "p/a/") == ["p/a/b.jpg"]
    assert await names(store, "p/a/b.jpg") == ["p/a/b.jpg"]
    assert await names(store, "p/x") == []
    assert [one.size async for one in store.list("q")] == [1]


async def test_deleting_leaves_the_others(store: Store) -> None:
    for key in ("p/a/1.jpg", "p/a/2.jpg", "p/b/3.jpg"):
        await store.put_bytes(key, b"1", "image/jpeg")
    for _ in range(2):
        await store.delete(["p/a/1.jpg", "p/b/3.jpg"])
    assert await names(store) == ["p/a/2.jpg"]
    await store.delete(["p/a/2.jpg"])
    assert await names(store) == []
    await store.check()


async def test_files_are_read_only_and_empty_folders_go(local: Store, tmp_path: Path) -> None:
    await local.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    root = tmp_path / "objects"
    assert (root / "p/a/1.jpg").stat().st_mode & 0o777 == 0o444
    await local.delete(["p/a/1.jpg"])
    assert sorted(path.name for path in root.iterdir()) == [".kilo-store", "incoming"]


async def test_no_link_is_followed(local: Store, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "objects"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    await local.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    (root / "p" / "link").symlink_to(outside)
    (root / "p" / "a" / "2.jpg").symlink_to(outside / "secret.jpg")
    (root / "p" / "a" / "3.jpg").mkdir()
    for key in ("p/link/secret.jpg", "p/a/2.jpg", "p/a/3.jpg"):
        assert await local.stat(key) is None
        with pytest.raises(NotFound):
            await whole(local, key)
    with pytest.raises(OSError, match="Not a directory"):
        await local.put_bytes("p/link/4.jpg", b"4", "image/jpeg")
    await local.delete(["p/link/secret.jpg"])
    assert await names(local) == ["p/a/1.jpg"]
    assert (outside / "secret.jpg").read_bytes() == b"secret"
    assert [path.name for path in outside.iterdir()] == ["secret.jpg"]
    with pytest.raises(OSError, match="symbolic links"):
        await local.put_files([NewObject("p/a/5.jpg", root / "p/a/2.jpg", "image/jpeg")])
    assert await names(local) == ["p/a/1.jpg"]


async def test_files_of_another_disk_are_copied(local: Store) -> None:
    shared_memory = Path("/dev/shm")  # noqa: S108
    if shared_memory.stat().st_dev == Path.home().stat().st_dev:
        pytest.skip("no second file system here")
    source = file(shared_memory, f"kilo-test-{os.getpid()}", b"1" * 3_000_000)
    source = NewObject("p/a/1.webp", source.path, source.content_type)
    await local.put_files([source])
    assert not source.path.exists()
    assert await whole(local, "p/a/1.webp") == b"1" * 3_000_000
    assert [one async for one in local.leftovers()] == []


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_changes_an_object(store: Store, tmp_path: Path, seed: int) -> None:
    """Random operations beside a model that knows only: the first one wins, and deleting is the one way out."""
    dice, model = random.Random(seed), dict[str, bytes]()
    for _ in range(120):
        key, data = f"p/{dice.randint(0, 1)}/{dice.randint(0, 2)}", dice.choice([b"", b"1", b"2", b"22"])
        taken = model.get(key, data) != data
        kind = dice.choice(["bytes", "files", "upload", "delete"])
        if kind == "delete":
            await store.delete([key])
            model.pop(key, None)
            continue
        if kind == "upload":
            data = data or b"3"
            taken = key in model  # an upload is nobody's twin, also with the same bytes; only its own repetition is
        put = {"bytes": put_bytes, "files": put_file, "upload": upload}[kind]
        if taken and not (kind == "upload" and model[key] == data):
            with pytest.raises(StorageConflict):
                await put(store, key, data, tmp_path)
        elif not taken:
            await put(store, key, data, tmp_path)
            model[key] = data
    assert {key: await whole(store, key) for key in await names(store)} == model


async def put_bytes(store: Store, key: str, data: bytes, folder: Path) -> None:
    await store.put_bytes(key, data, "image/webp")


async def put_file(store: Store, key: str, data: bytes, folder: Path) -> None:
    await store.put_files([file(folder, key, data)])


async def upload(store: Store, key: str, data: bytes, folder: Path) -> None:
    row = await UploadRow.begin(store, key, len(data))
    await send(store, row, data)
    try:
        await store.complete(row.seen())
    finally:
        await store.abort(row.seen())


async def test_a_cancelled_call_ends_only_with_its_thread(local: Store) -> None:
    """Else a writer could be released while the bytes of its last call are still on their way."""
    assert isinstance(local, LocalStore)
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait()

    call = asyncio.create_task(local.settled(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        call.cancel()
        await asyncio.sleep(0)
    assert not call.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call
