"""The upload address by the letter of tus 1.0.0 (https://tus.io/protocols/resumable-upload) and of plain PUT."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from kilo_gql.folder import OpenFile
from kilo_gql.models import Role
from tests.support.api import Api
from tests.support.make import Make
from tests.support.sending import STREAM, TUS, Sender, change, found, sha256

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = bytes(range(256)) * 8
HALF = len(DATA) // 2


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


async def test_head_tells_where_it_is(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    fresh = await ada.head(upload["uploadUrl"])
    assert (fresh.status_code, fresh.content) == (200, b"")
    assert {name: fresh.headers[name] for name in ("upload-offset", "upload-length", "cache-control")} == {
        "upload-offset": "0",
        "upload-length": "2048",
        "cache-control": "no-store",
    }
    assert fresh.headers["tus-resumable"] == "1.0.0"
    row = await ada.row(upload)
    assert row is not None
    assert fresh.headers["upload-expires"] == row["expires_at"].strftime("%a, %d %b %Y %H:%M:%S GMT")


async def test_pieces_become_the_file(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    first = await ada.patch(url, 0, DATA[:700])
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "700", b"")
    assert await ada.offset(url) == 700
    nothing = await ada.patch(url, 700, b"")
    assert (nothing.status_code, nothing.headers["upload-offset"]) == (204, "700")
    last = await ada.patch(url, 700, DATA[700:], upload_checksum=checksum(DATA[700:], "sha1"))
    assert (last.status_code, last.headers["upload-offset"]) == (204, "2048")
    assert await ada.stored(upload) == DATA
    assert await ada.leftovers(upload) == []
    row = await ada.row(upload)
    assert row is not None
    assert (row["status"], row["received"], row["fence"], row["released"]) == ("stored", 2048, 3, True)


async def test_what_the_server_can(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    answer = await ada.api.client.options(upload["uploadUrl"].partition("?")[0])
    told = {name: value for name, value in answer.headers.items() if name.startswith("tus-")}
    assert (answer.status_code, told) == (
        204,
        {
            "tus-resumable": "1.0.0",
            "tus-version": "1.0.0",
            "tus-extension": "checksum,expiration,termination",
            "tus-checksum-algorithm": "sha256,sha1",
            "tus-max-size": str(4 << 30),
        },
    )


@dataclass(frozen=True)
class Refusal:
    """A request about an upload of which ``HALF`` bytes are here."""

    status: int
    code: str
    method: str = "PATCH"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"x"
    without: tuple[str, ...] = ()


NEXT = {"Upload-Offset": str(HALF)}
REFUSED = {
    "an offset too far": Refusal(409, "offset_mismatch", headers={"Upload-Offset": str(HALF + 1)}),
    "an offset that was": Refusal(409, "offset_mismatch", headers={"Upload-Offset": "0"}),
    "no offset": Refusal(400, "bad_offset"),
    "a negative offset": Refusal(400, "bad_offset", headers={"Upload-Offset": "-1"}),
    "an offset that is no number": Refusal(400, "bad_offset", headers={"Upload-Offset": "0x10"}),
    "no version": Refusal(412, "tus_version_unsupported", headers=NEXT, without=("Tus-Resumable",)),
    "another version": Refusal(412, "tus_version_unsupported", headers={**NEXT, "Tus-Resumable": "0.2.2"}),
    "HEAD of another version": Refusal(412, "", "HEAD", {"Tus-Resumable": "2.0.0"}, b""),
    "DELETE without a version": Refusal(412, "tus_version_unsupported", "DELETE", without=("Tus-Resumable",)),
    "another type": Refusal(415, "offset_stream_expected", headers={**NEXT, "Content-Type": "image/jpeg"}),
    "no type": Refusal(415, "offset_stream_expected", headers=NEXT, without=("Content-Type",)),
    "beyond the size": Refusal(413, "upload_too_long", headers=NEXT, body=b"x" * (HALF + 1)),
    "a wrong checksum": Refusal(460, "chunk_mismatch", headers={**NEXT, "Upload-Checksum": checksum(b"y")}),
    "a wrong sha1": Refusal(460, "chunk_mismatch", headers={**NEXT, "Upload-Checksum": checksum(b"y", "sha1")}),
    "an unknown algorithm": Refusal(400, "bad_checksum", headers={**NEXT, "Upload-Checksum": "crc32 AAAAAA=="}),
    "a short digest": Refusal(400, "bad_checksum", headers={**NEXT, "Upload-Checksum": "sha256 AAAA"}),
    "no base64": Refusal(400, "bad_checksum", headers={**NEXT, "Upload-Checksum": "sha256 !"}),
    "POST without an override": Refusal(404, "no_route", "POST"),
    "POST as something else": Refusal(404, "no_route", "POST", {"X-HTTP-Method-Override": "TRACE"}),
    "PUT, too long": Refusal(413, "upload_too_long", "PUT", body=b"x" * (len(DATA) + 1)),
    "PUT, too short": Refusal(400, "size_mismatch", "PUT", body=b"x"),
    "PUT of a range before": Refusal(
        409, "offset_mismatch", "PUT", {"Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"}, b"x" * len(DATA)
    ),
    "PUT of a range beyond": Refusal(
        400, "bad_content_range", "PUT", {"Content-Range": f"bytes {HALF}-{len(DATA)}/{len(DATA)}"}
    ),
    "PUT of another total": Refusal(400, "bad_content_range", "PUT", {"Content-Range": f"bytes {HALF}-{HALF}/9999"}),
    "PUT of no range": Refusal(400, "bad_content_range", "PUT", {"Content-Range": "bytes */2048"}),
    "PUT, less than its range": Refusal(
        400, "size_mismatch", "PUT", {"Content-Range": f"bytes {HALF}-{len(DATA) - 1}/*"}
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_changes_nothing(ada: Sender, case: Refusal) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    assert (await ada.patch(url, 0, DATA[:HALF])).status_code == 204
    before = await ada.row(upload)
    tus = STREAM if case.method == "PATCH" else TUS
    headers = {name: value for name, value in {**tus, **case.headers}.items() if name not in case.without}
    answer = await ada.api.client.request(case.method, url, content=case.body, headers=headers)
    assert (answer.status_code, answer.json()["code"] if case.code else answer.content) == (
        case.status,
        case.code or b"",
    )
    assert answer.headers["tus-resumable"] == "1.0.0"
    after = await ada.row(upload)
    assert before is not None
    assert after is not None
    counted = ("received", "parts", "status", "released")
    assert {name: after[name] for name in counted} == {name: before[name] for name in counted}
    rest = await ada.patch(url, HALF, DATA[HALF:])
    assert (rest.status_code, await ada.stored(upload)) == (204, DATA)


async def test_the_version_is_named_to_whoever_speaks_another(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    answer = await ada.patch(upload["uploadUrl"], 0, DATA, tus_resumable="0.0.1")
    assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


@pytest.mark.parametrize("seed", range(25))
async def test_a_piece_that_changed_on_its_way_does_not_count(ada: Sender, seed: int) -> None:
    upload = await ada.begin(DATA)
    url, place = upload["uploadUrl"], (seed * 81) % len(DATA)
    wrong = bytearray(DATA)
    wrong[place] ^= 1 << seed % 8
    for algorithm in ("sha256", "sha1"):
        answer = await ada.patch(url, 0, bytes(wrong), upload_checksum=checksum(DATA, algorithm))
        assert (answer.status_code, await ada.offset(url)) == (460, 0)
    right = await ada.patch(url, 0, DATA, upload_checksum=checksum(DATA))
    assert (right.status_code, await ada.stored(upload)) == (204, DATA)


async def test_a_checked_piece_says_its_length(ada: Sender) -> None:
    upload = await ada.begin(DATA)

    async def chunks() -> Any:
        yield DATA

    headers = {**STREAM, "Upload-Offset": "0", "Upload-Checksum": checksum(DATA)}
    answer = await ada.api.client.patch(upload["uploadUrl"], content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "chunk_too_large")
    [large] = await ada.prepare({"filename": "large.tif", "byteSize": 1 << 30})
    body = memoryview(bytearray((64 << 20) + 1))
    headers = {**headers, "Content-Length": str(len(body))}
    answer = await ada.api.client.patch(large["uploadUrl"], content=b"", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "chunk_too_large")


async def test_a_body_without_a_length_never_goes_beyond_the_size(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]

    async def chunks() -> Any:
        yield DATA[:1000]
        yield DATA[1000:] + b"more"

    answer = await ada.api.client.patch(url, content=chunks(), headers={**STREAM, "Upload-Offset": "0"})
    assert (answer.status_code, answer.json()["code"], await ada.offset(url)) == (413, "upload_too_long", 1000)
    assert (await ada.patch(url, 1000, DATA[1000:])).status_code == 204
    assert await ada.stored(upload) == DATA


@pytest.mark.parametrize("method", ["PATCH", "patch"])
async def test_a_client_that_knows_only_post(ada: Sender, method: str) -> None:
    upload = await ada.begin(DATA)
    headers = {**STREAM, "Upload-Offset": "0", "X-HTTP-Method-Override": method}
    answer = await ada.api.client.post(upload["uploadUrl"], content=DATA, headers=headers)
    assert (answer.status_code, await ada.stored(upload)) == (204, DATA)


# --- plain PUT -----------------------------------------------------------------------------------------------------


async def test_a_put_is_the_whole_file(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    answer = await ada.put(upload["uploadUrl"], DATA, **upload["headers"])
    assert (answer.status_code, answer.headers["upload-offset"], answer.content) == (204, "2048", b"")
    assert await ada.stored(upload) == DATA


async def test_a_put_begins_anew_and_one_with_a_range_goes_on(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    assert (await ada.patch(url, 0, b"?" * 900)).status_code == 204
    assert (await ada.put(url, DATA)).status_code == 204
    assert await ada.stored(upload) == DATA
    again = await ada.begin(DATA, "IMG_2.JPG")
    url = again["uploadUrl"]
    first = await ada.put(url, DATA[:500], content_range=f"bytes 0-499/{len(DATA)}")
    rest = await ada.put(url, DATA[500:], content_range=f"bytes 500-{len(DATA) - 1}/*")
    assert (first.headers["upload-offset"], rest.headers["upload-offset"]) == ("500", "2048")
    assert await ada.stored(again) == DATA


async def test_a_put_that_ends_early_keeps_what_came(ada: Sender) -> None:
    upload = await ada.begin(DATA)

    async def chunks() -> Any:
        yield DATA[:1500]

    answer = await ada.api.client.put(upload["uploadUrl"], content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (400, "size_mismatch")
    assert answer.json()["details"] == {"byteSize": 2048, "sent": 1500}
    assert await ada.offset(upload["uploadUrl"]) == 1500
    assert (await ada.patch(upload["uploadUrl"], 1500, DATA[1500:])).status_code == 204
    assert await ada.stored(upload) == DATA


# --- when it is here -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finalized", [False, True])
async def test_what_is_here_in_full_is_never_written_to(ada: Sender, finalized: bool) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    assert (await ada.put(url, DATA)).status_code == 204
    if finalized:
        await ada.finalize((upload["assetId"], sha256(DATA)))
    before = await ada.row(upload)
    answers = [
        await ada.put(url, b"?" * len(DATA)),
        await ada.put(url, DATA, content_range="bytes 0-2047/2048"),
        await ada.patch(url, 0, b"?" * len(DATA)),
        await ada.patch(url, HALF, DATA[HALF:]),
        await ada.patch(url, len(DATA), b"?"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "upload_complete")] * 5
    replay = await ada.patch(url, len(DATA), b"")
    assert (replay.status_code, replay.headers["upload-offset"]) == (204, "2048")
    assert await ada.offset(url) == 2048
    assert (await ada.row(upload), await ada.stored(upload)) == (before, DATA)


@pytest.mark.parametrize("repair", ["HEAD", "PATCH", "PUT"])
@pytest.mark.parametrize("completed", [False, True])
async def test_a_crash_before_the_row_says_stored_is_made_good(ada: Sender, repair: str, completed: bool) -> None:
    """The last byte is counted; then the process dies, before or after the object was made."""
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    incoming = await ada.receive_only(upload, DATA)
    if completed:
        await ada.api.services.store.complete(incoming)
    row = await ada.row(upload)
    assert row is not None
    assert (row["status"], row["received"]) == ("receiving", 2048)
    match repair:
        case "HEAD":
            assert await ada.offset(url) == 2048
        case "PATCH":
            assert (await ada.patch(url, 2048, b"")).status_code == 204
        case "PUT":
            assert (await ada.put(url, DATA)).json()["code"] == "upload_complete"
    row = await ada.row(upload)
    assert row is not None
    assert (row["status"], await ada.stored(upload), await ada.leftovers(upload)) == ("stored", DATA, [])
    [outcome] = (await ada.finalize((upload["assetId"], sha256(DATA))))["assets"]
    assert outcome["status"] == "processing"


async def test_two_that_complete_an_upload_at_once(ada: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client asks where it is while the connection before is still waiting for the disk."""
    upload = await ada.begin(DATA)
    await ada.receive_only(upload, DATA)
    waits, goes_on, settle = threading.Event(), threading.Event(), OpenFile.settle

    def slow_once(file: OpenFile) -> None:
        settle(file)
        if not waits.is_set():
            waits.set()
            goes_on.wait(10)

    monkeypatch.setattr(OpenFile, "settle", slow_once)
    slow = asyncio.create_task(ada.head(upload["uploadUrl"]))
    assert await asyncio.to_thread(waits.wait, 10)
    quick = await ada.head(upload["uploadUrl"])
    goes_on.set()
    assert (quick.status_code, (await slow).status_code) == (200, 200)
    row = await ada.row(upload)
    assert row is not None
    assert (row["status"], await ada.stored(upload), await ada.leftovers(upload)) == ("stored", DATA, [])


