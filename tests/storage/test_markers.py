"""A store that is not ours, or not there, is never written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from kilo_gql import health
from kilo_gql.config import Settings
from kilo_gql.errors import Unavailable
from kilo_gql.storage import Incoming, NewObject, Store, open_store
from tests.support.uploads import UploadRow, send

Change = Callable[[Store, UploadRow, Path], Awaitable[object]]


async def _receive(store: Store, row: UploadRow, path: Path) -> None:
    async with store.receive(row.seen()):
        pass


CHANGES: dict[str, Change] = {
    "receive": _receive,
    "complete": lambda store, row, path: store.complete(row.seen()),
    "abort": lambda store, row, path: store.abort(row.seen()),
    "put_files": lambda store, row, path: store.put_files([NewObject("p/a/2.jpg", path, "image/jpeg")]),
    "put_bytes": lambda store, row, path: store.put_bytes("p/a/2.jpg", b"2", "image/jpeg"),
    "delete": lambda store, row, path: store.delete(["p/a/1.jpg"]),
    "discard": lambda store, row, path: store.discard([]),
    "check": lambda store, row, path: store.check(),
    "identify": lambda store, row, path: store.identify(),
}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("marker", "code"), [(None, "store_marker_missing"), (b"another\n", "store_marker_foreign")], ids=["none", "other"]
)
async def test_every_change_is_refused(
    local: Store, tmp_path: Path, change: str, marker: bytes | None, code: str
) -> None:
    root, row, path = tmp_path / "objects", await UploadRow.begin(local, "p/a/3.jpg", 10), tmp_path / "2.jpg"
    await send(local, row, b"1" * 10)
    await local.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    path.write_bytes(b"2")
    (root / ".kilo-store").unlink()
    if marker is not None:
        (root / ".kilo-store").write_bytes(marker)
    before = tree(tmp_path)
    with pytest.raises(Unavailable) as refused:
        await CHANGES[change](local, row, path)
    assert refused.value.code == code
    assert refused.value.remediation != []
    assert tree(tmp_path) == before


async def test_an_unmounted_disk_is_no_empty_store(local: Store, tmp_path: Path) -> None:
    """Whether the folder is empty or gone: nothing is missing, the store is. And nothing is made in its place."""
    await local.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    root = tmp_path / "objects"
    root.rename(tmp_path / "elsewhere")
    for make in (False, True):
        if make:
            root.mkdir()
        with pytest.raises(Unavailable) as refused:
            await local.stat("p/a/1.jpg")
        assert refused.value.code == "store_marker_missing"
        with pytest.raises(Unavailable):
            await local.put_bytes("p/a/2.jpg", b"2", "image/jpeg")
        with pytest.raises(Unavailable):
            assert [one async for one in local.list("")]
        assert root.exists() is make
    assert list(root.iterdir()) == []


async def test_a_marker_is_made_once_and_only_in_an_empty_store(store_settings: Settings) -> None:
    first = await open_store(store_settings)
    with pytest.raises(Unavailable) as refused:
        await first.check()
    assert refused.value.code == "store_marker_missing"
    made = await open_store(store_settings, create=True)
    known_as = await made.identify()
    again = await open_store(store_settings, create=True)
    assert await again.identify() == known_as
    stranger = await open_store(store_settings, known_as="somebody else", create=True)
    with pytest.raises(Unavailable) as refused:
        await stranger.put_bytes("p/a/1.jpg", b"1", "image/jpeg")
    assert refused.value.code == "store_marker_foreign"
    assert await made.stat("p/a/1.jpg") is None
    for opened in (first, made, again, stranger):
        await opened.aclose()


async def test_a_folder_with_something_in_it_gets_no_marker(local_settings: Settings) -> None:
    root = local_settings.object_root
    (root / "holiday").mkdir(parents=True)
    store = await open_store(local_settings, create=True)
    with pytest.raises(Unavailable):
        await store.identify()
    assert [path.name for path in root.iterdir()] == ["holiday"]
    (root / "holiday").rename(root / "lost+found")
    await store.create()
    await store.check()
    await store.aclose()


async def test_an_installation_that_knows_its_store_makes_no_other(local_settings: Settings) -> None:
    store = await open_store(local_settings, known_as="one that was here", create=True)
    assert not local_settings.object_root.exists()
    with pytest.raises(Unavailable):
        await store.check()
    await store.aclose()


async def test_a_service_that_does_not_answer(s3_settings: Settings) -> None:
    nowhere = s3_settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"})
    gone = s3_settings.model_copy(update={"s3_bucket": "kilo-nobody-made-this"})
    for settings in (nowhere, gone):
        store = await open_store(settings)
        with pytest.raises(Unavailable) as refused:
            async with store.receive(Incoming(UploadRow("p/a/1.jpg", 1, "").id, "p/a/1.jpg", 1, "", 1)):
                pass
        assert refused.value.code == "store_unreachable"
        await store.aclose()


async def test_the_doctor_looks_at_the_store(store_settings: Settings) -> None:
    before = await health.store(store_settings)
    assert before.ok is (False if store_settings.s3_bucket else None)
    store = await open_store(store_settings, create=True)
    await store.aclose()
    assert (await health.store(store_settings)).ok is True


async def test_the_doctor_notices_an_empty_folder(tmp_path: Path) -> None:
    finding = await health.store(Settings(home=tmp_path, objects=tmp_path, secret_key=SecretStr("x" * 32)))
    assert (finding.part, finding.ok) == ("store", False)
    assert finding.remedy == "Check that the disk is mounted and that KILO_OBJECTS or KILO_S3_BUCKET is right."
