"""The page of a client gallery in a real browser: what guests do there with mouse, keys, fingers, and without scripts.

A complaint in the console, a broken content security policy, a request to any other origin, and anything that axe calls
serious or critical fail the scene they happen in. ``KILO_SCREENSHOTS=FOLDER`` keeps a picture of every state.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from kilo_gql import sample_shoot, tokens
from kilo_gql.config import Settings
from kilo_gql.models import Gallery, Session, SessionKind
from kilo_gql.models.base import uuid7
from tests.support.browser import installed, program
from tests.support.gallery_site import GallerySite, gallery_site
from tests.support.postgres import new_database
from tests.support.running import UNHURRIED

DRIVER = Path(__file__).with_name("gallery")
PASSWORD = "by the lake"
OUT = os.environ.get("KILO_SCREENSHOTS")
#: Of the sample shoot: landscapes, a bird, flowers, portraits.
PICTURES = 18

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


class Stage:
    """Plays scenes in galleries of one house, in one browser."""

    def __init__(self, site: GallerySite, driver: Process) -> None:
        self.site, self._driver = site, driver

    async def play(self, scene: str, **facts: Any) -> None:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps({"scene": scene, "facts": facts}).encode() + b"\n")
        went = json.loads(await self._driver.stdout.readline())
        if OUT is not None:
            await asyncio.to_thread((Path(OUT) / f"axe-{scene}.json").write_text, json.dumps(went["axe"], indent=1))
        assert went["fault"] is None, went["fault"]

    def facts(self, gallery: Gallery) -> dict[str, Any]:
        """What scenes know of a gallery of all photos."""
        ids = [str(photo.id) for photo in self.site.photos]
        return {"path": f"/g/{gallery.share_slug}", "id": str(gallery.id), "ids": ids, "photos": len(ids)}


@asynccontextmanager
async def driving(site: GallerySite, driver: Path) -> AsyncIterator[Process]:
    """The program that plays scenes, until it has closed its browser."""
    house = {"chromium": program("chromium"), "origin": site.origin, "bearer": site.bearer, "out": OUT}
    process = await asyncio.create_subprocess_exec(
        program("node"), "drive.mjs", json.dumps(house), cwd=driver,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    program("chromium")
    home = tmp_path_factory.mktemp("gallery")
    driver = await installed(DRIVER, home / "driver")
    sample_shoot.render(home / "shoot", 1200)
    pictures = sorted((home / "shoot" / "DCIM" / "100KILO").glob("*.JPG"))[4 : 4 + PICTURES]
    async with new_database(postgres) as url:
        secret = SecretStr("a test secret of 32 characters!!")
        settings = Settings(home=home, database_url=SecretStr(url), secret_key=secret).model_copy(update=UNHURRIED)
        async with gallery_site(settings, pictures) as site, driving(site, driver) as process:
            yield Stage(site, process)


async def test_password(stage: Stage) -> None:
    gallery = await stage.site.gallery(password=PASSWORD)
    await stage.play("password", path=f"/g/{gallery.share_slug}", password=PASSWORD)


async def test_what_is_not_there_any_more_looks_as_if_it_never_was(stage: Stage) -> None:
    now = stage.site.make.db.house.clock()
    over = await stage.site.gallery(expires_at=now - timedelta(seconds=1))
    hidden = await stage.site.gallery(published_at=None)
    await stage.play("missing", paths=["/g/nothing-here", f"/g/{over.share_slug}", f"/g/{hidden.share_slug}"])


async def test_nothing_in_it_yet(stage: Stage) -> None:
    gallery = await stage.site.gallery([])
    await stage.play("empty", path=f"/g/{gallery.share_slug}")


async def test_looking(stage: Stage) -> None:
    gallery = await stage.site.gallery(sections=3)
    await stage.play("looking", **stage.facts(gallery), sections=3)


async def test_keys_alone(stage: Stage) -> None:
    await stage.play("keyboard", **stage.facts(await stage.site.gallery()))


async def test_nothing_moves_for_who_asked_for_that(stage: Stage) -> None:
    await stage.play("moving", **stage.facts(await stage.site.gallery()))


async def test_favorites_are_seen_by_others_as_they_are_given(stage: Stage) -> None:
    await stage.play("favorites", **stage.facts(await stage.site.gallery()))


async def test_a_refused_favorite_is_taken_back(stage: Stage) -> None:
    await stage.play("rollback", **stage.facts(await stage.site.gallery()))


async def test_a_reply_arrives_by_itself(stage: Stage) -> None:
    await stage.play("talking", **stage.facts(await stage.site.gallery()))


async def test_further_photos_come_by_scrolling_or_by_a_link(stage: Stage) -> None:
    gallery = await stage.site.gallery(await stage.site.copies(210))
    facts = {"path": f"/g/{gallery.share_slug}", "photos": 210}
    await stage.play("further", **facts)
    await stage.play("turning", **facts)


async def test_two_to_four_side_by_side(stage: Stage) -> None:
    await stage.play("comparing", **stage.facts(await stage.site.gallery()))


async def test_choosing_and_sending(stage: Stage) -> None:
    gallery = await stage.site.gallery()
    chosen = await stage.site.selection_list(gallery, "Album", min_count=2, max_count=3)
    await stage.play("selecting", **stage.facts(gallery), list=str(chosen.id))


async def test_taking_one_and_all_home(stage: Stage) -> None:
    await stage.play("taking", **stage.facts(await stage.site.gallery()))


async def test_a_gallery_closes_before_the_guests_eyes(stage: Stage) -> None:
    await stage.play("closing", **stage.facts(await stage.site.gallery()))


async def test_the_photographers_own_preview(stage: Stage) -> None:
    gallery = await stage.site.gallery(password=PASSWORD)
    now = stage.site.make.db.house.clock()
    secret = tokens.random_token(tokens.COOKIE_PREFIX)
    session = Session(
        id=uuid7(), user_id=stage.site.owner.user_id, kind=SessionKind.COOKIE, token_hash=tokens.digest(secret),
        last_seen_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    await stage.site.make.rows(session)
    await stage.play("previewing", **stage.facts(gallery), session=secret)


async def test_without_scripts(stage: Stage) -> None:
    gallery = await stage.site.gallery(password=PASSWORD)
    chosen = await stage.site.selection_list(gallery, "Album", min_count=2, max_count=3)
    await stage.play("scriptless", **stage.facts(gallery), list=str(chosen.id), password=PASSWORD)


async def test_fingers(stage: Stage) -> None:
    await stage.play("phone", **stage.facts(await stage.site.gallery(sections=3)))


async def test_every_page_on_a_phone(stage: Stage) -> None:
    gallery, locked = await stage.site.gallery(), await stage.site.gallery(password=PASSWORD)
    chosen = await stage.site.selection_list(gallery, "Album", min_count=2, max_count=3)
    locked_path = f"/g/{locked.share_slug}"
    await stage.play("phonePages", **stage.facts(gallery), list=str(chosen.id), lockedPath=locked_path)
