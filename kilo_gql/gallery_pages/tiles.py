"""Tiles of the grid, kept as they were written: most visitors see most of them alike, and 200 cost 7 ms to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from jinja2 import Environment
from markupsafe import Markup

from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.domain.selections import ListState, SharedList
from kilo_gql.domain.shared_galleries import SharedGallery
from kilo_gql.domain.shared_photos import SharedPhoto

#: Some 12 MB of text.
KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class List:
    """The list that a tile's button puts the photo into."""

    id: UUID
    title: str
    state: ListState


@dataclass(frozen=True, slots=True)
class Tile:
    """Everything that a tile says: two that are equal are written alike."""

    base: str
    asset_id: UUID
    number: int
    filename: str | None
    picture: ShownPicture
    favorite: bool
    favorite_count: int
    comments_count: int
    lists: tuple[UUID, ...]
    list: List | None
    favorites_allowed: bool
    preview: bool
    eager: bool


def tile_filter(templates: Environment) -> Callable[..., Markup]:
    """``photo|tile(base, gallery, list, eager)`` for the templates of ``templates``."""

    @lru_cache(KEPT)
    def written(tile: Tile) -> Markup:
        macro: Any = templates.get_template("parts.html").module
        return Markup(macro.tile(tile))  # noqa: S704 - the macro has escaped it

    def tile(photo: SharedPhoto, base: str, gallery: SharedGallery, chosen: SharedList | None, eager: bool) -> Markup:
        named = None if chosen is None else List(chosen.id, chosen.title, chosen.state)
        lists = () if named is None or named.id not in photo.lists else (named.id,)
        return written(
            Tile(
                base,
                photo.asset_id,
                photo.number,
                photo.filename,
                photo.picture,
                photo.favorite,
                photo.favorite_count,
                photo.comments_count,
                lists,
                named,
                gallery.favorites_allowed,
                gallery.preview,
                eager,
            )
        )

    return tile
