"""Imports photographs through two APIs, a worker, PostgreSQL over TCP, Redis and an S3 endpoint, then checks it all.

    python -m tests.scale.photos [--photos FOLDER]

Without a folder it takes the sample shoot. The endpoint is moto's: it proves the shape of the conversation with S3, not
S3's own promises (see docs/decisions/0007-object-store.md).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from moto.server import ThreadedMotoServer

from kilo_gql.sample_shoot import render
from tests.support.redis import RedisServer
from tests.support.stack import Stack, open_stack

BUCKET = "kilo"


@dataclass(frozen=True)
class Imported:
    """What the importer told, what the deep check found, and the objects that lie in the bucket."""

    summary: dict[str, Any]
    exit_code: int
    violations: list[Any]
    check_code: int
    objects: int
    seconds: float


async def import_into_bucket(home: Path, photos: Path) -> Imported:
    """Run the whole stack for one import of the folder ``photos``."""
    async with AsyncExitStack() as stack:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        stack.callback(server.stop)
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        async with httpx.AsyncClient() as client:
            (await client.put(f"{endpoint}/{BUCKET}")).raise_for_status()
        redis = RedisServer()
        redis.start()
        stack.callback(redis.close)
        running = await stack.enter_async_context(
            open_stack(
                home,
                redis.url,
                s3_endpoint_url=endpoint,
                s3_bucket=BUCKET,
                s3_access_key_id="someone",
                s3_secret_access_key="something",
            )
        )
        return await asyncio.to_thread(_import, running, photos, endpoint)


def _import(stack: Stack, photos: Path, endpoint: str) -> Imported:
    begun = time.monotonic()
    token = stack.token("ada@example.org")
    command = ("import", str(photos), "--project", "Bucket", "--url", stack.bases[1], "--json")
    done = stack.run(*command, KILO_TOKEN=token)
    seconds = time.monotonic() - begun
    checked = stack.run("doctor", "--deep", "--decode", "--json")
    return Imported(
        json.loads(done.stdout), done.returncode, json.loads(checked.stdout), checked.returncode,
        _count(endpoint), round(seconds, 1),
    )  # fmt: skip


def _count(endpoint: str) -> int:
    """The objects in the bucket but for the store's marker: they begin with the id of their project."""
    count, query = 0, {"list-type": "2", "prefix": "0"}
    while True:
        page = httpx.get(f"{endpoint}/{BUCKET}", params=query).text
        count += page.count("<Key>")
        more = re.search("<NextContinuationToken>(.+?)</", page)
        if more is None:
            return count
        query["continuation-token"] = more[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    with tempfile.TemporaryDirectory(prefix="kilo-scale-") as folder:
        photos: Path = parser.parse_args().photos or Path(folder) / "sample"
        if not photos.exists():
            render(photos)
        home = Path(folder) / "home"
        home.mkdir()
        found = asyncio.run(import_into_bucket(home, photos.absolute()))
    sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
    sys.exit(found.check_code)


if __name__ == "__main__":
    main()
