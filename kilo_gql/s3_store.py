"""The object store in an S3 bucket.

    .kilo-store                             the marker: the id of the store
    incoming/<upload>/<fence>-<offset>      the tail of an upload that was cut where S3 takes no part yet
    <project>/<asset>/<file>.<ext>          the objects, written with ``If-None-Match: *``

An upload is a multipart upload; its parts become visible as one object, or not at all. Every writer has part numbers of
its own, so that one which wakes up late cannot replace a part that is counted. S3 takes no part below 5 MiB but the
last: what is left at a cut is kept as a small object (a ``Part`` with number 0, whose ``etag`` is its key), and the
next writer takes it into its first part.
"""

from __future__ import annotations

import asyncio
import tempfile
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import md5
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import aioboto3
import aiohttp
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kilo_gql.config import Settings
from kilo_gql.disposition import content_disposition, safe_type
from kilo_gql.errors import Conflict, KiloError, Unavailable
from kilo_gql.signed_urls import Signer
from kilo_gql.storage import (
    HEAD_BYTES,
    INCOMING,
    MIB,
    PART_MIN,
    Incoming,
    Leftover,
    NewObject,
    ObjectInfo,
    Part,
    SignedPut,
    Sink,
    StorageConflict,
    checked_key,
    is_key,
    marker_foreign,
    marker_missing,
    object_missing,
    part_size_for,
    received,
    storage_full,
    unreachable,
    upload_lost,
    upload_too_long,
)

MARKER: Final = ".kilo-store"

#: A file up to this size is stored with one request.
_ONE_REQUEST: Final = 16 * MIB
_CHUNK: Final = 256 << 10
_DELETED: Final = 1_000
#: S3 knows no higher part number.
_PARTS_MAX: Final = 10_000
#: Metadata of an object: which upload it was.
_UPLOAD: Final = "kilo-upload"

