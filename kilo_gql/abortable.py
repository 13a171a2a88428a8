"""An HTTP connection that its application may cut off. ASGI has no word for that, and a client that stops reading
keeps a politely closed connection, with everything buffered for it, for as long as it likes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION: Final = "kilo.abort"


class AbortableHttp(HttpToolsProtocol):
    """For ``uvicorn.Config(http=…)``."""

    def on_message_begin(self) -> None:
        """Offer to cut the connection, to the request that begins here."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"call": self.transport.abort}}


def abort(scope: Any) -> None:
    """Cut the connection of a request and drop what is buffered for it; does nothing under another server."""
    extension = (scope.get("extensions") or {}).get(_EXTENSION)
    if extension is not None:
        cast("Callable[[], None]", extension["call"])()