@pytest.mark.parametrize("sent", [700, 2048])
async def test_bytes_that_the_store_has_lost_are_sent_again(ada: Sender, sent: int) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    await ada.receive_only(upload, DATA[:sent])
    (ada.api.services.settings.object_root / "incoming" / f"{upload['uploadId']}.1").unlink()
    answer = await ada.patch(url, sent, DATA[sent:])
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_lost")
    assert await ada.offset(url) == 0
    assert (await ada.patch(url, 0, DATA)).status_code == 204
    assert await ada.stored(upload) == DATA


# --- giving up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [0, 700, 2048])
async def test_termination_leaves_nothing(ada: Sender, sent: int) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    if sent:
        assert (await ada.patch(url, 0, DATA[:sent])).status_code == 204
    row = await ada.row(upload)
    assert row is not None
    answer = await ada.terminate(url)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await ada.row(upload), await ada.leftovers(upload)) == (None, [])
    db = ada.api.services.db
    assert await found(db, "SELECT id FROM assets WHERE project_id = :id", id=ada.project_id) == []
    jobs = await found(db, "SELECT arguments FROM jobs WHERE project_id = :id", id=ada.project_id)
    assert jobs == ([{"arguments": {"keys": [row["key"]]}}] if sent == 2048 else [])
    for again in (await ada.head(url), await ada.patch(url, sent, b"x"), await ada.terminate(url)):
        assert again.status_code == 410


