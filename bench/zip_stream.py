"""An export's archive over real HTTP: ``python -m bench.zip_stream``.

An API process streams the archive of an export with ``--megabytes`` of files, to one reader that counts and to one that
reads slowly. Prints the rate, and the most memory the process had beyond what it had before the first request, with a
plain file of the same store for comparison. Ends with 1 if the process grew by 150 MB or more, or if bytes were wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil

from kilo_gql import embedded, migrate
from kilo_gql.models import Export, ExportFile, Project
from kilo_gql.storage import NewObject
from tests.chaos.site import Site, open_site
from tests.support.exports import export_rows
from tests.support.make import Make

BAR_MB: Final = 150.0
_FILE_MB: Final = 25
_MB: Final = 1_000_000


@dataclass(frozen=True)
class Read:
    """A download. ``grown`` and the rate in MB (10^6 bytes)."""

    name: str
    size: int
    seconds: float
    grown: float

    def __str__(self) -> str:
        rate = self.size / _MB / self.seconds
        return f"{self.name:<28} {self.size / _MB:>8,.0f} MB {rate:>7,.0f} MB/s {self.grown:>7.1f} MB more memory"


async def export_of(site: Site, folder: Path, count: int) -> Export:
    """An export that is done, of so many files of random bytes."""
    make = Make(site.db)
    project = Project(id=site.project_id, owner_user_id=site.owner.user_id, created_at=site.db.house.clock())
    rows = export_rows(project, [await make.asset(project) for _ in range(count)])
    for number, row in enumerate(row for row in rows if isinstance(row, ExportFile)):
        data = np.random.default_rng(number).bytes(_FILE_MB * _MB)
        row.byte_size, row.sha256, row.crc32 = len(data), sha256(data).hexdigest(), zlib.crc32(data)
        path = folder / f"{number}.jpg"
        path.write_bytes(data)
        await site.store.put_files([NewObject(row.key, path, "image/jpeg")])
    await make.rows(*rows)
    assert isinstance(rows[0], Export)
    return rows[0]


async def read(site: Site, name: str, url: str, before: float, *, pause: float = 0.0, most: int | None = None) -> Read:
    """Read an address to its end, or ``most`` bytes of it with pauses; watch the server's memory."""
    parts = urlsplit(url)
    where = f"http://127.0.0.1:{site.servers[0].port}{parts.path}?{parts.query}"
    size, highest, begun = 0, 0.0, time.perf_counter()
    async with httpx.AsyncClient(timeout=300) as client, client.stream("GET", where) as answer:
        assert answer.status_code == 200, answer.status_code
        looked = 0
        async for piece in answer.aiter_raw(1 << 20):
            size += len(piece)
            if size - looked > 8 * _MB:
                looked, highest = size, max(highest, memory(site))
            if pause:
                await asyncio.sleep(pause)
            if most is not None and size >= most:
                break
        else:
            assert size == int(answer.headers["content-length"]), size
    return Read(name, size, time.perf_counter() - begun, highest - before)


def memory(site: Site) -> float:
    """What the API process holds, in MB."""
    process = site.servers[0].process
    assert process is not None
    return float(psutil.Process(process.pid).memory_info().rss) / _MB


async def measure(site: Site, folder: Path, megabytes: int) -> Sequence[Read]:
    export = await export_of(site, folder, megabytes // _FILE_MB)
    single = await export_of(site, folder, 1)
    links = [(await site.call("GET", f"/exports/{one.id}/download"))["url"] for one in (export, single)]
    await read(site, "warm", links[1], 0.0)
    before = memory(site)
    return [
        await read(site, "one file of the store", links[1], before),
        await read(site, "archive", links[0], before),
        await read(site, "archive, slow reader", links[0], before, pause=0.05, most=100 * _MB),
    ]


async def _main(megabytes: int) -> int:
    home = Path(tempfile.mkdtemp(prefix="kilo-bench-zip-"))
    server = embedded.start(home)
    try:
        url = embedded.url(server)
        await migrate.migrate(url)
        async with open_site(url, home) as site:
            found = await measure(site, home, megabytes)
    finally:
        embedded.stop(server)
        shutil.rmtree(home, ignore_errors=True)
    print("\n".join(map(str, found)))
    grown = max(one.grown for one in found)
    print(f"at most {grown:.1f} MB more memory than before (bar {BAR_MB:.0f})")
    return int(grown >= BAR_MB)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2_000)
    return asyncio.run(_main(parser.parse_args().megabytes))


if __name__ == "__main__":
    sys.exit(main())
