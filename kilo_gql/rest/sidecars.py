"""XMP sidecars over HTTP: the one answer that is neither JSON nor a stored file."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.disposition import content_disposition
from kilo_gql.domain.sidecars import Sidecar
from kilo_gql.errors import Conflict
from kilo_gql.storage import Store
from ml import xmp
from ml.rdf import MAX_BYTES, NotXmp

_TYPE: Final = "application/rdf+xml"


class SidecarView:
    """A file, which ``respond`` makes: it needs the store."""

    media_type = _TYPE

    @classmethod
    def render(cls, value: Sidecar) -> bytes:
        """Without what came with the photo."""
        return packet(value, None)


def packet(sidecar: Sidecar, existing: bytes | None) -> bytes:
    """The sidecar's bytes: what it is to say, and all else that ``existing`` says. Raises Conflict."""
    words = (sidecar.rating, sidecar.label, sidecar.keywords, sidecar.title, sidecar.description)
    try:
        return xmp.sidecar(*words, existing=existing, document_name=sidecar.document_name)
    except NotXmp as error:
        raise Conflict(
            "The sidecar that came with this photo cannot be read, so nothing is written over it.",
            code="sidecar_unreadable",
            details={"reason": str(error)},
            remediation=["Throw the sidecar away, or send a whole one."],
        ) from error


async def respond(request: Request, sidecar: Sidecar) -> Response:
    """The sidecar as a file to save beside the photo."""
    store: Store = request.app.state.services.store
    existing = None if sidecar.existing is None else await read_sidecar(store, sidecar.existing)
    headers = {
        "cache-control": "no-store",
        "content-disposition": content_disposition(_TYPE, sidecar.filename),
        "x-content-type-options": "nosniff",
    }
    # 4 MiB of a stranger's XML take seconds to read
    written = await asyncio.to_thread(packet, sidecar, existing)
    return Response(written, media_type=_TYPE, headers=headers)


async def read_sidecar(store: Store, key: str) -> bytes:
    """The stored sidecar that came with a photo, as far as one is read."""
    return b"".join([piece async for piece in store.stream(key, 0, MAX_BYTES)])