async def test_what_is_finalized_is_not_given_up(ada: Sender) -> None:
    upload = await ada.send(DATA)
    answer = await ada.terminate(upload["uploadUrl"])
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_complete")
    assert await ada.stored(upload) == DATA


# --- who may, and until when ---------------------------------------------------------------------------------------


async def test_a_time_that_is_over(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    assert (await ada.patch(url, 0, DATA[:HALF])).status_code == 204
    late = "UPDATE uploads SET expires_at = now() - interval '1 second' WHERE project_id = :id"
    await change(ada.api.services.db, late, id=ada.project_id)
    before = await ada.row(upload)
    for answer in (await ada.put(url, DATA), await ada.patch(url, HALF, DATA[HALF:])):
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
    assert (await ada.head(url)).status_code == 410
    assert await ada.row(upload) == before


async def test_each_byte_buys_seven_days(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    soon = "UPDATE uploads SET expires_at = now() + interval '1 minute' WHERE project_id = :id"
    await change(ada.api.services.db, soon, id=ada.project_id)
    assert (await ada.patch(upload["uploadUrl"], 0, b"x")).status_code == 204
    row = await ada.row(upload)
    assert row is not None
    assert (row["expires_at"] - row["updated_at"]).days == 7


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("UPDATE members SET role = 'viewer' WHERE project_id = :id", 403, "forbidden"),
        ("DELETE FROM members WHERE project_id = :id AND role = 'editor'", 404, "not_found"),
        ("UPDATE projects SET status = 'archived' WHERE id = :id", 409, "project_archived"),
        ("UPDATE projects SET status = 'deleted' WHERE id = :id", 404, "not_found"),
    ],
)
async def test_the_right_to_send_is_asked_when_bytes_come(
    ada: Sender, make: Make, statement: str, status: int, code: str
) -> None:
    editor = Sender(ada.api, await make.member(ada.project_id, Role.EDITOR), ada.project_id)
    upload = await editor.begin(DATA)
    url = upload["uploadUrl"]
    assert (await editor.patch(url, 0, DATA[:HALF])).status_code == 204
    await change(ada.api.services.db, statement, id=ada.project_id)
    before = await ada.row(upload)
    for answer in (await editor.patch(url, HALF, DATA[HALF:]), await editor.put(url, DATA)):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await ada.row(upload) == before


