"""Uploads through both doors: prepare, send, finalize, resume, give up."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from kilo_gql.models import Role
from tests.support.api import Api
from tests.support.doors import Door
from tests.support.make import Make
from tests.support.sending import Sender, found, sha256
from tests.support.traces import queued, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = random.Random(3).randbytes(5000)


def instructions(door: Door, value: Any) -> list[dict[str, Any]]:
    """REST wraps the list as the contract says; GraphQL writes enums by name, which the door has turned back."""
    made: list[dict[str, Any]] = value["uploads"] if door.name == "rest" else value
    return made


async def test_a_file_goes_in(door: Door, make: Make, api: Api) -> None:
    ada = await make.user()
    project = await make.project(ada)
    files = [{"clientFileId": "1", "filename": "IMG_1.JPG", "byteSize": len(DATA), "contentType": "image/jpeg"}]
    answer = await door.call("prepare_upload", ada, projectId=project.id, files=files)
    [upload] = instructions(door, answer.ok)
    assert upload == {
        "clientFileId": "1",
        "assetId": upload["assetId"],
        "state": "needed",
        "uploadId": upload["uploadId"],
        "uploadUrl": upload["uploadUrl"],
        "headers": {"Content-Type": "image/jpeg"},
        "expiresAt": upload["expiresAt"],
        "received": 0,
        "error": None,
    }
    sender = Sender(api, ada, project.id)
    assert (await sender.put(upload["uploadUrl"], DATA, **upload["headers"])).status_code == 204
    sent = [{"assetId": upload["assetId"], "checksumSha256": sha256(DATA)}]
    done = (await door.call("finalize_upload", ada, projectId=project.id, assets=sent)).ok
    assert done == {
        "queuedJobs": [done["queuedJobs"][0]],
        "assets": [
            {"assetId": upload["assetId"], "status": "processing", "jobId": done["queuedJobs"][0], "error": None}
        ],
    }
    assert (await door.call("finalize_upload", ada, projectId=project.id, assets=sent)).ok == done
    assert {"upload_id": upload["uploadId"]} in await queued(make.db, "asset.ingest")
    assert [event for event in await told(make.db, project.id) if event[0] == "asset.updated"] == [
        ("asset.updated", {"status": "processing"})
    ]
    assert await sender.stored(upload) == DATA


async def test_a_retried_call_happens_once(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    files = [{"filename": "a.jpg", "byteSize": 10}, {"filename": "b.jpg", "byteSize": 0}]
    key = uuid4().hex
    first = await door.call("prepare_upload", ada, key=key, projectId=project.id, files=files)
    again = await door.call("prepare_upload", ada, key=key, projectId=project.id, files=files)
    assert (first.replayed, again.replayed) == (False, True)
    for one, other in zip(instructions(door, first.ok), instructions(door, again.ok), strict=True):
        assert {**one, "uploadUrl": ""} == {**other, "uploadUrl": ""}
        assert bool(other["uploadUrl"]) == (other["state"] == "needed")
    assert len(await found(make.db, "SELECT id FROM assets WHERE project_id = :id", id=project.id)) == 2
    mismatch = await door.call("prepare_upload", ada, key=key, projectId=project.id, files=files[:1])
    assert mismatch.code == "idempotency_mismatch"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_moment_that_is_none_is_no_hint(door: Door, make: Make, moment: str) -> None:
    ada = await make.user()
    project = await make.project(ada)
    files = [{"filename": "a.jpg", "byteSize": 10, "capturedAt": moment}]
    answer = await door.call("prepare_upload", ada, projectId=project.id, files=files)
    assert [upload["state"] for upload in instructions(door, answer.ok)] == ["needed"]
    rows = await found(make.db, "SELECT captured_at FROM uploads WHERE project_id = :id", id=project.id)
    assert rows == [{"captured_at": None}]


async def test_a_bad_file_tells_why(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await door.call("prepare_upload", ada, projectId=project.id, files=[{"filename": "a.jpg", "byteSize": 0}])
    [upload] = instructions(door, answer.ok)
    assert (upload["state"], upload["uploadUrl"], upload["uploadId"], upload["headers"]) == ("refused", "", None, {})
    assert upload["error"] == {
        "code": "zero_bytes",
        "message": "This file is empty.",
        "remediation": ["Copy the file from the card again."],
        "details": {},
    }


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("prepare_upload", {"files": []}, "bad_request"),
        ("prepare_upload", {"files": [{"filename": "a.jpg", "byteSize": 1}] * 201}, "too_many_files"),
        ("prepare_upload", {"files": [{"filename": "a", "byteSize": 1, "checksumSha256": "0"}]}, "bad_checksum"),
        ("finalize_upload", {"assets": []}, "bad_request"),
        ("finalize_upload", {"assets": [{"assetId": str(UUID(int=7)), "checksumSha256": "0" * 64}]}, "not_found"),
    ],
)
async def test_what_is_refused_as_a_whole(
    door: Door, make: Make, operation: str, arguments: dict[str, Any], code: str
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    answer = await door.call(operation, ada, projectId=project.id, **arguments)
    assert (answer.code, answer.status) == (code, (404 if code == "not_found" else 400) if door.name == "rest" else 200)
    assert await found(make.db, "SELECT id FROM assets WHERE project_id = :id", id=project.id) == []


async def test_what_to_resume_and_giving_up(door: Door, make: Make, api: Api) -> None:
    ada = await make.user()
    project = await make.project(ada)
    editor = await make.member(project.id, Role.EDITOR)
    sender = Sender(api, ada, project.id)
    upload = await sender.begin(DATA, "IMG_9.JPG", clientFileId="9")
    assert (await sender.patch(upload["uploadUrl"], 0, DATA[:2000])).status_code == 204
    page = (await door.call("list_unfinished_uploads", ada, projectId=project.id)).ok
    [one] = page["items"]
    assert one == {
        "id": upload["uploadId"],
        "assetId": upload["assetId"],
        "userId": str(ada.user_id),
        "clientFileId": "9",
        "filename": "IMG_9.JPG",
        "contentType": None,
        "checksumSha256": None,
        "byteSize": 5000,
        "received": 2000,
        "uploadUrl": one["uploadUrl"],
        "createdAt": one["createdAt"],
        "expiresAt": one["expiresAt"],
    }
    assert (await sender.patch(one["uploadUrl"], 2000, DATA[2000:2500])).status_code == 204
    assert (await door.call("list_unfinished_uploads", editor, projectId=project.id)).ok["items"] == []
    assert (await door.call("cancel_upload", editor, uploadId=one["id"])).code == "not_found"
    assert (await door.call("cancel_upload", ada, uploadId=one["id"])).error is None
    assert (await door.call("list_unfinished_uploads", ada, projectId=project.id)).ok["items"] == []
    assert (await sender.head(upload["uploadUrl"])).status_code == 410
