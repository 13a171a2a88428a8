"""A disk that fills up while a file comes in: a typed refusal, nothing half visible, and the same upload goes on."""

from __future__ import annotations

import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from kilo_gql.config import Settings
from kilo_gql.errors import InsufficientStorage
from kilo_gql.storage import MIB, NewObject, Sink, Store, open_store
from tests.support.uploads import UploadRow, send, whole, write

SIZE = 8 * MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "kilo-test", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest_asyncio.fixture
async def small(small_disk: Path) -> AsyncIterator[Store]:
    settings = Settings(home=small_disk, secret_key=SecretStr("x" * 32))
    opened = await open_store(settings, create=True)
    yield opened
    await opened.aclose()


async def names(store: Store) -> list[str]:
    return [one.key async for one in store.list("")]


async def fill(sink: Sink, row: UploadRow, data: bytes) -> InsufficientStorage:
    """Send until the disk is full, save what found room, and return the refusal."""
    writer = row.seen()

    async def rest() -> None:
        await write(sink, data[writer.received :])
        await sink.flush()

    with pytest.raises(InsufficientStorage) as refused:
        await rest()
    with pytest.raises(InsufficientStorage):
        await sink.write(b"1")
    assert row.commit(writer, await sink.flush())
    return refused.value


@pytest.mark.parametrize("seed", range(6))
async def test_full_at_any_moment(small: Store, small_disk: Path, seed: int) -> None:
    dice = random.Random(seed)
    ballast = small_disk / "ballast"
    data = dice.randbytes(dice.randint(3 * MIB, 6 * MIB))
    await small.put_bytes("p/a/before.jpg", b"before", "image/jpeg")
    ballast.write_bytes(bytes(dice.randint(SIZE - 3 * MIB, SIZE - MIB)))
    row = await UploadRow.begin(small, "p/a/1.jpg", len(data))
    stored = []
    for _ in range(2):
        writer = row.claim()
        async with small.receive(writer) as sink:
            refused = await fill(sink, row, data)
        row.release(writer)
        assert (refused.code, refused.status) == ("storage_full", 507)
        stored.append(row.received)
    # the second try has nothing to send again, and finds no room for more than the first
    assert 0 <= SIZE - ballast.stat().st_size - stored[0] < 64 << 10
    assert stored[1] == stored[0]
    assert await names(small) == ["p/a/before.jpg"]
    assert await whole(small, "p/a/before.jpg") == b"before"
    with pytest.raises(InsufficientStorage):
        await small.put_bytes("p/a/2.jpg", bytes(MIB), "image/jpeg")
    await small.delete(["p/a/before.jpg"])
    assert await names(small) == []
    ballast.unlink()
    await send(small, row, data)
    await small.complete(row.seen())
    assert await whole(small, "p/a/1.jpg") == data
    assert [one async for one in small.leftovers()] == []


async def test_files_that_find_no_room_stay_where_they_are(small: Store, small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(SIZE - MIB))
    source = tmp_path / "1.webp"
    source.write_bytes(bytes(2 * MIB))
    with pytest.raises(InsufficientStorage):
        await small.put_files([NewObject("p/a/1.webp", source, "image/webp")])
    assert (source.stat().st_size, await names(small)) == (2 * MIB, [])
    assert [one async for one in small.leftovers()] == []
    (small_disk / "ballast").unlink()
    await small.put_files([NewObject("p/a/1.webp", source, "image/webp")])
    assert (source.exists(), await names(small)) == (False, ["p/a/1.webp"])
