"""Clients' choices over HTTP: as JSON, or as the file that an editor or a spreadsheet opens."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.archives import respond_zip
from kilo_gql.disposition import content_disposition
from kilo_gql.domain.choice_files import ChoiceSource, GalleryChoices, with_choice
from kilo_gql.domain.sidecars import Sidecar
from kilo_gql.errors import BadRequest, TooLarge
from kilo_gql.rest.bodies import Body, PageQuery
from kilo_gql.rest.choice_views import GalleryChoicesView
from kilo_gql.rest.sidecars import packet, read_sidecar
from kilo_gql.storage import Store
from kilo_gql.zips import ZipLayout, of_bytes, safe_names

#: Bytes of the sidecars of one archive: they are all at hand while it is sent.
XMP_MAX: Final = 64 << 20
_TEXT: Final = "text/plain; charset=utf-8"
_CSV: Final = "text/csv; charset=utf-8"


class ChoiceFormat(StrEnum):
    """As what the choices are asked for."""

    JSON = "json"
    CSV = "csv"
    TXT = "txt"
    XMP = "xmp"
    LIGHTROOM = "lightroom"
    CAPTURE_ONE = "capture_one"
    FINDER = "finder"


class ChoicesQuery(Body):
    source: ChoiceSource = ChoiceSource.FAVORITES
    guest_id: UUID | None = None
    list_id: UUID | None = None
    format: ChoiceFormat = ChoiceFormat.JSON

    def arguments(self) -> dict[str, Any]:
        return {"source": self.source, "guest_id": self.guest_id, "list_id": self.list_id}


class ProposalsQuery(PageQuery):
    decided: bool | None = None
    gallery_id: UUID | None = None

    def arguments(self) -> dict[str, Any]:
        named = super().arguments()
        return {**named, "decided": self.decided}  # False is an answer as well


class DecideBody(Body):
    accept: bool


async def respond(request: Request, choices: GalleryChoices) -> Response:
    """The choices in the format that was asked for."""
    wanted = ChoiceFormat(request.query_params.get("format", ChoiceFormat.JSON))
    if wanted is ChoiceFormat.JSON:
        body = GalleryChoicesView.render(choices)
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
    if wanted is ChoiceFormat.XMP:
        return await _sidecars(request, choices)
    text = {
        ChoiceFormat.CSV: choices.csv,
        ChoiceFormat.TXT: choices.text,
        ChoiceFormat.LIGHTROOM: choices.lightroom,
        ChoiceFormat.CAPTURE_ONE: choices.capture_one,
        ChoiceFormat.FINDER: choices.finder,
    }[wanted]
    kind, extension = (_CSV, "csv") if wanted is ChoiceFormat.CSV else (_TEXT, "txt")
    # never shown by a browser: a file name may hold anything
    name = content_disposition("application/octet-stream", f"{choices.title} {wanted}.{extension}")
    headers = {"cache-control": "no-store", "content-disposition": name}
    return Response(text.encode(), media_type=kind, headers=headers)


async def _sidecars(request: Request, choices: GalleryChoices) -> Response:
    """A ZIP with a sidecar for each photo. Raises TooLarge, or Conflict ``sidecar_unreadable``."""
    if not choices.photos:
        raise BadRequest("Nothing was chosen, so there are no sidecars.", code="nothing_chosen")
    store: Store = request.app.state.services.store
    made: list[bytes] = []
    room = XMP_MAX
    for photo in choices.photos:
        made.append(await _packet(store, with_choice(photo.sidecar)))
        room -= len(made[-1])
        if room < 0:
            raise TooLarge(
                "These sidecars are too much for one archive.",
                remediation=["Ask for the choices of one guest, or of one list."],
            )
    names = safe_names([photo.sidecar.filename.replace("/", "_") for photo in choices.photos])
    moment = choices.made_at
    entries = [of_bytes(name, data, moment) for name, data in zip(names, made, strict=True)]
    return respond_zip(request, ZipLayout(entries), f"{choices.title} XMP.zip")


async def _packet(store: Store, words: Sidecar) -> bytes:
    existing = None if words.existing is None else await read_sidecar(store, words.existing)
    return await asyncio.to_thread(packet, words, existing)