async def test_an_owner_does_not_send_to_a_deleted_project_either(ada: Sender) -> None:
    upload = await ada.begin(DATA)
    await change(ada.api.services.db, "UPDATE projects SET status = 'deleted' WHERE id = :id", id=ada.project_id)
    answer = await ada.put(upload["uploadUrl"], DATA)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- browsers ------------------------------------------------------------------------------------------------------


async def test_pages_of_our_origins_may_send(ada: Sender, api: Api) -> None:
    upload = await ada.begin(DATA)
    url, ours = upload["uploadUrl"], "http://127.0.0.1:8400"
    asked = {"Origin": ours, "Access-Control-Request-Method": "PATCH"}
    preflight = await api.client.options(url, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ours
    assert preflight.headers["access-control-allow-methods"] == "OPTIONS, HEAD, PUT, PATCH, DELETE, POST"
    allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
    assert {"tus-resumable", "upload-offset", "upload-checksum", "content-type", "x-http-method-override"} <= {*allowed}
    answers = [await ada.put(url, b"short", origin=ours), await ada.put(url, DATA, origin=ours)]
    assert [answer.status_code for answer in answers] == [400, 204]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ours
        assert "Upload-Offset" in answer.headers["access-control-expose-headers"]


async def test_pages_of_others_may_not(ada: Sender, api: Api) -> None:
    upload = await ada.begin(DATA)
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
    answers = [
        await api.client.options(upload["uploadUrl"], headers=headers),
        await ada.put(upload["uploadUrl"], DATA, origin="https://evil.example"),
    ]
    assert [name for answer in answers for name in answer.headers if name.startswith("access-control")] == []


async def test_an_address_that_never_was(ada: Sender, api: Api) -> None:
    upload = await ada.begin(DATA)
    url = upload["uploadUrl"]
    token = url.partition("=")[2]
    for path in (f"/uploads/{uuid4()}?token={token}", f"/uploads/{upload['assetId']}?token={token}"):
        answer = await api.client.put(path, content=DATA)
        assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid")
    answer = await api.client.put("/uploads/nothing?token=1", content=DATA)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- many of each kind ---------------------------------------------------------------------------------------------


async def test_25_files_of_no_bytes_and_25_of_another_size(ada: Sender) -> None:
    """Each is refused with a type of its own, keeps what came, and takes the right file afterwards."""
    empty = await ada.prepare(*({"filename": f"{n}.jpg", "byteSize": 0} for n in range(25)))
    assert {(one["state"], one["error"]["code"]) for one in empty} == {("refused", "zero_bytes")}
    assert len({one["assetId"] for one in empty}) == 25
    again = await ada.prepare(
        *({"filename": "x.jpg", "byteSize": len(DATA), "assetId": one["assetId"]} for one in empty)
    )
    for number, upload in enumerate(again):
        url, size = upload["uploadUrl"], number * 83 % len(DATA)
        longer = await ada.put(url, DATA + DATA[: size + 1])
        shorter = await ada.put(url, DATA[:size])
        assert (longer.status_code, longer.json()["code"]) == (413, "upload_too_long")
        assert (shorter.status_code, shorter.json()["code"]) == (400, "size_mismatch")
        assert await ada.offset(url) == 0
        assert (await ada.put(url, DATA)).status_code == 204
    done = await ada.finalize(*((upload["assetId"], sha256(DATA)) for upload in again))
    assert {one["status"] for one in done["assets"]} == {"processing"}
    assert len(set(done["queuedJobs"])) == 25


async def test_forged_addresses(ada: Sender) -> None:
    """Whatever is wrong with an address, no byte gets in by it."""
    mine, other = await ada.prepare(*({"filename": f"{n}.jpg", "byteSize": len(DATA)} for n in range(2)))
    address, _, token = mine["uploadUrl"].partition("?token=")
    other_token = other["uploadUrl"].partition("?token=")[2]
    expires, _, signature = token.partition(".")
    forged = [
        address, f"{address}?", f"{address}?token", f"{address}?token=", f"{address}?token={other_token}",
        f"{address}?token={expires}", f"{address}?token={int(expires) + 86400}.{signature}",
        f"{address}?token={expires}.{signature[::-1]}", f"{address}?token={token}%00", f"{address}?token={token}%20",
        f"{address}?token={expires}.{'A' * 43}", f"{address}?token=0{token}", f"{address}?token=%2B{token}",
        f"{address}?Token={token}", f"{address}?signature={token}", f"{address}?token={token.upper()}",
        f"{address}?token={token}&token={other_token}", f"{address}?token={other_token}&token={token}",
        f"{address}?token={'9' * 11}.{signature}",
        f"{address}?token={token}x", f"{address}?token=-{token}", f"{address}?token={signature}.{expires}",
    ]  # fmt: skip
    for url in forged:
        for answer in (await ada.put(url, DATA), await ada.patch(url, 0, DATA), await ada.terminate(url)):
            assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid"), url
        assert (await ada.head(url)).status_code == 403
    odd = [f"{address}/?token={token}", f"{address}/x?token={token}", address.replace("/uploads/", "/uploads//")]
    odd += [f"{address}%2f..%2f{other['uploadId']}?token={token}", f"{address}%00?token={token}"]
    for url in odd:
        assert (await ada.put(url, DATA)).status_code in (307, 403, 404), url
    for upload in (mine, other):
        row = await ada.row(upload)
        assert row is not None
        assert (row["received"], row["fence"]) == (0, 0)
