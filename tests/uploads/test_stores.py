"""Uploads into a disk that fills up, and into a bucket."""

from __future__ import annotations

import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from kilo_gql.config import Settings
from kilo_gql.storage import MIB
from tests.support.make import Make
from tests.support.running import running
from tests.support.sending import Sender, found, sha256


async def sender_of(api: object) -> Sender:
    make = Make(api.services.db)  # type: ignore[attr-defined]
    owner = await make.user()
    return Sender(api, owner, (await make.project(owner)).id)  # type: ignore[arg-type]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "kilo-test", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest_asyncio.fixture
async def bucket(postgres: str, tmp_path: Path, s3_settings: Settings) -> AsyncIterator[Sender]:
    named = ("s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    settings = {name: getattr(s3_settings, name) for name in named}
    async with running(postgres, tmp_path, **settings) as api:
        yield await sender_of(api)


@pytest.mark.parametrize("seed", range(3))
async def test_a_full_disk_keeps_what_it_has_and_the_upload_goes_on(
    postgres: str, tmp_path: Path, small_disk: Path, seed: int
) -> None:
    dice = random.Random(seed)
    async with running(postgres, tmp_path / "home", objects=small_disk / "objects") as api:
        ada = await sender_of(api)
        before = await ada.send(dice.randbytes(1000), "before.jpg")
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(dice.randint(4 * MIB, 9 * MIB)))
        data = dice.randbytes(13 * MIB)
        upload = await ada.begin(data)
        full = await ada.patch(upload["uploadUrl"], 0, data)
        assert (full.status_code, full.json()["code"]) == (507, "storage_full")
        offset = await ada.offset(upload["uploadUrl"])
        row = await ada.row(upload)
        assert row is not None
        assert 0 < offset == row["received"] < len(data)
        assert (row["status"], row["released"]) == ("receiving", True)
        assert len(await ada.stored(before)) == 1000
        again = await ada.patch(upload["uploadUrl"], offset, data[offset:])
        assert again.status_code == 507
        offset = await ada.offset(upload["uploadUrl"])
        files = await found(api.services.db, "SELECT id FROM asset_files WHERE project_id = :id", id=ada.project_id)
        assert [str(file["id"]) for file in files] == [before["uploadId"]]
        ballast.unlink()
        done = await ada.patch(upload["uploadUrl"], offset, data[offset:])
        assert (done.status_code, await ada.leftovers(upload)) == (204, [])
        assert sha256(await ada.stored(upload)) == sha256(data)


async def test_a_bucket_takes_pieces_of_any_size(bucket: Sender) -> None:
    dice = random.Random(11)
    data = dice.randbytes(14_000_000)
    upload = await bucket.begin(data, contentType="image/x-canon-cr2")
    offset = 0
    for cut in [*sorted(dice.sample(range(1, len(data)), 5)), len(data)]:
        assert await bucket.offset(upload["uploadUrl"]) == offset
        answer = await bucket.patch(upload["uploadUrl"], offset, data[offset:cut])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(cut))
        offset = cut
    assert sha256(await bucket.stored(upload)) == sha256(data)
    assert await bucket.leftovers(upload) == []
    [outcome] = (await bucket.finalize((upload["assetId"], sha256(data))))["assets"]
    assert outcome["status"] == "processing"


async def test_a_put_into_a_bucket_begins_anew(bucket: Sender) -> None:
    data = random.Random(12).randbytes(7_000_000)
    upload = await bucket.begin(data)
    assert (await bucket.patch(upload["uploadUrl"], 0, b"?" * 6_000_000)).status_code == 204
    assert (await bucket.put(upload["uploadUrl"], data)).status_code == 204
    assert sha256(await bucket.stored(upload)) == sha256(data)


async def test_what_is_given_up_leaves_a_bucket_as_it_was(bucket: Sender) -> None:
    upload = await bucket.begin(b"x" * 7_000_000)
    assert (await bucket.patch(upload["uploadUrl"], 0, b"x" * 6_000_000)).status_code == 204
    assert (await bucket.terminate(upload["uploadUrl"])).status_code == 204
    left = [one async for one in bucket.api.services.store.leftovers()]
    objects = [one.key async for one in bucket.api.services.store.list("")]
    assert (left, [key for key in objects if not key.startswith(".")]) == ([], [])
