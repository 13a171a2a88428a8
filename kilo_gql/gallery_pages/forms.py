"""What visitors do on the pages of a gallery: forms without scripts, and the same addresses for scripts, in JSON."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from kilo_gql.domain import favorites, gallery_activity, gallery_comments, guests, selections, shared_photos
from kilo_gql.domain.gallery_comments import Spot
from kilo_gql.errors import BadRequest, KiloError, NotFound, RateLimited, Unauthorized, not_found
from kilo_gql.gallery_pages import views
from kilo_gql.gallery_pages.visiting import Visit, form, see_other, wants_json
from kilo_gql.rest.machinery import client_address


async def authenticate(visit: Visit) -> Response:
    """``POST /g/{slug}/auth``: the password."""
    given = (await form(visit)).get("password", "")
    address = client_address(visit.request)
    try:
        session = await visit.ask(guests.authenticate_guest, given, address=address)
    except (Unauthorized, BadRequest, RateLimited) as error:
        if wants_json(visit.request):
            raise
        return await views.locked(visit, error)
    response = see_other(visit.base)
    visit.remember(response, session.token)
    return response


async def visit_noted(visit: Visit) -> Response:
    """``POST /g/{slug}/visit``: somebody looks. Pages say so by script, for what follows links is often no person."""
    await visit.ask(gallery_activity.record_visit)
    return Response(status_code=204, headers={"cache-control": "no-store"})


async def name(visit: Visit) -> Response:
    """``POST /g/{slug}/guest``: who the visitor is."""
    given = await form(visit)
    named = await visit.ask(guests.name_guest, given.get("name", ""), given.get("email") or None)
    if wants_json(visit.request):
        return views.json({"name": named.name})
    return see_other(visit.base)


async def favorite(visit: Visit) -> Response:
    """``POST /g/{slug}/photos/{asset_id}/favorite``: a heart, or none."""
    said = (await form(visit)).get("favorite") == "true"
    now = await visit.ask(favorites.favorite_asset, views.asset_of(visit), said)
    if wants_json(visit.request):
        return views.json({"favorite": now.favorite, "favoriteCount": now.favorite_count})
    return await _to_photo(visit)


async def select(visit: Visit) -> Response:
    """``POST /g/{slug}/selection/{list_id}/{asset_id}``: a photo goes into a list, or out of it."""
    said = (await form(visit)).get("selected") == "true"
    now = await visit.ask(selections.select_asset, views.list_of(visit), views.asset_of(visit), said)
    if wants_json(visit.request):
        return views.json({"selected": said, "count": now.count})
    return await _to_photo(visit)


async def submit(visit: Visit) -> Response:
    """``POST /g/{slug}/selection/{list_id}/submit``: the choice is sent."""
    list_id = views.list_of(visit)
    try:
        sent = await visit.ask(selections.submit_selection, list_id, (await form(visit)).get("message"))
    except (NotFound, Unauthorized, RateLimited):
        raise
    except KiloError as error:
        if wants_json(visit.request):
            raise
        return await views.selection_page(visit, list_id, error.status, said=error.message)
    if wants_json(visit.request):
        return views.json({"count": sent.count, "submittedAt": sent.submitted_at})
    return see_other(f"{visit.base}/selection/{list_id}")


async def comment(visit: Visit) -> Response:
    """``POST /g/{slug}/photos/{asset_id}/comments``: words about a photo, an answer, or words about a spot of it."""
    asset_id, given = views.asset_of(visit), await form(visit)
    try:
        made = await visit.ask(
            gallery_comments.comment_asset,
            asset_id,
            given.get("text", ""),
            parent_id=_parent(given),
            spot=_spot(given),
        )
    except BadRequest as error:
        if wants_json(visit.request):
            raise
        words = given.get("text", "")
        return await views.photo_page(visit, asset_id, error.status, said=error.message, typed=words)
    if wants_json(visit.request):
        return views.json({"id": made.id})
    return see_other(f"{visit.base}/photos/{asset_id}#c{made.id}")


async def take_back(visit: Visit) -> Response:
    """``POST /g/{slug}/photos/{asset_id}/comments/{comment_id}/delete``: a visitor's own words."""
    await visit.ask(gallery_comments.delete_own_comment, views.comment_of(visit))
    if wants_json(visit.request):
        return views.json({"deleted": True})
    return see_other(f"{visit.base}/photos/{views.asset_of(visit)}#comments")


async def _to_photo(visit: Visit) -> Response:
    """Back to the page the visitor was on, where the photo stands."""
    shown = await visit.ask(shared_photos.shared_photo, views.asset_of(visit))
    return see_other(f"{visit.back()}#p{shown.number}")


def _parent(given: dict[str, str]) -> UUID | None:
    text = given.get("parent", "")
    if text and views.uuid(text) is None:
        raise not_found("comment")
    return views.uuid(text)


def _spot(given: dict[str, str]) -> Spot | None:
    """``x`` and ``y``, both empty for words about the whole picture. Raises BadRequest."""
    x, y = given.get("x", ""), given.get("y", "")
    if not x and not y:
        return None
    try:
        return Spot(float(x), float(y))
    except ValueError:
        raise BadRequest("A spot lies in the picture: x and y are 0 to 1.", details={"field": "spot"}) from None
