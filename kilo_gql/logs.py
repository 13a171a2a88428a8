"""Structured logs: a constant event name and fields; whatever looks like a secret prints as stars."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

STARS: Final = "***"

_SECRET_NAMES: Final = re.compile(r"token|secret|password|passwd|authorization|cookie|code$|api_?key|proof", re.I)
_SECRET_VALUES: Final = re.compile(
    r"(k(?:pat|rt|st|inv)_)[\w-]{8,}|(eyJ[\w-]{5,}\.)[\w-]+\.[\w-]+|((?:bearer|basic)\s+)\S+|(://[^:/@\s]+:)[^@/\s]+(?=@)"
    r"|([?&](?:code|token|signature|sig)=)[^&\s\"']+",
    re.I,
)
#: Field names that match the pattern but hold nothing secret.
_PUBLIC: Final = frozenset(("error_code", "status_code", "exit_code", "code"))


def _mask_text(value: str) -> str:
    return _SECRET_VALUES.sub(lambda found: next(group for group in found.groups() if group) + STARS, value)


def mask(value: Any, name: str = "") -> Any:
    """``value`` with its secrets replaced by stars, by field name and by shape."""
    if isinstance(value, dict):
        return {key: mask(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item, name) for item in value]
    if name not in _PUBLIC and _SECRET_NAMES.search(name) and value is not None:
        return STARS
    return _mask_text(value) if isinstance(value, str) else value


def _mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = mask(value, name) if name not in ("event", "timestamp", "level") else value
    return event


def configure(style: str) -> None:
    """Log to standard error: ``json`` for machines, ``console`` for people."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