_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_TAKEN: Final = frozenset({"PreconditionFailed", "412"})
_REFUSED: Final = frozenset(
    {"NoSuchBucket", "AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "PermanentRedirect"}
)
_CONFIG: Final = Config(
    signature_version="s3v4",
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    retries={"mode": "standard", "total_max_attempts": 3},
    # services beside AWS refuse the newer checksums; Content-MD5 does the same for every one of them
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns what the service says into InsufficientStorage or Unavailable; what is neither goes on as it is."""
    try:
        yield
    except ClientError as error:
        code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _FULL or status == 507:
            raise storage_full() from error
        if code in _REFUSED:
            raise unreachable(f"it answers {code}") from error
        if status in (409, 429) or status >= 500:
            raise _busy(code) from error
        raise
    except (BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
        raise unreachable(type(error).__name__) from error


def _busy(code: str) -> Unavailable:
    return Unavailable(
        f"The object store is too busy at the moment ({code}).",
        code="store_busy",
        remediation=["Try again after a few seconds."],
        retry_after=5,
    )


@cache
def _session() -> aioboto3.Session:
    """Knows the service's description, which takes a while to read."""
    return aioboto3.Session()


def _md5(data: bytes) -> str:
    """For Content-MD5: the service compares what it stored."""
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()


class S3Sink:
    """Collects bytes and sends them as parts. Its methods are called by one task, one after the other."""

    def __init__(self, store: S3Store, incoming: Incoming, tail: bytes) -> None:
        self._store = store
        self._incoming = incoming
        self._parts = [part for part in incoming.parts if part.number]
        self._tail = [part for part in incoming.parts if not part.number]
        self._buffer = bytearray(tail)
        self._durable = incoming.received
        self._next = incoming.next_part

    @property
    def _at(self) -> int:
        return received(self._parts) + len(self._buffer)

    @property
    def pending(self) -> int:
        """Bytes written that are not durable yet."""
        return self._at - self._durable

    async def write(self, data: bytes) -> None:
        """See ``Sink.write``. Takes memory until the next ``flush``."""
        if self._at + len(data) > self._incoming.size:
            raise upload_too_long(self._incoming.size)
        self._buffer += data

    async def flush(self) -> tuple[Part, ...]:
        """See ``Sink.flush``."""
        if self.pending:
            if len(self._buffer) >= PART_MIN or self._at == self._incoming.size:
                self._parts.append(await self._send_part())
                self._tail = []
                self._buffer.clear()
            else:
                self._tail = [await self._send_tail()]
            self._durable = self._at
        return (*self._parts, *self._tail)

    async def _send_part(self) -> Part:
        number, self._next = self._next, self._next + 1
        if number > _PARTS_MAX:
            raise Conflict(
                "This upload was interrupted too often.",
                code="upload_worn_out",
                remediation=["Prepare the upload again and send the whole file."],
            )
        data = bytes(self._buffer)
        try:
            answer = await self._store.call(
                "upload_part",
                Key=self._incoming.key,
                UploadId=self._incoming.token,
                PartNumber=number,
                Body=data,
                ContentMD5=await asyncio.to_thread(_md5, data),
            )
        except ClientError as error:
            if _code(error) != "NoSuchUpload":  # a rule of the bucket may end what is unfinished for days
                raise
            raise upload_lost() from error
        return Part(number, len(data), answer["ETag"], self._head())

    async def _send_tail(self) -> Part:
        key = f"{INCOMING}/{self._incoming.upload_id}/{self._incoming.fence}-{received(self._parts)}"
        data = bytes(self._buffer)
        await self._store.call("put_object", Key=key, Body=data, ContentMD5=_md5(data))
        return Part(0, len(data), key, self._head())

    def _head(self) -> bytes:
        """The first bytes of the file, if the buffer begins with them."""
        return b"" if self._parts else bytes(self._buffer[:HEAD_BYTES])


class S3Store:
    """See ``kilo_gql.storage.Store`` for what the methods promise. It belongs to one event loop."""

    def __init__(
        self,
        bucket: str,
        endpoint_url: str | None,
        access: Mapping[str, str | None],
        signer: Signer,
        scratch: Path,
        public_url: str | None = None,
        known_as: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._endpoint_url = endpoint_url
        self._access = access
        self._signer = signer
        self._scratch = scratch
        self._public_url = public_url
        self._known_as = known_as
        self._found: str | None = None
        self._open = AsyncExitStack()
        self._clients: dict[str | None, Any] = {}
        self._opening = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings, known_as: str | None) -> S3Store:
        """The store of these settings."""
        key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
        access = {
            "region_name": settings.s3_region,
            "aws_access_key_id": key.get_secret_value() if key else None,
            "aws_secret_access_key": secret.get_secret_value() if secret else None,
        }
        assert settings.s3_bucket is not None
        signer = Signer.of(settings)
        place = (settings.s3_bucket, settings.s3_endpoint_url)
        return cls(*place, access, signer, settings.home / "scratch", settings.s3_public_url, known_as)

    async def _client(self, endpoint_url: str | None) -> Any:
        """The one client of this process for an address of the service."""
        async with self._opening:
            if endpoint_url not in self._clients:
                made = _session().client("s3", config=_CONFIG, endpoint_url=endpoint_url, **self._access)
                self._clients[endpoint_url] = await self._open.enter_async_context(made)
        return self._clients[endpoint_url]

    async def call(self, method: str, **named: Any) -> Any:
        """One request about the bucket. Raises ClientError for what is neither room nor reach."""
        client = await self._client(self._endpoint_url)
        with said_plainly():
            return await getattr(client, method)(Bucket=self._bucket, **named)

    async def aclose(self) -> None:
        """Close the client."""
        await self._open.aclose()
        self._clients.clear()

    # --- the marker

    async def create(self) -> None:
        """Give an empty bucket its marker."""
        if (await self.call("list_objects_v2", MaxKeys=1)).get("KeyCount"):
            return
        try:
            await self.call("put_object", Key=MARKER, Body=f"{uuid4()}\n".encode(), IfNoneMatch="*")
        except ClientError as error:
            if _code(error) not in _TAKEN:  # taken: of two processes that start together, one makes the marker
                raise

    async def identify(self) -> str:
        """The id in the marker."""
        try:
            answer = await self.call("get_object", Key=MARKER)
            async with answer["Body"]:
                found: str = (await answer["Body"].read(100)).decode(errors="replace").strip()
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            raise marker_missing(f"The bucket {self._bucket}") from error
        if self._known_as is None:
            self._known_as = found
        if found != self._known_as:
            raise marker_foreign(f"The bucket {self._bucket}")
        return found

    async def _guard(self) -> None:
        """Is the bucket ours? Asked once a process: unlike a disk, a bucket is not unmounted."""
        if self._found is None:
            self._found = await self.identify()

    async def check(self) -> None:
        """Is the marker there, and is it ours?"""
        await self.identify()

    # --- uploads

    async def begin(self, upload_id: UUID, key: str, *, content_type: str) -> str:
        """Begin a multipart upload; the token is S3's id of it."""
        await self._guard()
        metadata = {_UPLOAD: str(upload_id)}
        answer = await self.call(
            "create_multipart_upload", Key=checked_key(key), ContentType=content_type, Metadata=metadata
        )
        return str(answer["UploadId"])

    @asynccontextmanager
    async def receive(self, incoming: Incoming) -> AsyncIterator[Sink]:
        """Where the next bytes go; a tail is fetched first."""
        await self._guard()
        tail = b""
        for part in incoming.parts:
            if not part.number:
                tail = await self._tail(part)
        yield S3Sink(self, incoming, tail)

    async def _tail(self, part: Part) -> bytes:
        found = b""
        try:
            async for piece in self._stream(part.etag, 0, part.size):
                found += piece
        except KiloError as error:
            raise upload_lost() if error.code == "object_missing" else error from None
        return found

    async def complete(self, incoming: Incoming) -> None:
        """Join the parts under the final key."""
        if incoming.received != incoming.size:
            raise ValueError(f"{incoming.received} of {incoming.size} bytes are here")
        await self._guard()
        parts = [{"PartNumber": part.number, "ETag": part.etag} for part in incoming.parts]
        try:
            await self.call(
                "complete_multipart_upload",
                Key=checked_key(incoming.key),
                UploadId=incoming.token,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if _code(error) not in {"NoSuchUpload", "InvalidPart", *_TAKEN}:
                raise
            await self._completed_before(incoming)
        await self._forget(incoming)

    async def _completed_before(self, incoming: Incoming) -> None:
        """Passes if the key holds this very upload."""
        try:
            found = await self.call("head_object", Key=incoming.key)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            raise upload_lost() from error
        if (found["Metadata"].get(_UPLOAD), found["ContentLength"]) != (str(incoming.upload_id), incoming.size):
            raise StorageConflict(f"There is another object at {incoming.key} already.")

    async def abort(self, incoming: Incoming) -> None:
        """Abort the multipart upload and remove its tails."""
        await self._guard()
        if incoming.token:
            await self._abort(incoming.key, incoming.token)
        await self._forget(incoming)

    async def _abort(self, key: str, token: str) -> None:
        try:
            await self.call("abort_multipart_upload", Key=key, UploadId=token)
        except ClientError as error:
            if _code(error) != "NoSuchUpload":
                raise

    async def _forget(self, incoming: Incoming) -> None:
        """Remove all tails, also those of writers whose row never heard of them."""
        tails = [one["Key"] async for one in self._keys(f"{INCOMING}/{incoming.upload_id}/")]
        await self._remove(tails)

    # --- objects

    async def put_files(self, files: Sequence[NewObject]) -> None:
        """Send files, a large one in parts."""
        for file in files:
            if (await asyncio.to_thread(file.path.stat)).st_size <= _ONE_REQUEST:
                await self.put_bytes(file.key, await asyncio.to_thread(file.path.read_bytes), file.content_type)
            else:
                await self._put_large(file)
        for file in files:
            await asyncio.to_thread(file.path.unlink)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """One request."""
        await self._guard()
        named = {"ContentType": content_type, "ContentMD5": _md5(data), "IfNoneMatch": "*"}
        try:
            await self.call("put_object", Key=checked_key(key), Body=data, **named)
        except ClientError as error:
            if _code(error) not in _TAKEN:
                raise
            await self._must_hold(key, lambda start, count: data[start : start + count], len(data))

    async def _put_large(self, file: NewObject) -> None:
        """As an upload of its own, which nobody resumes."""
        size, upload_id = (await asyncio.to_thread(file.path.stat)).st_size, uuid4()
        token = await self.begin(upload_id, file.key, content_type=file.content_type)
        incoming = Incoming(upload_id, file.key, size, token, fence=1)
        with await asyncio.to_thread(file.path.open, "rb") as source:

            def piece(start: int, count: int) -> bytes:
                source.seek(start)
                return source.read(count)

            try:
                async with self.receive(incoming) as sink:
                    for start in range(0, size, part_size_for(size)):
                        await sink.write(await asyncio.to_thread(piece, start, part_size_for(size)))
                        incoming = replace(incoming, parts=await sink.flush())
                await self.complete(incoming)
            except StorageConflict:
                await self._must_hold(file.key, piece, size)
            finally:
                await asyncio.shield(self.abort(incoming))

    async def _must_hold(self, key: str, piece: Callable[[int, int], bytes], size: int) -> None:
        """Raises StorageConflict unless the object has exactly this content."""
        found, at = await self.stat(key), 0
        same = found is not None and found.size == size
        if same:
            async for theirs in self.stream(key):
                same = same and theirs == await asyncio.to_thread(piece, at, len(theirs))
                at += len(theirs)
        if not same:
            raise StorageConflict(f"There is another object at {key} already.")

    async def stat(self, key: str) -> ObjectInfo | None:
        """Size and time."""
        try:
            found = await self.call("head_object", Key=checked_key(key))
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            return None
        return ObjectInfo(key, found["ContentLength"], found["LastModified"].astimezone(UTC))

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Pieces of at most 256 KiB."""
        async for piece in self._stream(checked_key(key), start, end):
            yield piece

    async def _stream(self, key: str, start: int, end: int | None) -> AsyncGenerator[bytes, None]:
        if end is not None and end <= start:
            return
        wanted = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        try:
            answer = await self.call("get_object", Key=key, **wanted)
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise object_missing() from error
            if _code(error) == "InvalidRange":  # begins at the end, or after it
                return
            raise
        with said_plainly():
            async with answer["Body"]:
                async for piece in answer["Body"].iter_chunks(_CHUNK):
                    yield piece

    @asynccontextmanager
    async def local_path(self, key: str) -> AsyncIterator[Path]:
        """A copy, with the name of the object's last segment.

        Below KILO_HOME and not in /tmp: that may be memory, and nobody sweeps it after a kill.
        """
        await asyncio.to_thread(self._scratch.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / key.rpartition("/")[2]
            with await asyncio.to_thread(path.open, "wb") as file:
                async for piece in self.stream(key):
                    await asyncio.to_thread(file.write, piece)
            yield path

    async def delete(self, keys: Sequence[str]) -> None:
        """A thousand with a request."""
        await self._guard()
        await self._remove([checked_key(key) for key in keys])

    async def _remove(self, keys: Sequence[str]) -> None:
        rest = iter(keys)
        while batch := [{"Key": key} for key in islice(rest, _DELETED)]:
            answer = await self.call("delete_objects", Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                raise _busy(errors[0].get("Code", "not deleted"))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """A thousand with a request."""
        async for one in self._keys(prefix):
            if is_key(one["Key"]):
                yield ObjectInfo(one["Key"], one["Size"], one["LastModified"].astimezone(UTC))

    async def _keys(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        async for page in self._pages("list_objects_v2", Prefix=prefix):
            for one in page.get("Contents", ()):
                yield one

    async def _pages(self, method: str, **named: Any) -> AsyncIterator[dict[str, Any]]:
        paginator = (await self._client(self._endpoint_url)).get_paginator(method)
        with said_plainly():
            async for page in paginator.paginate(Bucket=self._bucket, **named):
                yield page

    async def leftovers(self) -> AsyncIterator[Leftover]:
        """Multipart uploads (known by their tokens) and tails."""
        async for page in self._pages("list_multipart_uploads"):
            for one in page.get("Uploads", ()):
                yield Leftover(one["Key"], None, one["UploadId"], 0, one["Initiated"].astimezone(UTC))
        async for one in self._keys(f"{INCOMING}/"):
            upload_id = UUID(one["Key"].split("/")[1])
            yield Leftover(one["Key"], upload_id, "", one["Size"], one["LastModified"].astimezone(UTC))

    async def discard(self, leftovers: Sequence[Leftover]) -> None:
        """Abort uploads, remove tails."""
        tails = [one.name for one in leftovers if not one.token]
        if not all(name.startswith(f"{INCOMING}/") for name in tails):
            raise ValueError("not the name of a leftover")
        await self._guard()
        for one in leftovers:
            if one.token:
                await self._abort(one.name, one.token)
        await self._remove(tails)

    # --- signed addresses

    async def signed_get(
        self, key: str, *, expires_at: datetime, content_type: str, filename: str | None = None
    ) -> str:
        """An address of this installation, or a presigned one where browsers reach the service."""
        if self._public_url is None:
            return self._signer.get(key, expires_at, content_type, filename)
        answers = {
            "ResponseContentType": safe_type(content_type),
            "ResponseContentDisposition": content_disposition(content_type, filename),
        }
        return await self._presigned(self._public_url, "get_object", expires_at, Key=checked_key(key), **answers)

    async def signed_put(self, key: str, *, size: int, expires_at: datetime, content_type: str) -> SignedPut:
        """Likewise."""
        if self._public_url is None:
            return self._signer.put(key, size, expires_at, content_type)
        named = {"ContentType": content_type, "ContentLength": size, "IfNoneMatch": "*"}
        url = await self._presigned(self._public_url, "put_object", expires_at, Key=checked_key(key), **named)
        return SignedPut(url, {"Content-Type": content_type, "If-None-Match": "*"})

    async def _presigned(self, public_url: str, method: str, expires_at: datetime, **named: Any) -> str:
        seconds = max(1, int((expires_at - datetime.now(UTC)).total_seconds()))
        params = {"Bucket": self._bucket, **named}
        client = await self._client(public_url)
        return str(await client.generate_presigned_url(method, Params=params, ExpiresIn=seconds))
