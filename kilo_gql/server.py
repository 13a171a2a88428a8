"""What uvicorn lacks for streams: to cut off one that is stuck, and to end them all before it waits for them."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kilo_gql.supervisor import on_supervisor_death

#: Allocations between two looks of the garbage collector (Python: 700). An answer makes some thousands.
_ALLOCATIONS: Final = 50_000
_EXTENSION: Final = "kilo.abort"


class AbortableHttp(HttpToolsProtocol):
    """An HTTP connection that its application may cut off, for ``uvicorn.Config(http=…)``.

    ASGI has no word for that, and a client that stops reading keeps a politely closed connection, with everything
    buffered for it, for as long as it likes.
    """

    def on_message_begin(self) -> None:
        """Offer the request that begins here to cut its connection."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"call": self.transport.abort}}


def abort(scope: Any) -> None:
    """Cut the connection of a request and drop what is buffered for it; does nothing under another server."""
    extension = (scope.get("extensions") or {}).get(_EXTENSION)
    if extension is not None:
        cast("Callable[[], None]", extension["call"])()


class Server(uvicorn.Server):
    """Calls ``ending`` as soon as it is told to stop: it waits for open connections, and streams end by it alone."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and stop gently when the supervisor of this process dies."""
        await super().startup(sockets)
        on_supervisor_death(self._orphaned)
        # What was loaded stays, so the collector need not walk it; and a page of rows is no reason to look for cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_ALLOCATIONS, 20, 50)

    def _orphaned(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then what uvicorn does, but without its sending itself the signal once more: a process that
        was told to stop and did ends with status 0.
        """
        self._ending()
        await super().shutdown(sockets)
        self._captured_signals.clear()
