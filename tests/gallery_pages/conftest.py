"""The pages of client galleries, asked for as browsers ask: an application a module, a project of its own each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from kilo_gql.access import UserActor
from kilo_gql.models import Asset, FileKind, Gallery, Project
from kilo_gql.tokens import hash_password
from tests.support.api import Api
from tests.support.galleries import make_gallery
from tests.support.html import Page
from tests.support.make import Make
from tests.support.running import running

ORIGIN = "http://127.0.0.1:8400"
PASSWORD = "by the lake"


class Browser:
    """A visitor with cookies of their own, who goes where redirections lead."""

    def __init__(self, api: Api, **headers: str) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(api.app), base_url=ORIGIN, headers=headers, follow_redirects=True
        )

    async def get(self, address: str, **headers: str) -> Page:
        return Page(await self.client.get(address, headers=headers))

    async def post(self, address: str, fields: dict[str, str], **headers: str) -> Page:
        """A form, sent from a page of the house."""
        sent = {"sec-fetch-site": "same-origin", **headers}
        return Page(await self.client.post(address, data=fields, headers=sent))

    async def submit(self, form: dict[str, Any], **fields: str) -> Page:
        """A form as it stands in a page, with these fields filled in."""
        return await self.post(form["action"], {**form["fields"], **fields})


@dataclass
class Stage:
    """A project with photos, and galleries of them."""

    api: Api
    make: Make
    owner: UserActor
    project: Project
    photos: list[Asset]

    def browser(self, **headers: str) -> Browser:
        return Browser(self.api, **headers)

    async def more(self, *filenames: str) -> list[Asset]:
        """Photos that are ready, with a preview of 2048 × 1365."""
        found = [
            await self.make.asset(self.project, name, thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j3A") for name in filenames
        ]
        for asset in found:
            await self.make.file(asset, FileKind.PREVIEW, width_px=2048, height_px=1365)
        return found

    async def gallery(
        self, photos: Sequence[Asset] | None = None, *, password: str | None = None, **columns: Any
    ) -> Gallery:
        if password is not None:
            columns["password_hash"] = await hash_password(password)
        shown = self.photos if photos is None else photos
        return await make_gallery(self.make.db, self.project, shown, **columns)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(postgres: str, tmp_path_factory: Any) -> AsyncIterator[Api]:
    async with running(postgres, tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(api: Api) -> Stage:
    make = Make(api.services.db)
    owner = await make.user()
    made = Stage(api, make, owner, await make.project(owner), [])
    made.photos = await made.more("IMG_1.JPG", "IMG_2.JPG", "IMG_3.JPG")
    return made
