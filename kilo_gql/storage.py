"""The object store: where the bytes of photographs are, a folder (default) or an S3 bucket behind one interface.

An object is written once: it becomes visible under its key as a whole, durable, and is never changed afterwards. Keys
are made of ids (``<project>/<asset>/<file>.<ext>``), so nothing ever has to move.

An upload that is not finished lives beside the objects and is counted by its row alone. A writer *claims* the row
(which raises ``fence`` and reserves part numbers), receives, and commits what ``Sink.flush`` returned; bytes that no
row counts do not exist. Every writer that follows one which did not let go properly writes where the other cannot, so
a writer that wakes up late spoils nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from kilo_gql.config import Settings
from kilo_gql.errors import BadRequest, Conflict, InsufficientStorage, NotFound, TooLarge, Unavailable

MIB: Final = 1 << 20

#: S3 refuses smaller parts, except as the last one of an upload.
PART_MIN: Final = 5 * MIB

#: Part numbers a writer may use between two commits.
PARTS_AHEAD: Final = 4

#: How many first bytes of an upload its row remembers: enough for the magic number of every image format.
HEAD_BYTES: Final = 64

#: Objects of the store itself live here; no key may begin with it.
INCOMING: Final = "incoming"

#: A name between two slashes.
SEGMENT: Final = re.compile(r"[0-9a-z_-][0-9a-z._-]*")
_KEY_MAX: Final = 512


class StorageConflict(Conflict):
    """There is an object with this key and another content. Objects are never overwritten."""

    default_code = "storage_conflict"


@dataclass(frozen=True, slots=True)
class Part:
    """A durable piece of an unfinished upload, as its row remembers it (msgspec turns it into JSON and back).

    ``size`` is in bytes. ``number`` and ``etag`` mean something to the store alone. ``head``: in the first part of an
    upload, the first bytes of the file (at most ``HEAD_BYTES``).
    """

    number: int
    size: int
    etag: str
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An unfinished upload as its row says it is, for the writer that has just claimed it.

    ``size``: of the whole file, in bytes, at least 1. ``token``: what ``Store.begin`` returned. ``fence``: of this
    writer; 1 for the first, and it rises with each claim. ``clean``: the writer before let go properly (or there was
    none). ``next_part``: the first part number that is this writer's alone; the row then
    goes ``PARTS_AHEAD`` further, and at each commit at least to ``next_number``.
    """

    upload_id: UUID
    key: str
    size: int
    token: str
    fence: int
    parts: tuple[Part, ...] = ()
    clean: bool = True
    next_part: int = 1

    @property
    def received(self) -> int:
        """Durable bytes, from the start of the file."""
        return received(self.parts)

    @property
    def head(self) -> bytes:
        """The first bytes of the file, at most ``HEAD_BYTES``: to recognise its format by."""
        return self.parts[0].head if self.parts else b""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object. ``size`` in bytes; ``modified_at`` in UTC, by the clock of the store."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something an unfinished upload left: bytes of the writer ``fence``, or an upload begun with ``token``.

    ``upload_id`` None: the store knows the token only. ``name`` is what the store calls it. ``size`` in bytes (0 where
    the store does not tell).
    """

    name: str
    upload_id: UUID | None
    token: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class NewObject:
    """A finished file that is to become an object."""

    key: str
    path: Path
    content_type: str


@dataclass(frozen=True, slots=True)
class SignedPut:
    """Where the bytes may be sent to by PUT, and the headers that have to come with them."""

    url: str
    headers: Mapping[str, str]


class Sink(Protocol):
    """Takes the bytes of one upload, from ``Incoming.received`` on, for one writer."""

    @property
    def pending(self) -> int:
        """Bytes written that are not durable yet."""
        ...

    async def write(self, data: bytes) -> None:
        """Take the next bytes. They are not promised before ``flush``.

        Raises TooLarge (``upload_too_long``) and takes nothing if they go beyond the size of the upload, or
        InsufficientStorage: then ``flush`` still saves what was written before.
        """
        ...

    async def flush(self) -> tuple[Part, ...]:
        """Make the pending bytes durable.

        Returns **all** parts of the upload, to replace those in its row; only then do the bytes count. Raises
        InsufficientStorage (flush again to save what found room) or Unavailable; the parts returned before stay good.
        """
        ...


class Store(Protocol):
    """A place for objects.

    Whatever fails for want of room raises InsufficientStorage (``storage_full``), and deleting and reading go on
    working. A store that does not answer raises Unavailable (``store_unreachable``, ``store_busy``). A store without
    its own marker refuses every change (``store_marker_missing``, ``store_marker_foreign``).
    """

    async def begin(self, upload_id: UUID, key: str, *, content_type: str) -> str:
        """Prepare an upload; returns its token (may be empty). The first writer may call it, before it claims."""
        ...

    def receive(self, incoming: Incoming) -> AbstractAsyncContextManager[Sink]:
        """Where the next bytes of an upload go. At the end, however it comes, what is pending is dropped.

        When the context has ended, nothing of this writer is on its way any more: the row may then be released as
        ``clean``. Flush and commit before that, also with nothing pending: the next writer can then simply go on.
        """
        ...

    async def complete(self, incoming: Incoming) -> None:
        """Turn an upload that was received in full into the object ``incoming.key``, whole and durable.

        Doing it again is fine, also after a crash before the caller's commit. Raises StorageConflict if the key holds
        something else, NotFound (``upload_lost``) if the bytes are not there.
        """
        ...

    async def abort(self, incoming: Incoming) -> None:
        """Leave nothing of an unfinished upload. Doing it again is fine; the finished object is not touched."""
        ...

    async def put_files(self, files: Sequence[NewObject]) -> None:
        """Store finished files, durable when this returns. The files at ``path`` are used up.

        An existing key with the same content is fine, so the whole may be repeated; with another content it raises
        StorageConflict, and the files before it in the sequence may have been stored.
        """
        ...

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes, durable when this returns. Like ``put_files`` about existing keys."""
        ...

    async def stat(self, key: str) -> ObjectInfo | None:
        """What is stored under a key; None: nothing."""
        ...

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes ``start`` up to but not including ``end`` (None: up to the last), in pieces.

        Raises NotFound (``object_missing``).
        """
        ...

    def local_path(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The object as a file to read, while the context lasts. Raises NotFound (``object_missing``)."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are fine."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose key begins with ``prefix``, in the order of their keys."""
        ...

    def leftovers(self) -> AsyncIterator[Leftover]:
        """What unfinished uploads have left, also those that still go on: ask their rows."""
        ...

    async def discard(self, leftovers: Sequence[Leftover]) -> None:
        """Remove what no living upload needs. Doing it again is fine."""
        ...

    async def signed_get(
        self, key: str, *, expires_at: datetime, content_type: str, filename: str | None = None
    ) -> str:
        """An address that anybody may read the object from until then."""
        ...

    async def signed_put(self, key: str, *, size: int, expires_at: datetime, content_type: str) -> SignedPut:
        """An address that anybody may send exactly this object to until then, once."""
        ...

    async def create(self) -> None:
        """Give a store that is empty its marker. One that has a marker, or anything else in it, is left alone."""
        ...

    async def identify(self) -> str:
        """The id in the store's marker, for the installation to remember. Raises Unavailable, see above."""
        ...

    async def check(self) -> None:
        """Whether it is there, is the one it should be and takes changes. Raises Unavailable with what to do."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def received(parts: Sequence[Part]) -> int:
    """Durable bytes in these parts."""
    return sum(part.size for part in parts)


def part_size_for(size: int) -> int:
    """When the writer of an upload of ``size`` bytes flushes: a hundredth of it, within 8 to 64 MiB."""
    return min(max(size // 100, 8 * MIB), 64 * MIB)


def next_number(parts: Sequence[Part]) -> int:
    """The first part number that is free for another writer, once these parts are committed.

    A writer that was overtaken may send ``PARTS_AHEAD`` parts more before it learns so: their numbers stay its own.
    """
    return max((part.number for part in parts), default=0) + 1 + PARTS_AHEAD


def is_key(key: str) -> bool:
    """Lower-case segments between slashes, none that begins with a dot."""
    segments = key.split("/")
    return len(key) <= _KEY_MAX and segments[0] != INCOMING and all(map(SEGMENT.fullmatch, segments))


def checked_key(key: str) -> str:
    """The key, if it is one. Raises BadRequest."""
    if not is_key(key):
        raise BadRequest("This is not the key of an object.", code="bad_object_key")
    return key


def object_missing() -> NotFound:
    """The store does not have what the caller takes to be there."""
    return NotFound(
        "The stored file is not there.",
        code="object_missing",
        remediation=["Run `kilo verify` to see what is damaged.", "Restore it from a backup, or upload it again."],
    )


def upload_lost() -> NotFound:
    """The bytes that a row counts are gone."""
    return NotFound(
        "The received part of this upload is not there any more.",
        code="upload_lost",
        remediation=["Prepare the upload again and send the whole file."],
    )


def upload_too_long(size: int) -> TooLarge:
    """More bytes than the upload was prepared for."""
    return TooLarge(
        f"This upload has {size} bytes, and more were sent.",
        code="upload_too_long",
        remediation=["Prepare the upload again with the right size."],
    )


def storage_full() -> InsufficientStorage:
    """There is no room for more bytes."""
    return InsufficientStorage(
        "The object store is full.",
        remediation=["Free some space, or give the store more of it.", "Resume the upload: nothing stored is lost."],
        retry_after=60,
    )


def unreachable(why: str) -> Unavailable:
    """The store cannot be used at the moment."""
    return Unavailable(
        f"The object store cannot be used: {why}.",
        code="store_unreachable",
        remediation=["Run `kilo doctor` to see what is missing.", "Check KILO_OBJECTS or the KILO_S3_ variables."],
        retry_after=5,
    )


def marker_missing(place: str) -> Unavailable:
    """The store has no marker: most likely it is not the store, but the empty place where it should be."""
    return Unavailable(
        f"{place} is not an object store of KILO: its marker is missing. Nothing is written there.",
        code="store_marker_missing",
        remediation=["Check that the disk is mounted and that KILO_OBJECTS or KILO_S3_BUCKET is right."],
        retry_after=30,
    )


def marker_foreign(place: str) -> Unavailable:
    """The store belongs to another installation."""
    return Unavailable(
        f"{place} is the object store of another installation. Nothing is written there.",
        code="store_marker_foreign",
        remediation=["Check KILO_OBJECTS or KILO_S3_BUCKET and KILO_DATABASE_URL: they belong together."],
        retry_after=30,
    )


async def open_store(settings: Settings, *, known_as: str | None = None, create: bool = False) -> Store:
    """The store that the settings name: the bucket, where there is one, or else the folder.

    ``known_as``: the id that this installation remembers, see ``Store.identify`` (None: it remembers none yet and takes
    the one it finds). ``create``: an empty store that the installation does not know gets its marker now, and must be
    within reach for that (Unavailable). Otherwise opening does not need the store to be there; every change checks it.
    """
    store: Store
    if settings.s3_bucket is not None:
        from kilo_gql.s3_store import S3Store  # aioboto3 takes a while to load; a folder needs none of it

        store = S3Store.of(settings, known_as)
    else:
        from kilo_gql.local_store import LocalStore

        store = LocalStore.of(settings, known_as)
    if create and known_as is None:
        await store.create()
    return store
