"""A client of one project's uploads, through REST and the upload addresses; it looks at rows and bytes as well."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.domain import receiving
from kilo_gql.storage import Incoming
from tests.support.api import Api
from tests.support.uploads import whole

TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {**TUS, "Content-Type": "application/offset+octet-stream"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def found(db: Database, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Rows, past every guard."""
    async with db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
        return [dict(row._mapping) for row in await tx.unchecked(text(statement), values)]


async def change(db: Database, statement: str, **values: Any) -> None:
    """A change behind everybody's back."""
    async with db.transaction(System("test"), Perm.SYSTEM) as tx:
        await tx.unchecked(text(statement), values)
        await tx.session.commit()


@dataclass
class Sender:
    """Somebody who sends files to a project."""

    api: Api
    who: UserActor
    project_id: UUID

    async def prepare(self, *files: dict[str, Any]) -> list[dict[str, Any]]:
        path = f"/projects/{self.project_id}/assets:prepareUpload"
        response = await self.api.rest("POST", path, {"files": list(files)}, actor=self.who)
        assert response.status_code == 200, response.text
        uploads: list[dict[str, Any]] = response.json()["uploads"]
        return uploads

    async def begin(self, data: bytes, filename: str = "IMG_1.JPG", **more: Any) -> dict[str, Any]:
        """The instruction for one file."""
        [instruction] = await self.prepare({"filename": filename, "byteSize": len(data), **more})
        return instruction

    async def put(self, url: str, data: bytes, **headers: str) -> httpx.Response:
        return await self._ask("PUT", url, data, _named(headers))

    async def patch(self, url: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
        sent = httpx.Headers({**STREAM, "Upload-Offset": str(offset)})
        sent.update(_named(headers))
        return await self._ask("PATCH", url, data, sent)

    async def head(self, url: str) -> httpx.Response:
        return await self._ask("HEAD", url, None, TUS)

    async def offset(self, url: str) -> int:
        response = await self.head(url)
        assert response.status_code == 200
        return int(response.headers["upload-offset"])

    async def terminate(self, url: str) -> httpx.Response:
        return await self._ask("DELETE", url, None, TUS)

    async def _ask(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        return await self.api.client.request(method, url, content=data, headers=headers)

    async def finalize(self, *sent: tuple[str, str]) -> dict[str, Any]:
        """Assets and the checksums of their files."""
        path = f"/projects/{self.project_id}/assets:finalizeUpload"
        body = {"assets": [{"assetId": asset_id, "checksumSha256": checksum} for asset_id, checksum in sent]}
        response = await self.api.rest("POST", path, body, actor=self.who)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def send(self, data: bytes, filename: str = "IMG_1.JPG") -> dict[str, Any]:
        """Prepare, send and finalize; returns the instruction."""
        instruction = await self.begin(data, filename)
        assert (await self.put(instruction["uploadUrl"], data)).status_code == 204
        await self.finalize((instruction["assetId"], sha256(data)))
        return instruction

    async def row(self, instruction: dict[str, Any]) -> dict[str, Any] | None:
        """The upload's row."""
        statement = "SELECT * FROM uploads WHERE id = :id"
        rows = await found(self.api.services.db, statement, id=UUID(instruction["uploadId"]))
        return rows[0] if rows else None

    async def stored(self, instruction: dict[str, Any]) -> bytes:
        """The object that the upload became."""
        row = await self.row(instruction)
        assert row is not None
        return await whole(self.api.services.store, row["key"])

    async def leftovers(self, instruction: dict[str, Any]) -> list[str]:
        """What an upload has left in the store outside of its object."""
        upload_id = UUID(instruction["uploadId"])
        return [one.name async for one in self.api.services.store.leftovers() if one.upload_id == upload_id]

    async def receive_only(self, instruction: dict[str, Any], data: bytes) -> Incoming:
        """What a process has done that dies with the last byte: received and counted it, but no more."""
        throat, store = self.api.services.throat, self.api.services.store
        upload_id = UUID(instruction["uploadId"])
        found = (await throat.execute(System("test"), receiving.find_upload, upload_id)).value
        token = await store.begin(upload_id, found.incoming.key, content_type="image/jpeg")
        claim = (await throat.execute(found.uploader, receiving.claim_upload, upload_id, 0, token)).value
        async with store.receive(claim) as sink:
            await sink.write(data)
            parts = await sink.flush()
        await throat.execute(System("test"), receiving.commit_upload, upload_id, claim.fence, parts)
        return replace(claim, parts=parts)


def _named(headers: dict[str, str]) -> dict[str, str]:
    """Keyword names as header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
