"""Who gets in beside guests: members, by tokens that may read galleries; and what can be no address at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kilo_gql.access import Anonymous, TokenActor
from kilo_gql.db import Database
from kilo_gql.domain.gallery_files import open_gallery_picture
from kilo_gql.domain.shared_galleries import open_gallery
from kilo_gql.domain.shared_photos import shared_photos
from kilo_gql.errors import NotFound
from kilo_gql.models import GalleryRendition
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from kilo_gql.paging import Slice
from tests.support.galleries import make_gallery
from tests.support.make import Make
from tests.support.sharing import show


@pytest.mark.parametrize(("scopes", "sees"), [(("gallery.read",), True), (("*",), True), (("job.read",), False)])
async def test_a_token_without_the_scope_is_a_stranger(
    db: Database, throat: Throat, make: Make, scopes: tuple[str, ...], sees: bool
) -> None:
    ada = await make.user()
    project = await make.project(ada)
    gallery = await make_gallery(db, project, [], published_at=None)
    token = TokenActor(ada.user_id, uuid7(), scopes)
    if sees:
        assert (await throat.execute(token, open_gallery, gallery.share_slug)).value.preview
    else:
        with pytest.raises(NotFound):
            await throat.execute(token, open_gallery, gallery.share_slug)


async def test_nor_do_pictures_open_to_it(throat: Throat, make: Make) -> None:
    shown = await show(make, 1, published_at=None)
    photo = (await throat.execute(shown.owner, shared_photos, shown.slug, Slice(1, None))).value.items[0]
    tag = photo.picture.preview_url.rpartition("-")[2]
    asked = (shown.slug, photo.asset_id, GalleryRendition.PREVIEW, tag)
    reader = TokenActor(shown.owner.user_id, uuid7(), ("gallery.read",))
    assert (await throat.execute(reader, open_gallery_picture, *asked)).value is not None
    with pytest.raises(NotFound):
        await throat.execute(replace(reader, scopes=("job.read",)), open_gallery_picture, *asked)


@pytest.mark.parametrize(
    "slug", ["", "short", "a" * 33, "nul\0nul\0nul", "../../../../", "ünïcödeünïcöde", "line\nline\nline"]
)
async def test_what_can_be_no_address_is_not_there(throat: Throat, slug: str) -> None:
    with pytest.raises(NotFound) as refused:
        await throat.execute(Anonymous(), open_gallery, slug)
    assert refused.value.code == "not_found"
