"""The object store in a folder.

    <root>/.kilo-store                         the marker: the id of the store
    <root>/incoming/<upload>.<fence>           an unfinished upload, named after the writer that made the file
    <root>/<project>/<asset>/<file>.<ext>      the objects, mode 0444

An upload is one file that grows. In its only ``Part``, ``etag`` names the file by the fence of the writer that made it
and ``number`` is the fence of the writer that flushed last. A writer goes on in the same file only if the one
right before it flushed last and let go properly: then nobody else can write there. Every other writer copies what
counts into a file of its own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, ParamSpec, TypeVar
from uuid import UUID, uuid4

from kilo_gql.config import Settings
from kilo_gql.folder import Folder, OpenFile, opened, said_plainly
from kilo_gql.signed_urls import Signer
from kilo_gql.storage import (
    HEAD_BYTES,
    INCOMING,
    MIB,
    Incoming,
    Leftover,
    NewObject,
    ObjectInfo,
    Part,
    SignedPut,
    Sink,
    checked_key,
    marker_foreign,
    marker_missing,
    object_missing,
    unreachable,
    upload_lost,
    upload_too_long,
)

T = TypeVar("T")
P = ParamSpec("P")

MARKER: Final = ".kilo-store"

_THREADS: Final = 16
#: Bytes that go to the disk at a time; smaller pieces wait for each other.
_BLOCK: Final = MIB
#: Bytes that are read at a time.
_CHUNK: Final = 256 << 10
_INSIDE: Final = f"{INCOMING}/"
_LISTED: Final = 1_000
_LEFTOVER: Final = re.compile(r"incoming/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]+)")


def _name(upload_id: UUID, fence: int | str) -> str:
    return f"{INCOMING}/{upload_id}.{fence}"


class LocalSink:
    """Writes at the end of one file. Its methods are called by one task, one after the other."""

    def __init__(self, store: LocalStore, incoming: Incoming, file: OpenFile, made_by: int) -> None:
        self._store = store
        self._incoming = incoming
        self._file = file
        self._made_by = made_by
        self._named = made_by != incoming.fence
        self._durable = self._at = incoming.received
        self._buffer = bytearray()
        self._head = incoming.head
        self._refused: Exception | None = None

    @property
    def pending(self) -> int:
        """Bytes written that are not durable yet."""
        return self._at + len(self._buffer) - self._durable

    async def write(self, data: bytes) -> None:
        """See ``Sink.write``."""
        if self._refused is not None:
            raise self._refused
        if self._at + len(self._buffer) + len(data) > self._incoming.size:
            raise upload_too_long(self._incoming.size)
        self._buffer += data
        if len(self._buffer) >= _BLOCK:
            await self._store.settled(self._drain)

    async def flush(self) -> tuple[Part, ...]:
        """See ``Sink.flush``."""
        return await self._store.settled(self._flush)

    def close(self) -> None:
        """Drop what is pending and take nothing any more."""
        self._file.close()
        self._buffer.clear()
        self._refused = ValueError("this writer has ended")

    def _drain(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        if self._at < HEAD_BYTES:
            self._head = self._head[: self._at] + bytes(data[: HEAD_BYTES - self._at])
        try:
            for end in self._file.write(data, self._at):
                self._at = end
        except Exception as error:
            # what did not go in leaves a gap: nothing may follow it, but what stands before it can be saved
            self._refused = error
            raise

    def _flush(self) -> tuple[Part, ...]:
        if self._buffer:
            self._drain()
        if self._at == 0:
            return ()
        with said_plainly():
            if self._at > self._durable or not self._named:
                os.fdatasync(self._file.fd)
            if not self._named:
                self._store.folder.keep_names(INCOMING)
                self._named = True
        self._durable = self._at
        head = self._head[: self._at]
        return (Part(self._incoming.fence, self._at, str(self._made_by), head),)


class LocalStore:
    """See ``kilo_gql.storage.Store`` for what the methods promise."""

    def __init__(self, root: Path, signer: Signer, known_as: str | None = None) -> None:
        self.folder = Folder(root)
        self._signer = signer
        self._known_as = known_as
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")

    @classmethod
    def of(cls, settings: Settings, known_as: str | None) -> LocalStore:
        """The store of these settings."""
        return cls(settings.object_root, Signer.of(settings), known_as)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def settled(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a thread. If the caller is cancelled, it goes on only when the thread has come to its end."""
        work = asyncio.ensure_future(self._run(function, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait((work,))
            _ = work.cancelled() or work.exception()  # seen, whatever it was
            raise

    # --- the marker

    async def create(self) -> None:
        """Give an empty folder its marker."""
        await self._run(self._create)

    def _create(self) -> None:
        root = self.folder.root
        with said_plainly():
            root.mkdir(parents=True, exist_ok=True)
            if any(not path.name.startswith(MARKER) and path.name != "lost+found" for path in root.iterdir()):
                return
            # link() of a finished file: of two processes that start together, one makes the marker
            draft = root / f"{MARKER}.{uuid4().hex}"
            with draft.open("x") as file:
                file.write(f"{uuid4()}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, root / MARKER)
            draft.unlink()
            self.folder.keep_names("")

    async def identify(self) -> str:
        """The id in the marker."""
        return await self._run(self._guard)

    def _guard(self) -> str:
        """The id of the store, if it is ours. Every change asks: a disk can be unmounted at any time."""
        marker = self.folder.open(MARKER)
        if marker is None:
            raise marker_missing(str(self.folder.root))
        found = marker.read(0, 100).decode(errors="replace").strip()
        if self._known_as is None:
            self._known_as = found
        if found != self._known_as:
            raise marker_foreign(str(self.folder.root))
        return found

    async def check(self) -> None:
        """Is the marker there, is it ours, can files be made?"""
        await self._run(self._check)

    def _check(self) -> None:
        self._guard()
        if not os.access(self.folder.root, os.W_OK | os.X_OK):
            raise unreachable(f"{self.folder.root} cannot be written")

    async def aclose(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- uploads

    async def begin(self, upload_id: UUID, key: str, *, content_type: str) -> str:
        """Nothing has to be prepared."""
        checked_key(key)
        return ""

    @asynccontextmanager
    async def receive(self, incoming: Incoming) -> AsyncIterator[Sink]:
        """Where the next bytes go."""
        sink = await self.settled(self._open, incoming)
        try:
            yield sink
        finally:
            sink.close()

    def _open(self, incoming: Incoming) -> LocalSink:
        self._guard()
        holder = _holder(incoming)
        old = range(1, incoming.fence)
        self.folder.drop([_name(incoming.upload_id, fence) for fence in old if fence != holder])
        source = self.folder.open(_name(incoming.upload_id, holder)) if holder else None
        if holder and (source is None or source.info.st_size < incoming.received):
            raise upload_lost()
        made_by = holder if _ours_alone(incoming) else incoming.fence
        file = self.folder.draft(_name(incoming.upload_id, made_by))
        if source is not None and made_by != holder:
            file.copy_start(source, incoming.received)
        with said_plainly():
            os.ftruncate(file.fd, incoming.received)
        return LocalSink(self, incoming, file, made_by)

    async def complete(self, incoming: Incoming) -> None:
        """Give the file its final name."""
        if incoming.received != incoming.size:
            raise ValueError(f"{incoming.received} of {incoming.size} bytes are here")
        await self.settled(self._complete, incoming, checked_key(incoming.key))

    def _complete(self, incoming: Incoming, key: str) -> None:
        self._guard()
        name = _name(incoming.upload_id, _holder(incoming))
        source, there = self.folder.open(name), self._stat(key)
        if source is None and there is not None and there.size == incoming.size:
            return
        if source is None or source.info.st_size != incoming.size:
            raise upload_lost()
        source.settle()
        try:
            self.folder.publish([(self.folder.root / name, key)])
        except FileNotFoundError:  # whoever completed it at the same time was first, and has cleared up
            there = self._stat(key)
            if there is None or there.size != incoming.size:
                raise upload_lost() from None
        self._forget(incoming)

    async def abort(self, incoming: Incoming) -> None:
        """Remove the files of all writers."""
        await self.settled(self._abort, incoming)

    def _abort(self, incoming: Incoming) -> None:
        self._guard()
        self._forget(incoming)

    def _forget(self, incoming: Incoming) -> None:
        self.folder.drop([_name(incoming.upload_id, fence) for fence in range(1, incoming.fence + 1)])

    # --- objects

    async def put_files(self, files: Sequence[NewObject]) -> None:
        """Link finished files to their keys."""
        await self.settled(self._put_files, [(file.path, checked_key(file.key)) for file in files])

    def _put_files(self, pairs: Sequence[tuple[Path, str]]) -> None:
        self._guard()
        for path, _ in pairs:
            opened(path).settle()
        try:
            self.folder.publish(pairs)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            for path, key in pairs:
                self._put(path, key)
        for path, _ in pairs:
            path.unlink()

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Write, then link."""
        await self.settled(self._put, data, checked_key(key))

    def _put(self, content: bytes | Path, key: str) -> None:
        self._guard()
        name = _name(uuid4(), 0)
        target, at = self.folder.draft(name), 0
        try:
            for piece in [content] if isinstance(content, bytes) else opened(content).pieces():
                for end in target.write(piece, at):
                    at = end
            target.settle()
            self.folder.publish([(self.folder.root / name, key)])
        finally:
            self.folder.drop([name])

    async def stat(self, key: str) -> ObjectInfo | None:
        """Size and time."""
        return await self._run(self._stat, checked_key(key))

    def _stat(self, key: str) -> ObjectInfo | None:
        found = self.folder.open(key)
        if found is None:
            self._guard()
            return None
        return _info(key, found.info)

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Pieces of 256 KiB."""
        file, piece = await self._run(self._first, checked_key(key), start, end)
        while piece:
            yield piece
            start += len(piece)
            count = _CHUNK if end is None else min(_CHUNK, end - start)
            if count <= 0 or (end is None and len(piece) < _CHUNK):
                return
            piece = await self._run(file.read, start, count)

    def _first(self, key: str, start: int, end: int | None) -> tuple[OpenFile, bytes]:
        file = self.folder.open(key)
        if file is None:
            self._guard()
            raise object_missing()
        return file, file.read(start, _CHUNK if end is None else max(0, min(_CHUNK, end - start)))

    @asynccontextmanager
    async def local_path(self, key: str) -> AsyncIterator[Path]:
        """The object itself."""
        if await self.stat(key) is None:
            raise object_missing()
        yield self.folder.root / key

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove files and the folders they leave empty."""
        await self.settled(self._delete, [checked_key(key) for key in keys])

    def _delete(self, paths: Sequence[str]) -> None:
        self._guard()
        self.folder.remove(paths)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """A thousand at a time."""
        await self._run(self._guard)
        found = (
            _info(entry.path, entry.info) for entry in self.folder.walk(prefix) if not entry.path.startswith(_INSIDE)
        )
        async for one in self._batches(found):
            yield one

    async def leftovers(self) -> AsyncIterator[Leftover]:
        """The files in ``incoming``."""
        await self._run(self._guard)
        found = (_leftover(entry.path, entry.info) for entry in self.folder.walk(_INSIDE))
        async for one in self._batches(found):
            if one is not None:
                yield one

    async def _batches(self, found: Iterator[T]) -> AsyncIterator[T]:
        while batch := await self._run(lambda: tuple(islice(found, _LISTED))):
            for one in batch:
                yield one

    async def discard(self, leftovers: Sequence[Leftover]) -> None:
        """Remove files in ``incoming``."""
        await self.settled(self._discard, [one.name for one in leftovers])

    def _discard(self, names: Sequence[str]) -> None:
        if not all(map(_LEFTOVER.fullmatch, names)):
            raise ValueError("not the name of a leftover")
        self._guard()
        self.folder.drop(names)

    # --- signed addresses

    async def signed_get(
        self, key: str, *, expires_at: datetime, content_type: str, filename: str | None = None
    ) -> str:
        """An address of this installation."""
        return self._signer.get(key, expires_at, content_type, filename)

    async def signed_put(self, key: str, *, size: int, expires_at: datetime, content_type: str) -> SignedPut:
        """An address of this installation."""
        return self._signer.put(key, size, expires_at, content_type)


def _holder(incoming: Incoming) -> int:
    """The fence that the file with the counted bytes is named after; 0: there are none yet."""
    return int(incoming.parts[-1].etag) if incoming.parts else 0


def _ours_alone(incoming: Incoming) -> bool:
    """Can no earlier writer write to the file any more?"""
    if not incoming.parts:
        return False
    return incoming.parts[-1].number in (incoming.fence, incoming.fence - 1) and incoming.clean


def _info(key: str, info: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, info.st_size, datetime.fromtimestamp(info.st_mtime, UTC))


def _leftover(path: str, info: os.stat_result) -> Leftover | None:
    match = _LEFTOVER.fullmatch(path)
    if match is None:
        return None
    modified_at = datetime.fromtimestamp(info.st_mtime, UTC)
    return Leftover(path, UUID(match[1]), "", info.st_size, modified_at)
