"""One writer of one upload: bytes in, parts durable, the row counting them, and the object at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from kilo_gql import tus
from kilo_gql.access import System
from kilo_gql.domain import receiving
from kilo_gql.domain.uploads import upload_expired
from kilo_gql.errors import InsufficientStorage, KiloError, NotFound, TooLarge
from kilo_gql.operations import Throat
from kilo_gql.storage import Incoming, Sink, Store, part_size_for

#: Seconds after which what came is made durable, however little that is; and seconds of nothing at all after which the
#: connection is given up.
_QUIET: Final = 5.0
_PATIENCE: Final = 60.0
#: Seconds in which a refused client may send on before its connection is closed: it would miss the answer.
_LINGERS: Final = 1.0

HOUSE: Final = System("upload")


class RequestTimeout(KiloError):
    """The client sent nothing for too long."""

    status = 408
    default_code = "upload_stalled"


class Body:
    """A request's body as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def read(self) -> bytes:
        """The next piece, which may be empty. Raises ClientDisconnect."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.ended = True
            raise ClientDisconnect
        self.ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    async def linger(self) -> None:
        """Let the client read its answer while it is still sending."""
        with suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(_LINGERS):
                while not self.ended:
                    await self.read()


class Writer:
    """One claim's work. ``parts``: what counts, and at last is durable."""

    def __init__(
        self, throat: Throat, store: Store, incoming: Incoming, body: Body, checksum: tus.Checksum | None
    ) -> None:
        self._throat = throat
        self._store = store
        self._incoming = incoming
        self._body = body
        self._checksum = checksum
        self._part_size = part_size_for(incoming.size)
        self._counted_at = time.monotonic()
        self.parts = incoming.parts

    async def run(self) -> None:
        """Take what comes to its end. What is durable then counts, whatever the end was; raises that end."""
        ended: Exception | None = None
        async with (
            _or_from_the_start(self._throat, self._incoming),
            self._store.receive(self._incoming) as sink,
        ):
            try:
                await self._pump(sink)
            except (ClientDisconnect, InsufficientStorage, TooLarge, RequestTimeout, tus.ChunkMismatch) as error:
                ended = error
            if ended is None or self._checksum is None:
                ended = await self._save(sink) or ended
        await self._commit(release=True)
        if ended is not None:
            raise ended

    async def _pump(self, sink: Sink) -> None:
        quiet = 0.0
        while not self._body.ended:
            try:
                async with asyncio.timeout(_QUIET):
                    piece = await self._body.read()
            except TimeoutError:
                quiet += _QUIET
                if quiet >= _PATIENCE:
                    raise RequestTimeout("Nothing came for a minute.", remediation=["Go on with the upload."]) from None
                await self._count(sink, 1)
                continue
            quiet = 0.0
            if piece:
                await sink.write(piece)
                if self._checksum is not None:
                    self._checksum.update(piece)
            await self._count(sink, self._part_size if time.monotonic() < self._counted_at + _QUIET else 1)
        if self._checksum is not None:
            self._checksum.verify()

    async def _count(self, sink: Sink, least: int) -> None:
        """Make durable and count what came, if that is at least so many bytes, and is known to be right."""
        if self._checksum is None and sink.pending >= least:
            self.parts = await sink.flush()
            await self._commit()
            self._counted_at = time.monotonic()

    async def _save(self, sink: Sink) -> InsufficientStorage | None:
        """Make durable what is left; on a full disk a second try saves what found room."""
        full: InsufficientStorage | None = None
        for _ in range(2):
            try:
                self.parts = await sink.flush()
                break
            except InsufficientStorage as error:
                full = error
        return full

    async def _commit(self, *, release: bool = False) -> None:
        await self._throat.execute(
            HOUSE, receiving.commit_upload, self._incoming.upload_id, self._incoming.fence, self.parts, release
        )


async def finish(throat: Throat, store: Store, incoming: Incoming) -> None:
    """Every byte is here: make the object, and only then say so in the row."""
    async with _or_from_the_start(throat, incoming):
        await store.complete(incoming)
    if not (await throat.execute(HOUSE, receiving.mark_stored, incoming.upload_id)).value:
        await store.delete([incoming.key])
        raise upload_expired()


@asynccontextmanager
async def _or_from_the_start(throat: Throat, incoming: Incoming) -> AsyncIterator[None]:
    """If the store has lost what the row counts, the row counts nothing any more, and the file can be sent again."""
    try:
        yield
    except NotFound as error:
        if error.code == "upload_lost":
            await throat.execute(HOUSE, receiving.commit_upload, incoming.upload_id, incoming.fence, (), release=True)
        raise
