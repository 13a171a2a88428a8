"""The sweep: uploads whose time is over, and bytes that nobody counts; never those of an upload that goes on."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from kilo_gql.jobs import JobType, NewJob
from kilo_gql.models import Queue
from tasks import registry
from tasks.child import Children
from tasks.kit import Workshop
from tasks.runner import Runner
from tests.conftest import SilentBells
from tests.support.api import Api
from tests.support.jobs import Floor
from tests.support.sending import Sender, change, found

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = 2 * 3600


async def swept(api: Api) -> dict[str, Any]:
    """The result of the house's next sweep."""
    services, floor = api.services, Floor(api.services.db)
    [job_id] = await floor.enqueue(NewJob(JobType.HOUSE_SWEEP, {}, None))
    async with Children(1) as children:
        workshop = Workshop(services.settings, services.db, SilentBells(), children, services.store)
        assert await Runner(workshop, registry.handlers()).run_next(Queue.IO)
    row = await floor.row(job_id)
    assert row["status"] == "done"
    result: dict[str, Any] = row["result"]
    return result


def age(api: Api, upload: dict[str, Any]) -> None:
    path = api.services.settings.object_root / "incoming" / f"{upload['uploadId']}.1"
    os.utime(path, (time.time() - OLD, time.time() - OLD))


async def test_only_what_nobody_sends_any_more_goes(ada: Sender) -> None:
    over, canceled, young, live = await ada.prepare(*({"filename": f"{n}.jpg", "byteSize": 9} for n in range(4)))
    for upload in (over, canceled, young, live):
        assert (await ada.patch(upload["uploadUrl"], 0, b"some")).status_code == 204
    for upload in (over, canceled, live):
        age(ada.api, upload)
    late = "UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = :id"
    await change(ada.api.services.db, late, id=over["uploadId"])
    for upload in (canceled, young):
        await ada.api.rest("DELETE", f"/uploads/{upload['uploadId']}", actor=ada.who)
    result = await swept(ada.api)
    assert (result["uploads"], result["leftovers"]) == (1, 2)
    left = [len(await ada.leftovers(upload)) for upload in (over, canceled, young, live)]
    assert left == [0, 0, 1, 1]
    assets = await found(ada.api.services.db, "SELECT id FROM assets WHERE project_id = :id", id=ada.project_id)
    assert [str(asset["id"]) for asset in assets] == [live["assetId"]]
    assert (await ada.patch(live["uploadUrl"], 4, b"bytes")).status_code == 204
    assert await ada.stored(live) == b"somebytes"
    assert await swept(ada.api) == {**result, "uploads": 0, "leftovers": 0}
