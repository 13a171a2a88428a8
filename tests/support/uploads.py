"""The row of an upload, and the writers that claim it, as the store sees them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import msgspec
import orjson

from kilo_gql.storage import PARTS_AHEAD, Incoming, Part, Sink, Store, next_number, received


@dataclass
class UploadRow:
    """What PostgreSQL would hold. ``parts`` is kept as JSON, as there."""

    key: str
    size: int
    token: str
    id: UUID = field(default_factory=uuid4)
    fence: int = 0
    next_part: int = 1
    released: bool = True
    parts: bytes = b"[]"

    @classmethod
    async def begin(cls, store: Store, key: str, size: int) -> UploadRow:
        row = cls(key, size, "")
        row.token = await store.begin(row.id, key, content_type="image/jpeg")
        return row

    @property
    def received(self) -> int:
        return received(self._parts)

    @property
    def _parts(self) -> tuple[Part, ...]:
        return msgspec.json.decode(self.parts, type=tuple[Part, ...])

    def seen(self) -> Incoming:
        """As a reader sees it, who claims nothing."""
        return Incoming(self.id, self.key, self.size, self.token, self.fence, self._parts, self.released)

    def claim(self) -> Incoming:
        """What the next writer gets."""
        clean, self.released = self.released, False
        self.fence += 1
        first, self.next_part = self.next_part, self.next_part + PARTS_AHEAD
        return Incoming(self.id, self.key, self.size, self.token, self.fence, self._parts, clean, first)

    def commit(self, writer: Incoming, parts: Sequence[Part]) -> bool:
        """Only the latest writer may."""
        if writer.fence != self.fence:
            return False
        self.parts = orjson.dumps(msgspec.to_builtins(parts))
        self.next_part = max(self.next_part, next_number(parts))
        return True

    def release(self, writer: Incoming) -> None:
        self.released = self.released or writer.fence == self.fence


async def send(store: Store, row: UploadRow, data: bytes) -> None:
    """Receive the rest of ``data`` as one writer that lets go properly."""
    writer = row.claim()
    async with store.receive(writer) as sink:
        await write(sink, data[writer.received :])
        assert row.commit(writer, await sink.flush())
    row.release(writer)


async def write(sink: Sink, data: bytes, piece: int = 64 << 10) -> None:
    """In pieces, as they come from the network."""
    for start in range(0, len(data), piece):
        await sink.write(data[start : start + piece])


async def whole(store: Store, key: str) -> bytes:
    """All bytes of an object."""
    return b"".join([piece async for piece in store.stream(key)])


class Stalled:
    """A writer that sits still with its sink open, like a process that was stopped."""

    def __init__(self, store: Store, row: UploadRow) -> None:
        self.writer = row.claim()
        self._receiving: AbstractAsyncContextManager[Sink] = store.receive(self.writer)
        self.sink: Sink

    async def start(self) -> Sink:
        self.sink = await self._receiving.__aenter__()
        return self.sink

    async def end(self) -> None:
        await self._receiving.__aexit__(None, None, None)
