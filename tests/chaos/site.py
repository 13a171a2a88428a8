"""A place to upload to, of real processes: API, workers, a store in a folder; and a look at what came of it all."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from kilo_gql import jobs, tokens
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.assembly import house_of, open_store
from kilo_gql.config import Settings
from kilo_gql.db import Database
from kilo_gql.domain.sessions import ACCESS_KEY
from kilo_gql.jobs import JobType, NewJob
from kilo_gql.storage import Store
from tests.support.api_process import ApiProcess
from tests.support.make import Make
from tests.support.processes import Workers, environment
from tests.support.running import UNHURRIED
from tests.support.wait import until_seen

_BATCH = 200


@dataclass(frozen=True)
class Slot:
    """Where a file is to go."""

    asset_id: UUID
    upload_id: UUID
    url: str


class Site:
    """One project of one owner. ``servers`` are its API processes; whoever kills one starts it again."""

    def __init__(self, database_url: str, home: Path, servers: int, settings: dict[str, Any]) -> None:
        self.home = home
        self.env = environment(database_url, home=home, **{**UNHURRIED, **settings})
        self.settings = Settings(
            home=home,
            database_url=SecretStr(database_url),
            secret_key=SecretStr(self.env["KILO_SECRET_KEY"]),
            **settings,
        )
        self.db = Database(database_url, house_of(self.settings))
        self.servers = [ApiProcess(self.env, home / f"api-{number}.log") for number in range(servers)]
        self.store: Store
        self.owner: UserActor
        self.project_id: UUID

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One REST call as the owner, repeated with the same key until a server answers it."""
        key = uuid4().hex
        for _ in range(300):
            for server in self.servers:
                try:
                    return await self._call(server.port, method, path, body, key)
                except httpx.TransportError:
                    continue
            await asyncio.sleep(0.1)
        raise AssertionError("no server answers")

    async def _call(self, port: int, method: str, path: str, body: Any, key: str) -> Any:
        headers = {"authorization": f"Bearer {self.token()}", "idempotency-key": key}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", timeout=60) as client:
            response = await client.request(method, path, json=body, headers=headers)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def token(self) -> str:
        """An access token of the owner, good from now on."""
        house = self.db.house
        person = self.owner
        return tokens.access_token(
            house.key(ACCESS_KEY), house.base_url, person.user_id, person.session_id, datetime.now(UTC), uuid4().hex
        )

    # --- uploading

    async def prepare(self, files: Sequence[tuple[str, int]]) -> list[Slot]:
        """Announce files by name and size (bytes)."""
        slots = []
        for batch in _batches(files):
            body = {"files": [{"filename": name, "byteSize": size} for name, size in batch]}
            answer = await self.call("POST", f"/projects/{self.project_id}/assets:prepareUpload", body)
            slots += [Slot(UUID(one["assetId"]), UUID(one["uploadId"]), one["uploadUrl"]) for one in answer["uploads"]]
        return slots

    async def finalize(self, files: Sequence[tuple[Slot, str]]) -> None:
        """Say that files are complete, with the SHA-256 of each, and have them ingested."""
        for batch in _batches(files):
            body = {"assets": [{"assetId": str(slot.asset_id), "checksumSha256": sha} for slot, sha in batch]}
            answer = await self.call("POST", f"/projects/{self.project_id}/assets:finalizeUpload", body)
            assert len(answer["queuedJobs"]) == len(batch), answer

    # --- workers

    def workers(self, **settings: object) -> Workers:
        """Worker processes of this site; the caller closes them."""
        env = self.env | {f"KILO_{name.upper()}": str(value) for name, value in settings.items()}
        return Workers(env, log=self.home / "workers.log")

    async def sweep(self) -> None:
        """Have the house swept once, from now on, and wait until that is done. Needs a worker."""
        async with self.db.transaction(System("chaos"), Perm.SYSTEM) as tx:
            (job_id,) = await jobs.enqueue(tx, NewJob(JobType.HOUSE_SWEEP, {}, None))
            await tx.session.commit()

        async def swept() -> bool:
            return bool(await self.rows("SELECT 1 FROM jobs WHERE id = :id AND status = 'done'", id=job_id))

        await until_seen(swept, 60)

    async def all_jobs_ended(self) -> bool:
        return not await self.rows("SELECT 1 FROM jobs WHERE status IN ('queued', 'running') LIMIT 1")

    # --- looking

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        async with self.db.transaction(System("chaos"), Perm.SYSTEM, write=False) as tx:
            found: Sequence[Any] = (await tx.unchecked(text(statement), values)).all()
            return found

    async def stored_sha256(self, key: str) -> str:
        """Of the bytes in the store, read back."""
        digest = hashlib.sha256()
        async for piece in self.store.stream(key):
            digest.update(piece)
        return digest.hexdigest()

    async def leftovers(self) -> int:
        """How much unfinished uploads have left in the store."""
        return len([one async for one in self.store.leftovers()])


def _batches(files: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (files[start : start + _BATCH] for start in range(0, len(files), _BATCH))


@asynccontextmanager
async def open_site(database_url: str, home: Path, *, servers: int = 1, **settings: Any) -> AsyncIterator[Site]:
    """A site whose servers answer. ``settings`` are those of ``kilo_gql.config``."""
    site = Site(database_url, home, servers, settings)
    try:
        site.store = await open_store(site.settings, site.db)
        make = Make(site.db)
        site.owner = await make.user()
        site.project_id = (await make.project(site.owner)).id
        await asyncio.gather(*(server.start() for server in site.servers))
        yield site
        await site.store.aclose()
    except BaseException as error:
        for log in home.glob("*.log"):  # they are gone by the time this is read
            error.add_note(f"--- {log.name}\n{log.read_text(errors='replace')[-2_000:]}")
        raise
    finally:
        for server in site.servers:
            server.stop()
        await site.db.close()
