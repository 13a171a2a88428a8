"""From a template and its values to an answer: escaped, compressed, and allowed nothing that a page does not use."""

from __future__ import annotations

import gzip
import secrets
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from kilo_gql.gallery_pages import assets
from kilo_gql.gallery_pages.tiles import tile_filter
from kilo_gql.gallery_pages.wording import FILTERS

#: Compression is worth its time from here on.
_SMALL: Final = 1_000
#: 5 costs a third of 9 and gives within 3 % of its size for a page of tiles.
_LEVEL: Final = 5
_PERMISSIONS: Final = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"

_templates: Final = Environment(
    loader=FileSystemLoader(assets.FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.filters.update(FILTERS, tile=tile_filter(_templates))


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page. ``values`` are the template's; texts among them are escaped wherever they stand."""
    nonce = secrets.token_urlsafe(16)
    text = _templates.get_template(template).render(nonce=nonce, assets=assets.BASE, **values)
    body = text.encode("utf-8", "replace")
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": policy(nonce),
        "permissions-policy": _PERMISSIONS,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-robots-tag": "noindex, nofollow, noarchive",
        "vary": "accept-encoding, cookie",
    }
    # nothing secret stands in a page beside what visitors typed, so its compressed length tells nobody anything
    if len(body) >= _SMALL and assets.takes_gzip(request):
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, _LEVEL, mtime=0)
    return Response(body, status, headers)


def policy(nonce: str) -> str:
    """What a page may load and do (CSP level 3): its own files, and the one stylesheet that carries the nonce."""
    return (
        f"default-src 'none'; img-src 'self' data:; style-src 'self' 'nonce-{nonce}'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
