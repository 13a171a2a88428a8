"""What the pages of a gallery show: one view a page, each a few operations of the guests' side and one template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from starlette.responses import Response

from kilo_gql import pages
from kilo_gql.domain import gallery_comments, selections, shared_galleries, shared_photos
from kilo_gql.domain.gallery_comments import SharedComment
from kilo_gql.domain.gallery_media import ShownPicture
from kilo_gql.domain.selections import SharedList
from kilo_gql.domain.shared_galleries import SharedGallery
from kilo_gql.domain.shared_photos import Only, SharedPhoto
from kilo_gql.errors import BadRequest, KiloError, NotFound, Unauthorized, not_found
from kilo_gql.gallery_pages.visiting import Visit, wants_json
from kilo_gql.gallery_pages.wording import plural
from kilo_gql.models import DownloadPolicy, GalleryRendition
from kilo_gql.paging import MAX_LIMIT, Slice, cursor_of

#: Photos side by side.
COMPARED_MIN: Final = 2
COMPARED_MAX: Final = 4

#: Scripts of a page, so that a browser fetches them at once and not one after another.
_EVERYWHERE: Final = ("api.js", "deeds.js", "guest.js", "notice.js", "times.js", "zoom.js")
_GRID: Final = (*_EVERYWHERE, "blur.js", "grid.js", "lightbox.js", "live.js", "panel.js", "selecting.js")
_PHOTO: Final = (*_EVERYWHERE, "live.js", "panel.js")
_SUMMARY: Final = (*_EVERYWHERE, "blur.js", "selecting.js")


async def entered(visit: Visit) -> SharedGallery:
    """The gallery, for whoever was let in. Raises NotFound, or Unauthorized ``gallery_locked``."""
    gallery = await visit.ask(shared_galleries.open_gallery)
    if gallery.gallery_id is None:
        raise Unauthorized("This gallery asks for a password.", code="gallery_locked")
    return gallery


# --- the first page --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """Which photos the visitor wants to see: all, their favourites, a list's, or a section's."""

    only: Only
    section: UUID | None

    @property
    def all(self) -> bool:
        return self.only == "all" and self.section is None


async def gallery(visit: Visit) -> Response:
    """``GET /g/{slug}``: the password screen, or the photos."""
    try:
        shared = await visit.ask(shared_galleries.open_gallery)
    except NotFound:
        return await _as_member(visit, None)
    if shared.gallery_id is None:
        return await _as_member(visit, shared)
    response = await _grid(visit, shared)
    if shared.token is not None:
        visit.remember(response, shared.token)
    return response


async def _as_member(visit: Visit, locked: SharedGallery | None) -> Response:
    """Nobody lets this visitor in as a guest: a session of a member still may, behind a guest's that has ended."""
    if pages.COOKIE in visit.request.cookies and (response := await _preview(visit)) is not None:
        return response
    if locked is None:
        raise not_found("gallery")
    return visit.page("locked.html", title=locked.title, said="")


async def _preview(visit: Visit) -> Response | None:
    """The gallery as a preview, if the browser's session is a member's."""
    try:
        member = replace(visit, actor=(await visit.house.proof(visit.request)).actor)
        shared = await member.ask(shared_galleries.open_gallery)
    except (NotFound, Unauthorized):
        return None
    if not shared.preview:
        return None
    response = await _grid(member, shared)
    visit.forget(response)
    return response


async def locked(visit: Visit, error: KiloError) -> Response:
    """The password screen once more, and why."""
    shared = await visit.ask(shared_galleries.open_gallery)
    response = visit.page("locked.html", error.status, title=shared.title, said=_why_locked(error))
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, round(error.retry_after)))
    return response


def _why_locked(error: KiloError) -> str:
    if error.retry_after is None:
        return error.message
    minutes = max(1, math.ceil(error.retry_after / 60))
    return f"Too many wrong passwords. Try again in {plural(minutes, 'minute')}."


