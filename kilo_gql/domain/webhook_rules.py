"""What a webhook may be: its address, its events, its filters, and which events these let through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from kilo_gql.errors import BadRequest
from kilo_gql.events import EventName
from kilo_gql.models import Webhook

URL_MAX: Final = 2_000
FILTERS_MAX: Final = 10
_PATH_MAX: Final = 100
_VALUE_MAX: Final = 200

#: Sent only to webhooks that name them: the first comes four times a second while something works, and the second is
#: about webhooks themselves, so that what one of them could not deliver would give the next one something to deliver.
ASKED: Final = frozenset((EventName.JOB_PROGRESS, EventName.WEBHOOK_UPDATED))


def checked_url(text: str) -> str:
    """An address to send to, as it is read when something is sent. Raises BadRequest ``bad_webhook_url``.

    Where the name leads is not asked here: it may lead elsewhere a moment later. The socket asks each time.
    """
    plain = len(text) <= URL_MAX and text.isprintable() and not set(text) & set(" \\")
    url = _parsed(text) if plain else None
    if url is None or not _sendable(url):
        raise BadRequest(
            f"A webhook's address is an http or https URL of at most {URL_MAX:,} characters, without a user, a "
            "password or a fragment.",
            code="bad_webhook_url",
            details={"field": "url"},
            remediation=["Put a token into the path or the query, or verify the signature."],
        )
    return str(url)


def _sendable(url: httpx.URL) -> bool:
    # a percent sign in the host is an escape, or the zone of a link-local address
    named = bool(url.host) and b"%" not in url.netloc and not url.userinfo and not url.fragment
    return named and url.scheme in ("http", "https") and (url.port is None or 1 <= url.port <= 65_535)


def _parsed(text: str) -> httpx.URL | None:
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None


def checked_events(names: Sequence[str]) -> list[str]:
    """Names of events, each once. Raises BadRequest ``unknown_event``."""
    known = [name.value for name in EventName]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadRequest(
            f"There is no event {unknown[0][:_PATH_MAX]!r}.",
            code="unknown_event",
            details={"field": "eventNames", "events": known},
        )
    return [name for name in known if name in names]


def checked_filters(filters: object) -> dict[str, Any]:
    """Dotted paths into an event, and the plain value each must have. Raises BadRequest ``bad_webhook_filter``."""
    if not isinstance(filters, Mapping):
        raise _bad_filter("not an object")
    for path, value in filters.items():
        whole = 0 < len(path) <= _PATH_MAX and path.isprintable() and all(path.split("."))
        if not (whole and _plain(value)):
            raise _bad_filter(path[:_PATH_MAX])
    if len(filters) > FILTERS_MAX:
        raise _bad_filter(f"{len(filters)} filters")
    return dict(filters)


def _plain(value: object) -> bool:
    """Can it be kept, compared and shown as it was given?"""
    if isinstance(value, str):
        return len(value) <= _VALUE_MAX and value.isprintable()
    # beyond 53 bits a number is another one in some receivers; NaN and infinities are none in JSON
    return value is None or (isinstance(value, bool | int | float) and abs(value) < 2**53)


def passes(webhook: Webhook, event: Mapping[str, Any]) -> bool:
    """Does this webhook want an event, given as the JSON that would be sent?"""
    name = event["type"]
    if name == EventName.WEBHOOK_UPDATED and str(webhook.id) in event["ids"]:
        return False  # about itself: an answer to it would make the next one
    wanted = name in webhook.event_names if webhook.event_names else name not in ASKED
    return wanted and all(_holds(event, path.split("."), value) for path, value in webhook.filters.items())


def _holds(value: Any, path: Sequence[str], wanted: Any) -> bool:
    """Is ``wanted`` what lies at the path, or, where a list lies there, in that list?"""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return any(_same(item, wanted) for item in value) if isinstance(value, list) else _same(value, wanted)


def _same(value: Any, wanted: Any) -> bool:
    # to Python true is 1, to JSON it is not
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


def _bad_filter(what: str) -> BadRequest:
    return BadRequest(
        f"A webhook has at most {FILTERS_MAX} filters: a dotted path into the event, such as changed.published, and "
        "the text, number, true, false or null that stands there.",
        code="bad_webhook_filter",
        details={"field": "filters", "filter": what},
    )
