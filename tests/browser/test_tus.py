"""The reference client of tus, tus-js-client, in a real browser, from a page of another origin."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from kilo_gql.config import Settings
from kilo_gql.storage import part_size_for
from tests.support.browser import installed, program, run
from tests.support.fault_proxy import FaultProxy
from tests.support.make import Make
from tests.support.ports import free_port
from tests.support.serving import serving

PAGE = Path(__file__).with_name("tus")
SIZE = 24_000_000
#: Bytes a second: slow enough to pause and reload in the middle.
BANDWIDTH = 10_000_000


@pytest.mark.browser
async def test_tus_js_client_survives_a_pause_and_a_reload(settings: Settings, tmp_path: Path) -> None:
    chromium, node = program("chromium"), program("node")
    page = await installed(PAGE, tmp_path / "page")
    data = np.random.default_rng(20261121).bytes(SIZE)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + data[3:])
    sha256 = hashlib.sha256((tmp_path / "photo.jpg").read_bytes()).hexdigest()
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with serving(settings.model_copy(update={"allowed_origins": (origin,)})) as served:
        make = Make(served.api.services.db)
        owner = await make.user()
        project = await make.project(owner)
        path = f"/projects/{project.id}/assets:prepareUpload"
        files = [{"filename": "photo.jpg", "byteSize": SIZE}]
        prepared = (await served.api.rest("POST", path, {"files": files}, actor=owner)).json()["uploads"][0]
        async with FaultProxy(lambda: served.port, bandwidth=BANDWIDTH) as proxy:
            url = prepared["uploadUrl"].replace("http://127.0.0.1:8400", f"http://127.0.0.1:{proxy.port}")
            task = {"chromium": chromium, "port": port, "uploadUrl": url, "file": str(tmp_path / "photo.jpg")}
            seen = json.loads(await run(node, "drive.mjs", json.dumps({**task, "size": SIZE}), cwd=page))
        stored = [one async for one in served.api.services.store.list(f"{project.id}/")]
        pieces = [piece async for piece in served.api.services.store.stream(stored[0].key)]
    assert seen["complaints"] == []
    assert (seen["first"]["begunAt"], seen["first"]["error"], seen["first"]["done"]) == (0, None, False)
    assert 0 < seen["pausedAt"] < SIZE
    # the second page found the upload by itself and went on where the server had it: at most one part is sent again
    assert (seen["last"]["found"], seen["last"]["error"], seen["last"]["done"]) == (1, None, True)
    assert part_size_for(SIZE) <= seen["last"]["begunAt"] < SIZE
    assert [one.size for one in stored] == [SIZE]
    assert hashlib.sha256(b"".join(pieces)).hexdigest() == sha256