async def _grid(visit: Visit, shared: SharedGallery) -> Response:
    query = visit.request.query_params
    only: Only = "favorites" if query.get("only") == "favorites" else uuid(query.get("only")) or "all"
    wanted = Shown(only, uuid(query.get("section")))
    page = await visit.ask(
        shared_photos.shared_photos,
        Slice(MAX_LIMIT, query.get("after")),
        wanted.only,
        section_id=wanted.section,
    )
    more = None
    if page.next_cursor is not None:
        more = f"{visit.base}?{urlencode({**query, 'after': page.next_cursor})}"
    return visit.page(
        "gallery.html",
        gallery=shared,
        sizes=download_sizes(shared),
        cover=None if query.get("after") else await _cover(visit, shared, page.items),
        view=wanted,
        after=query.get("after"),
        photos=page.items,
        groups=_groups(shared, page.items, first=query.get("after") is None),
        list=active_list(shared.lists, query.get("list")),
        more=more,
        modules=_GRID,
        said="",
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Photos under one heading; ``first``: the page begins with them."""

    section: Any
    photos: Sequence[SharedPhoto]
    first: bool


def _groups(shared: SharedGallery, photos: Sequence[SharedPhoto], *, first: bool) -> list[Group]:
    sections = {section.id: section for section in shared.sections}
    return [
        Group(sections.get(section_id) if section_id else None, list(together), first and number == 0)
        for number, (section_id, together) in enumerate(groupby(photos, key=lambda photo: photo.section_id))
    ]


async def _cover(visit: Visit, shared: SharedGallery, photos: Sequence[SharedPhoto]) -> ShownPicture | None:
    if shared.cover_asset_id is None:
        return None
    for photo in photos:
        if photo.asset_id == shared.cover_asset_id:
            return photo.picture
    try:
        return (await visit.ask(shared_photos.shared_photo, shared.cover_asset_id)).picture
    except NotFound:
        return None


def active_list(lists: Sequence[SharedList], chosen: str | None) -> SharedList | None:
    """The list that photos are put into by one tap: the one asked for, or the first that is open."""
    wanted = uuid(chosen)
    named = [one for one in lists if one.id == wanted]
    still = [one for one in lists if one.state == selections.ListState.OPEN]
    return next(iter([*named, *still, *lists]), None)


def download_sizes(shared: SharedGallery) -> list[GalleryRendition]:
    """What a guest may take home, the smallest first."""
    steps = (DownloadPolicy.WEB, DownloadPolicy.FULL, DownloadPolicy.ORIGINAL)
    return [GalleryRendition(step.value) for step in steps if step.rank <= shared.downloads.rank]


# --- one photo, and several ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as the page shows it; ``spot`` numbers those that point at a place of the picture."""

    comment: SharedComment
    author: str
    spot: int | None


@dataclass(frozen=True, slots=True)
class Thread:
    """What began it, and what was answered."""

    id: UUID
    resolved: bool
    comments: list[Said]


async def photo(visit: Visit) -> Response:
    """``GET /g/{slug}/photos/{asset_id}``: one photo, and what was said about it."""
    return await photo_page(visit, asset_of(visit))


async def photo_page(visit: Visit, asset_id: UUID, status: int = 200, *, said: str = "", typed: str = "") -> Response:
    """The page of a photo; ``typed``: words that were refused, so that nobody types them again."""
    if wants_json(visit.request):
        return json(facts(await visit.ask(shared_photos.shared_photo, asset_id)))
    shared = await entered(visit)
    shown = await visit.ask(shared_photos.shared_photo, asset_id)
    comments = await visit.ask(gallery_comments.shared_comments, asset_id)
    spots = [one for one in comments if one.x is not None and not one.deleted]
    return visit.page(
        "photo.html",
        status,
        gallery=shared,
        sizes=download_sizes(shared),
        photo=shown,
        threads=_threads(comments, {one.id: number for number, one in enumerate(spots, 1)}),
        spots=[Said(one, "", number) for number, one in enumerate(spots, 1)],
        back=_place(visit, shown),
        modules=_PHOTO,
        said=said,
        typed=typed,
    )


def _place(visit: Visit, shown: SharedPhoto) -> str:
    """Where the photo stands in the grid: on the first page, or on one that begins with it."""
    if shown.number <= MAX_LIMIT:
        return f"{visit.base}#p{shown.number}"
    section, position, _ = shown.key
    return f"{visit.base}?after={cursor_of(section, position, UUID(int=0))}#p{shown.number}"


def facts(shown: SharedPhoto) -> dict[str, Any]:
    """What may change about a photo while a page is open, for its script."""
    return {
        "id": shown.asset_id,
        "number": shown.number,
        "favorite": shown.favorite,
        "favoriteCount": shown.favorite_count,
        "commentsCount": shown.comments_count,
        "lists": list(shown.lists),
    }


def _threads(comments: Sequence[SharedComment], spots: dict[UUID, int]) -> list[Thread]:
    threads = {one.id: Thread(one.id, one.resolved, []) for one in comments if one.parent_id is None}
    for one in comments:
        author = one.author_name or ("The photographer" if one.by_photographer else "A guest")
        if (thread := threads.get(one.parent_id or one.id)) is not None:
            thread.comments.append(Said(one, author, spots.get(one.id)))
    return [one for one in threads.values() if any(not each.comment.deleted for each in one.comments)]


async def compare(visit: Visit) -> Response:
    """``GET /g/{slug}/compare?photo=…&photo=…``: two to four photos side by side; every parameter names one."""
    shared = await entered(visit)
    named = [uuid(value) for name, value in visit.request.query_params.multi_items() if name != "list"]
    wanted = list(dict.fromkeys(one for one in named if one is not None))
    if not COMPARED_MIN <= len(wanted) <= COMPARED_MAX:
        raise BadRequest(
            "Two to four photos can be compared.",
            remediation=["Tick two, three or four photos, and compare them then."],
        )
    return visit.page(
        "compare.html",
        gallery=shared,
        photos=[await visit.ask(shared_photos.shared_photo, one) for one in wanted],
        list=active_list(shared.lists, visit.request.query_params.get("list")),
        modules=_EVERYWHERE,
    )


# --- who, and what was chosen ----------------------------------------------------------------------------------------


async def guest(visit: Visit) -> Response:
    """``GET /g/{slug}/guest``: the form in which visitors say who they are."""
    return visit.page("guest.html", gallery=await entered(visit), said="")


async def selection(visit: Visit) -> Response:
    """``GET /g/{slug}/selection/{list_id}``: what the visitor has chosen for a list."""
    return await selection_page(visit, list_of(visit))


async def selection_page(visit: Visit, list_id: UUID, status: int = 200, *, said: str = "") -> Response:
    """The page of a selection; ``said``: why it was not sent."""
    shared = await entered(visit)
    chosen = next((one for one in shared.lists if one.id == list_id), None)
    if chosen is None:
        raise not_found("list")
    after = visit.request.query_params.get("after")
    page = await visit.ask(shared_photos.shared_photos, Slice(MAX_LIMIT, after), list_id)
    more = f"{visit.base}/selection/{list_id}?{urlencode({'after': page.next_cursor})}" if page.next_cursor else None
    return visit.page(
        "selection.html",
        status,
        gallery=shared,
        list=chosen,
        photos=page.items,
        more=more,
        modules=_SUMMARY,
        said=said,
    )


# --- what the address names ------------------------------------------------------------------------------------------


def asset_of(visit: Visit) -> UUID:
    """The photo in the path. Raises NotFound."""
    return _named(visit, "asset_id", "asset")


def list_of(visit: Visit) -> UUID:
    """The list in the path. Raises NotFound."""
    return _named(visit, "list_id", "list")


def comment_of(visit: Visit) -> UUID:
    """The comment in the path. Raises NotFound."""
    return _named(visit, "comment_id", "comment")


def _named(visit: Visit, parameter: str, noun: str) -> UUID:
    found = uuid(visit.request.path_params[parameter])
    if found is None:
        raise not_found(noun)
    return found


def uuid(text: str | None) -> UUID | None:
    """The id that a text is, or None."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def json(value: Any, status: int = 200) -> Response:
    """An answer to a page's script; ids from the database are of a class of their own, and written as text."""
    headers = {"cache-control": "no-store", "vary": "accept"}
    return Response(orjson.dumps(value, default=str), status, headers, "application/json")
