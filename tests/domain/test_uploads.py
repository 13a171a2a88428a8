"""Uploads: what is prepared, resumed, refused, finalized, and thrown away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.domain import filenames, receiving
from kilo_gql.domain.asset_pages import list_assets
from kilo_gql.domain.finalizing import Finalized, FinalizedFile, finalize_upload
from kilo_gql.domain.preparing import NewUpload, UploadInstruction, UploadState, prepare_upload
from kilo_gql.domain.upload_addresses import check_token
from kilo_gql.domain.uploads import cancel_upload, list_unfinished_uploads
from kilo_gql.errors import BadRequest, Conflict, Forbidden, Gone, KiloError, NotFound
from kilo_gql.models import AssetStatus, FileKind, Project, Role
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from kilo_gql.storage import Part
from tests.support.clock import Clock
from tests.support.make import Make
from tests.support.sending import change, found
from tests.support.statements import statements

HASH = "ab" * 32
JOB = "SELECT id, arguments, asset_id FROM jobs WHERE type = :type ORDER BY id"


class Desk:
    """Prepares and finalizes in one project."""

    def __init__(self, throat: Throat, who: UserActor, project: Project) -> None:
        self.throat, self.db, self.who, self.project = throat, throat.db, who, project

    async def prepare(self, *files: NewUpload, **options: Any) -> list[UploadInstruction]:
        done = await self.throat.execute(self.who, prepare_upload, self.project.id, list(files), **options)
        return done.value

    async def finalize(self, *assets: UUID, checksum: str = HASH, **options: Any) -> Finalized:
        sent = [FinalizedFile(asset_id, checksum) for asset_id in assets]
        return (await self.throat.execute(self.who, finalize_upload, self.project.id, sent, **options)).value

    async def arrive(self, *instructions: UploadInstruction) -> None:
        """As if the bytes had come."""
        statement = "UPDATE uploads SET received = byte_size, status = 'stored' WHERE id = ANY(:ids)"
        await change(self.db, statement, ids=[one.upload_id for one in instructions])

    async def ingest(self, asset_id: UUID, sha256: str = HASH) -> None:
        """As if the job had found a photo."""
        await change(
            self.db, "UPDATE asset_files SET sha256 = :sha256 WHERE asset_id = :id", id=asset_id, sha256=sha256
        )
        await change(self.db, "UPDATE assets SET status = 'ready' WHERE id = :id", id=asset_id)

    async def all(self, table: str) -> list[dict[str, Any]]:
        return await found(self.db, f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 (a table of ours)


@pytest.fixture
async def desk(throat: Throat, make: Make) -> Desk:
    ada = await make.user()
    return Desk(throat, ada, await make.project(ada))


# --- preparing -----------------------------------------------------------------------------------------------------


async def test_a_prepared_file(desk: Desk, clock: Clock) -> None:
    new = NewUpload(r"C:\DCIM\100CANON/IMG_0001.CR2", 1000, "Image/X-Canon-CR2; q=1", clock.now, "row 7", HASH.upper())
    [made] = await desk.prepare(new)
    house = desk.db.house
    assert made == UploadInstruction(
        "row 7",
        made.asset_id,
        UploadState.NEEDED,
        made.upload_id,
        made.upload_url,
        {"Content-Type": "image/x-canon-cr2"},
        made.expires_at,
    )
    assert made.expires_at is not None
    assert (made.expires_at - clock.now).days == 7
    assert made.upload_id is not None
    address, token = made.upload_url.split("?token=")
    assert address == f"http://127.0.0.1:8400/uploads/{made.upload_id}"
    check_token(house.key, made.upload_id, token, clock.now)
    [asset], [upload] = await desk.all("assets"), await desk.all("uploads")
    assert (asset["filename"], asset["stem"], asset["status"]) == ("IMG_0001.CR2", "img_0001", "uploading")
    assert upload["key"] == f"{desk.project.id}/{made.asset_id}/{made.upload_id}.cr2"
    assert (upload["checksum_sha256"], upload["captured_at"]) == (HASH, clock.now)
    assert await desk.all("outbox") == []


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [
        ("IMG_1.JPG", "img_1", "jpg"),
        ("IMG_1.CR2.xmp", "img_1", "xmp"),
        ("IMG_1.xmp", "img_1", "xmp"),
        ("my.photo.jpg", "my.photo", "jpg"),
        ("my.photo.xmp", "my.photo", "xmp"),
        ("IMG_1", "img_1", "bin"),
        (".hidden", ".hidden", "bin"),
        ("a.b c", "a", "bin"),
        ("strasse.JPÉG", "strasse", "bin"),
    ],
)
def test_names_taken_apart(name: str, stem: str, extension: str) -> None:
    assert (filenames.stem_of(name), filenames.extension_of(name)) == (stem, extension)


@pytest.mark.parametrize(
    ("new", "code", "name"),
    [
        (NewUpload("empty.jpg", 0), "zero_bytes", "empty.jpg"),
        (NewUpload("less.jpg", -1), "zero_bytes", "less.jpg"),
        (NewUpload("large.tif", (4 << 30) + 1), "file_too_large", "large.tif"),
        (NewUpload("", 10), "bad_filename", "unnamed"),
        (NewUpload("folder/", 10), "bad_filename", "folder/"),
        (NewUpload("nul\0.jpg", 10), "bad_filename", "nul.jpg"),
        (NewUpload("two\nlines.jpg", 10), "bad_filename", "twolines.jpg"),
        (NewUpload("x" * 256, 10), "bad_filename", "x" * 255),
    ],
)
async def test_a_file_that_cannot_be_taken_is_refused_by_itself(
    desk: Desk, new: NewUpload, code: str, name: str
) -> None:
    good, bad, fine = await desk.prepare(NewUpload("1.jpg", 10), new, NewUpload("2.jpg", 10))
    assert [one.state for one in (good, bad, fine)] == ["needed", "refused", "needed"]
    assert bad.error is not None
    assert (bad.error.code, bad.upload_id, bad.upload_url) == (code, None, "")
    kept = {row["id"]: row for row in await desk.all("assets")}
    assert len(kept) == 3
    row = kept[bad.asset_id]
    assert (row["status"], row["quarantine_code"], row["filename"]) == ("quarantined", code, name)
    assert row["quarantine_reason"] == bad.error.message
    [event] = await desk.all("outbox")
    assert (event["name"], event["ids"], event["changed"]["status"]) == ("asset.updated", [bad.asset_id], "quarantined")
    assert len(await desk.all("uploads")) == 2
    [again] = await desk.prepare(NewUpload("right.jpg", 10, asset_id=bad.asset_id))
    assert (again.state, again.asset_id) == ("needed", bad.asset_id)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], "bad_request"),
        ([NewUpload("a.jpg", 1)] * 201, "too_many_files"),
        ([NewUpload("a.jpg", 1, checksum_sha256="ab")], "bad_checksum"),
        ([NewUpload("a.jpg", 1, checksum_sha256="g" * 64)], "bad_checksum"),
    ],
)
async def test_a_call_that_is_refused_as_a_whole(desk: Desk, files: list[NewUpload], code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await desk.prepare(*files)
    assert refused.value.code == code
    assert (await desk.all("assets"), await desk.all("uploads")) == ([], [])


async def test_the_number_of_files_costs_no_statements(desk: Desk) -> None:
    async def asked(count: int, start: int) -> tuple[int, int]:
        files = [NewUpload(f"{n}.jpg", 10, checksum_sha256=f"{n:064x}") for n in range(start, start + count)]
        with statements(desk.db) as preparing:
            made = await desk.prepare(*files)
        await desk.arrive(*made)
        with statements(desk.db) as finalizing:
            done = await desk.finalize(*(one.asset_id for one in made))
        assert (len(made), len(done.queued_jobs)) == (count, count)
        return len(preparing), len(finalizing)

    await asked(1, 0)  # a new connection has questions of its own
    assert (await asked(1, 1), await asked(2, 2), await asked(200, 4)) == ((8, 9), (8, 9), (8, 9))


# --- what is here already ------------------------------------------------------------------------------------------


async def test_bytes_that_are_here_are_not_sent_again(desk: Desk, make: Make) -> None:
    cases = {"present": {}, "trashed": {"trashed_at": desk.db.house.clock()}, "quarantined": {"status": "quarantined"}}
    for number, (state, columns) in enumerate(cases.items()):
        asset = await make.asset(desk.project, **columns)
        await make.file(asset, FileKind.ORIGINAL, sha256=f"{number:064x}")
        [told] = await desk.prepare(NewUpload("again.jpg", 1000, checksum_sha256=f"{number:064x}", client_file_id="c"))
        assert told == UploadInstruction("c", asset.id, UploadState(state))
    assert await desk.all("uploads") == []


async def test_only_verified_originals_of_this_project_count(desk: Desk, make: Make) -> None:
    asset = await make.asset(desk.project)
    await make.file(asset, FileKind.PREVIEW, sha256=HASH)
    elsewhere = await make.asset(await make.project(desk.who))
    await make.file(elsewhere, FileKind.ORIGINAL, sha256=HASH)
    damaged = await make.asset(desk.project)
    await make.file(damaged, FileKind.ORIGINAL, sha256="cd" * 32, damaged_at=desk.db.house.clock())
    told = await desk.prepare(
        NewUpload("a.jpg", 10, checksum_sha256=HASH), NewUpload("b.jpg", 10, checksum_sha256="cd" * 32)
    )
    assert [one.state for one in told] == ["needed", "needed"]


async def test_one_file_twice_in_a_call_is_one_asset(desk: Desk) -> None:
    first, second, other = await desk.prepare(
        NewUpload("a.jpg", 10, checksum_sha256=HASH, client_file_id="1"),
        NewUpload("copy of a.jpg", 10, checksum_sha256=HASH.upper(), client_file_id="2"),
        NewUpload("a.jpg", 10),
    )
    assert second == UploadInstruction("2", first.asset_id, UploadState.PRESENT)
    assert other.asset_id != first.asset_id
    assert (len(await desk.all("assets")), len(await desk.all("uploads"))) == (2, 2)


async def test_a_sidecar_is_the_same_only_under_its_name(desk: Desk, make: Make) -> None:
    here = await make.asset(desk.project, "a.XMP", format="xmp")
    await make.file(here, FileKind.SIDECAR, sha256=HASH, variant="a.xmp")
    names = ("A.xmp", "card/a.xmp", "b.xmp", "b.xmp", "a.jpg.xmp")
    same, below, other, again, named = await desk.prepare(
        *(NewUpload(name, 10, checksum_sha256=HASH) for name in names)
    )
    assert (same.asset_id, below.asset_id, again.asset_id) == (here.id, here.id, other.asset_id)
    assert [one.state for one in (same, below, other, again, named)] == [
        UploadState.PRESENT,
        UploadState.PRESENT,
        UploadState.NEEDED,
        UploadState.PRESENT,
        UploadState.NEEDED,
    ]


async def test_what_was_begun_goes_on(desk: Desk, make: Make) -> None:
    new = NewUpload("a.jpg", 10, checksum_sha256=HASH)
    [first] = await desk.prepare(new)
    await change(desk.db, "UPDATE uploads SET received = 4 WHERE id = :id", id=first.upload_id)
    [again] = await desk.prepare(replace(new, client_file_id="later"))
    assert (again.asset_id, again.upload_id, again.received) == (first.asset_id, first.upload_id, 4)
    assert again.client_file_id == "later"
    different = [replace(new, filename="b.jpg"), replace(new, byte_size=11)]
    for other in different:
        [made] = await desk.prepare(other)
        assert made.upload_id != first.upload_id
    grace = await make.member(desk.project.id, Role.EDITOR)
    [hers] = await Desk(desk.throat, grace, desk.project).prepare(new)
    assert hers.asset_id != first.asset_id
    await desk.arrive(first)
    [full] = await desk.prepare(new)
    assert (full.upload_id, full.received, full.state) == (first.upload_id, 10, "needed")


async def test_a_replayed_call_has_live_addresses(desk: Desk, clock: Clock) -> None:
    new = NewUpload("a.jpg", 10, checksum_sha256=HASH)
    [first] = await desk.prepare(new, key="k" * 8)
    kept = await found(desk.db, "SELECT response FROM idempotency_keys")
    assert "token" not in str(kept)
    clock.advance(6 * 86_400)
    [again] = await desk.prepare(new, key="k" * 8)
    assert again.upload_url != first.upload_url
    assert replace(again, upload_url="") == replace(first, upload_url="")
    assert again.upload_id is not None
    check_token(desk.db.house.key, again.upload_id, again.upload_url.split("?token=")[1], clock.now)
    assert len(await desk.all("uploads")) == 1


# --- once more -----------------------------------------------------------------------------------------------------


async def test_a_quarantined_file_is_replaced_when_the_new_one_is_finalized(desk: Desk) -> None:
    [first] = await desk.prepare(NewUpload("bad.jpg", 10))
    await desk.arrive(first)
    await desk.finalize(first.asset_id)
    broken = "UPDATE assets SET status = 'quarantined', quarantine_code = 'truncated', quarantine_offset = 7"
    await change(desk.db, broken)
    [old] = await desk.all("asset_files")
    [second] = await desk.prepare(NewUpload("good.cr2", 20, asset_id=first.asset_id))
    assert (second.asset_id, second.upload_id != first.upload_id) == (first.asset_id, True)
    [waiting] = await desk.all("assets")
    assert (waiting["status"], waiting["quarantine_code"], waiting["filename"]) == (
        "quarantined",
        "truncated",
        "bad.jpg",
    )
    [third] = await desk.prepare(NewUpload("better.cr2", 30, asset_id=first.asset_id))
    await desk.arrive(third)
    done = await desk.finalize(first.asset_id)
    assert [one.status for one in done.assets] == ["processing"]
    [asset], [file] = await desk.all("assets"), await desk.all("asset_files")
    assert (asset["filename"], asset["stem"], asset["quarantine_code"]) == ("better.cr2", "better", None)
    assert asset["quarantine_offset"] is None
    assert (file["id"], file["byte_size"], file["kind"]) == (third.upload_id, 30, "original")
    assert [row["id"] for row in await desk.all("uploads")] == [third.upload_id]
    purges = await found(desk.db, JOB, type="asset.purge")
    assert [job["arguments"] for job in purges] == [{"keys": [old["key"]]}]


@pytest.mark.parametrize("status", [AssetStatus.READY, AssetStatus.PROCESSING])
async def test_an_original_that_is_whole_is_never_replaced(desk: Desk, make: Make, status: AssetStatus) -> None:
    asset = await make.asset(desk.project, status=status)
    stranger = await make.asset(await make.project(await make.user()))
    told = await desk.prepare(
        NewUpload("a.jpg", 10, asset_id=asset.id), NewUpload("b.jpg", 10, asset_id=stranger.id), NewUpload("c.jpg", 10)
    )
    assert [(one.state, one.error and one.error.code) for one in told] == [
        ("refused", "original_kept"),
        ("refused", "asset_not_found"),
        ("needed", None),
    ]
    assert [one.asset_id for one in told[:2]] == [asset.id, stranger.id]
    assert len(await desk.all("uploads")) == 1


async def test_an_upload_that_a_retry_has_overtaken_replaces_nothing(desk: Desk) -> None:
    """Sent for a quarantined asset, which was retried meanwhile: whether it is ready by then or not."""
    [first] = await desk.prepare(NewUpload("a.jpg", 10))
    await desk.arrive(first)
    await desk.finalize(first.asset_id)
    await change(desk.db, "UPDATE assets SET status = 'quarantined', quarantine_code = 'crashed_repeatedly'")
    [second] = await desk.prepare(NewUpload("other.jpg", 20, asset_id=first.asset_id))
    await desk.arrive(second)
    await change(desk.db, "UPDATE assets SET status = 'processing', quarantine_code = NULL")
    for ready in (False, True):
        if ready:
            await desk.ingest(first.asset_id)
        before = await desk.all("assets"), await desk.all("asset_files"), await desk.all("jobs")
        [told] = (await desk.finalize(first.asset_id, checksum="cd" * 32)).assets
        assert (told.job_id, told.error and told.error.code) == (None, "original_kept")
        assert before == (await desk.all("assets"), await desk.all("asset_files"), await desk.all("jobs"))
    assert [file["id"] for file in await desk.all("asset_files")] == [first.upload_id]


async def test_what_somebody_else_is_sending_is_not_taken_over(desk: Desk, make: Make) -> None:
    [first] = await desk.prepare(NewUpload("a.jpg", 10))
    editor = Desk(desk.throat, await make.member(desk.project.id, Role.EDITOR), desk.project)
    [told] = await editor.prepare(NewUpload("b.jpg", 20, asset_id=first.asset_id))
    assert (told.state, told.error and told.error.code) == ("refused", "asset_not_found")
    assert [row["id"] for row in await desk.all("uploads")] == [first.upload_id]
    owner = Desk(desk.throat, await make.member(desk.project.id, Role.OWNER), desk.project)
    [taken] = await owner.prepare(NewUpload("b.jpg", 20, asset_id=first.asset_id))
    assert [row["id"] for row in await desk.all("uploads")] == [taken.upload_id]


async def test_a_sidecar_is_no_photo_while_it_is_processed_either(desk: Desk) -> None:
    made = await desk.prepare(NewUpload("IMG_1.XMP", 10), NewUpload("IMG_1.CR2", 10))
    await desk.arrive(*made)
    await desk.finalize(*(one.asset_id for one in made))
    assert [asset["format"] for asset in await desk.all("assets")] == ["xmp", None]
    page = (await desk.throat.execute(desk.who, list_assets, desk.project.id, Slice(10, None))).value
    assert [asset.filename for asset in page.items] == ["IMG_1.CR2"]
    await change(desk.db, "UPDATE assets SET status = 'quarantined'")
    [again] = await desk.prepare(NewUpload("IMG_2.JPG", 10, asset_id=made[0].asset_id))
    await desk.arrive(again)
    await desk.finalize(again.asset_id)
    assert [asset["format"] for asset in await desk.all("assets")] == [None, None]


# --- finalizing ----------------------------------------------------------------------------------------------------


async def test_finalizing_twice_queues_once(desk: Desk) -> None:
    [made] = await desk.prepare(NewUpload("a.jpg", 10, "image/jpeg"))
    await desk.arrive(made)
    first = await desk.finalize(made.asset_id, checksum=HASH.upper())
    again = await desk.finalize(made.asset_id)
    assert again == first
    [job] = await found(desk.db, JOB, type="asset.ingest")
    assert first.queued_jobs == [job["id"]]
    assert (job["arguments"], job["asset_id"]) == ({"upload_id": str(made.upload_id)}, made.asset_id)
    [upload], [file] = await desk.all("uploads"), await desk.all("asset_files")
    assert (upload["status"], upload["checksum_sha256"]) == ("finalized", HASH)
    assert (file["id"], file["key"], file["sha256"]) == (made.upload_id, upload["key"], None)
    assert (file["content_type"], file["byte_size"]) == ("image/jpeg", 10)
    told = [row["changed"] for row in await desk.all("outbox") if row["name"] == "asset.updated"]
    assert told == [{"status": "processing"}]


async def test_each_file_has_an_outcome_of_its_own(desk: Desk, make: Make, clock: Clock) -> None:
    good, slow, late, done = await desk.prepare(*(NewUpload(f"{n}.jpg", 10) for n in range(4)))
    await desk.arrive(good, late, done)
    earlier = await desk.finalize(done.asset_id)
    await change(desk.db, "UPDATE uploads SET expires_at = :now WHERE id = :id", id=late.upload_id, now=clock.now)
    unknown = (await make.asset(await make.project(await make.user()))).id
    answer = await desk.finalize(slow.asset_id, unknown, late.asset_id, done.asset_id, good.asset_id)
    assert [(one.asset_id, one.status, one.error and one.error.code) for one in answer.assets] == [
        (slow.asset_id, "uploading", "upload_incomplete"),
        (unknown, None, "asset_not_found"),
        (late.asset_id, "uploading", "upload_expired"),
        (done.asset_id, "processing", None),
        (good.asset_id, "processing", None),
    ]
    assert answer.assets[0].error is not None
    assert answer.assets[0].error.details == {"received": 0, "byteSize": 10}
    assert answer.queued_jobs == [earlier.queued_jobs[0], answer.assets[4].job_id]
    assert len(await found(desk.db, JOB, type="asset.ingest")) == 2


async def test_nothing_known_is_not_found(desk: Desk, make: Make) -> None:
    stranger = await make.asset(await make.project(await make.user()))
    with pytest.raises(NotFound):
        await desk.finalize(stranger.id)
    [made] = await desk.prepare(NewUpload("a.jpg", 10))
    with pytest.raises(BadRequest) as refused:
        await desk.finalize(made.asset_id, checksum="no")
    assert refused.value.code == "bad_checksum"


# --- resuming and giving up ----------------------------------------------------------------------------------------


async def test_what_to_resume(desk: Desk, make: Make, clock: Clock) -> None:
    grace = Desk(desk.throat, await make.member(desk.project.id, Role.EDITOR), desk.project)
    first, second, done = await desk.prepare(*(NewUpload(f"{n}.jpg", 10) for n in range(3)))
    [hers] = await grace.prepare(NewUpload("hers.jpg", 10))
    await desk.arrive(done, second)
    await desk.finalize(done.asset_id)

    async def listed(who: Desk, slice_: Slice = Slice()) -> list[UUID]:  # noqa: B008 (frozen)
        page = (await who.throat.execute(who.who, list_unfinished_uploads, who.project.id, slice_)).value
        return [one.id for one in page.items]

    assert await listed(desk) == [hers.upload_id, second.upload_id, first.upload_id]
    assert await listed(grace) == [hers.upload_id]
    page = (await desk.throat.execute(desk.who, list_unfinished_uploads, desk.project.id, Slice(2))).value
    assert [one.received for one in page.items] == [0, 10]
    assert await listed(desk, Slice(2, page.next_cursor)) == [first.upload_id]
    clock.advance(8 * 86_400)
    assert await listed(desk) == []


async def test_giving_up(desk: Desk, make: Make) -> None:
    grace = Desk(desk.throat, await make.member(desk.project.id, Role.EDITOR), desk.project)
    mine, stored, done = await desk.prepare(*(NewUpload(f"{n}.jpg", 10) for n in range(3)))
    [hers] = await grace.prepare(NewUpload("hers.jpg", 10))
    await desk.arrive(stored, done)
    await desk.finalize(done.asset_id)

    async def refused(who: Desk, upload: UploadInstruction) -> str:
        with pytest.raises(KiloError) as error:
            await who.throat.execute(who.who, cancel_upload, upload.upload_id)
        return error.value.code

    assert (await refused(grace, mine), await refused(desk, done)) == ("not_found", "upload_complete")
    assert len(await desk.all("uploads")) == 4
    for upload in (hers, mine, stored):
        await desk.throat.execute(desk.who, cancel_upload, upload.upload_id)
    assert await refused(desk, mine) == "not_found"
    assert [row["id"] for row in await desk.all("uploads")] == [done.upload_id]
    assert [row["id"] for row in await desk.all("assets")] == [done.asset_id]
    [purge] = await found(desk.db, JOB, type="asset.purge")
    assert [key.split("/")[2] for key in purge["arguments"]["keys"]] == [f"{stored.upload_id}.jpg"]


# --- the side of the bytes -----------------------------------------------------------------------------------------


async def claim(desk: Desk, upload: UploadInstruction, offset: int = 0) -> Any:
    assert upload.upload_id is not None
    arriving = (await desk.throat.execute(System("test"), receiving.find_upload, upload.upload_id)).value
    done = await desk.throat.execute(arriving.uploader, receiving.claim_upload, upload.upload_id, offset, "token")
    return done.value


async def commit(desk: Desk, incoming: Any, parts: tuple[Part, ...], release: bool = False) -> None:
    await desk.throat.execute(
        System("test"), receiving.commit_upload, incoming.upload_id, incoming.fence, parts, release
    )


async def test_the_newer_writer_wins(desk: Desk) -> None:
    [made] = await desk.prepare(NewUpload("a.jpg", 100))
    older = await claim(desk, made)
    assert (older.fence, older.clean, older.next_part, older.token, older.parts) == (1, True, 1, "token", ())
    newer = await claim(desk, made)
    assert (newer.fence, newer.clean, newer.next_part) == (2, False, 5)
    await commit(desk, newer, (Part(6, 60, "e", b"head"),))
    with pytest.raises(receiving.TakenOver) as refused:
        await commit(desk, older, (Part(1, 100, "x"),))
    assert (refused.value.status, refused.value.code) == (423, "upload_taken_over")
    await commit(desk, newer, (Part(6, 60, "e", b"head"),), release=True)
    third = await claim(desk, made, 60)
    assert (third.fence, third.clean, third.parts) == (3, True, (Part(6, 60, "e", b"head"),))
    assert third.next_part == 11
    with pytest.raises(Conflict) as mismatch:
        await claim(desk, made, 0)
    assert (mismatch.value.code, mismatch.value.details) == ("offset_mismatch", {"offset": 60})
    [row] = await desk.all("uploads")
    assert (row["fence"], row["received"], row["status"]) == (3, 60, "receiving")


async def test_an_upload_whose_bytes_are_lost_begins_anew_in_the_store(desk: Desk) -> None:
    [made] = await desk.prepare(NewUpload("a.jpg", 10))
    first = await claim(desk, made)
    await commit(desk, first, (Part(1, 4, "etag"),))
    assert [row["token"] for row in await desk.all("uploads")] == [first.token]
    await commit(desk, first, (), release=True)
    [row] = await desk.all("uploads")
    assert (row["received"], row["parts"], row["token"], row["released"]) == (0, [], "", True)


async def test_what_is_counted_in_full_has_no_next_writer(desk: Desk) -> None:
    [made] = await desk.prepare(NewUpload("a.jpg", 100))
    writer = await claim(desk, made)
    await commit(desk, writer, (Part(1, 100, "e"),))
    with pytest.raises(Conflict) as refused:
        await claim(desk, made, 100)
    assert refused.value.code == "upload_complete"


async def test_whose_time_is_over(desk: Desk, clock: Clock) -> None:
    receives, stored, again, live, done = await desk.prepare(*(NewUpload(f"{n}.jpg", 10) for n in range(5)))
    await desk.arrive(stored, done, again)
    await desk.finalize(done.asset_id, again.asset_id)
    await change(desk.db, "UPDATE assets SET status = 'quarantined' WHERE id = :id", id=again.asset_id)
    [resent] = await desk.prepare(NewUpload("again.jpg", 10, asset_id=again.asset_id))
    clock.advance(6 * 86_400)
    writer = await claim(desk, live)
    await commit(desk, writer, (Part(1, 1, "e"),))
    clock.advance(86_401)
    async with desk.db.transaction(System("test"), Perm.SYSTEM) as tx:
        assert await receiving.expire(tx) == 3
        assert await receiving.expire(tx) == 0
        await tx.session.commit()
    kept = {row["id"] for row in await desk.all("uploads")}
    assert kept == {live.upload_id, done.upload_id, again.upload_id}
    statuses = {row["id"]: row["status"] for row in await desk.all("assets")}
    assert statuses == {live.asset_id: "uploading", done.asset_id: "processing", again.asset_id: "quarantined"}
    [purge] = await found(desk.db, JOB, type="asset.purge")
    assert [key.split("/")[2] for key in purge["arguments"]["keys"]] == [f"{stored.upload_id}.jpg"]
    for upload in (receives, resent):
        with pytest.raises(Gone):
            await claim(desk, upload)


async def test_a_row_that_somebody_holds_does_not_expire(desk: Desk, clock: Clock) -> None:
    [made] = await desk.prepare(NewUpload("a.jpg", 10))
    clock.advance(8 * 86_400)
    async with (
        desk.db.transaction(System("writer"), Perm.SYSTEM) as holder,
        desk.db.transaction(System("sweep"), Perm.SYSTEM) as sweep,
    ):
        await holder.unchecked(text("SELECT 1 FROM uploads WHERE id = :id FOR UPDATE"), {"id": made.upload_id})
        assert await receiving.expire(sweep) == 0
    assert len(await desk.all("uploads")) == 1


# --- addresses -----------------------------------------------------------------------------------------------------


async def test_an_address_is_of_one_upload_and_for_30_days(desk: Desk, clock: Clock) -> None:
    one, other = await desk.prepare(NewUpload("1.jpg", 1), NewUpload("2.jpg", 1))
    key, token = desk.db.house.key, one.upload_url.split("?token=")[1]
    expires, _, signature = token.partition(".")
    assert one.upload_id is not None
    assert other.upload_id is not None
    flipped = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    forged = [
        "", "x", expires, f"{expires}.", f".{signature}", f"{int(expires) + 1}.{signature}", f"0{expires}.{signature}",
        f"{expires}.{flipped}", f"{expires}.{signature}=", f" {token}", f"{token}\n", f"+{token}",
        f"{expires}.{signature.swapcase()}", other.upload_url.split("?token=")[1],
    ]  # fmt: skip
    for wrong in forged:
        with pytest.raises(Forbidden) as refused:
            check_token(key, one.upload_id, wrong, clock.now)
        assert refused.value.code == "signature_invalid"
    with pytest.raises(Forbidden):
        check_token(lambda purpose: b"another house's key, 32 bytes...", one.upload_id, token, clock.now)
    clock.advance(30 * 86_400 - 1)
    check_token(key, one.upload_id, token, clock.now)
    clock.advance(1)
    with pytest.raises(Gone) as over:
        check_token(key, one.upload_id, token, clock.now)
    assert over.value.code == "link_expired"
