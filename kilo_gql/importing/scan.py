"""What is on a card: the photos and sidecars below some paths, and what is passed over, with the reason."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from kilo_gql.errors import NotFound
from ml.formats import HEAD_BYTES, sniff

#: What is offered to the server by its name; other files are if they begin like a photo, or are named themselves.
EXTENSIONS: Final = frozenset(
    (
        *("jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "heic", "heif", "hif", "avif", "gif"),
        *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "orf", "rw2", "raw", "pef", "srw"),
        *("3fr", "fff", "iiq", "rwl", "dcr", "kdc", "mrw", "x3f", "erf", "mef", "mos", "gpr"),
        "xmp",
    )
)
_VIDEO: Final = frozenset(("mov", "mp4", "m4v", "avi", "mts", "m2ts", "mxf", "crm", "insv", "lrv"))
_CATALOG: Final = frozenset(
    ("lrcat", "lrcat-data", "lrprev", "lrdata", "cocatalog", "cos", "cot", "cop", "comask", "ctg", "thm", "db", "ini")
)
_CATALOG_FOLDERS: Final = ("@eadir", "system volume information", "$recycle.bin", "captureone")
_CATALOG_SUFFIXES: Final = (".lrdata", ".lrcat-data", ".cocatalog", ".photoslibrary", ".aplibrary")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why a file is passed over."""

    HIDDEN = "hidden"
    CATALOG = "part of a catalog or a thumbnail"
    VIDEO = "video"
    NO_PHOTO = "not a photo by its name or first bytes"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to import. ``size`` in bytes; ``changed`` is its time of change in nanoseconds."""

    path: Path
    size: int
    changed: int

    @property
    def written_at(self) -> str | None:
        """When it was last written, ISO 8601: the only time known of a photo that tells none itself."""
        try:
            return (_EPOCH + timedelta(microseconds=self.changed // 1000)).isoformat()
        except OverflowError:  # some disks can hold years that calendars do not
            return None

    def untouched(self) -> bool:
        """Whether the file is still what was found."""
        now = self.path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.changed)


@dataclass(slots=True)
class Scan:
    """The files of some paths, in the order of their names, and those passed over."""

    found: list[Found] = field(default_factory=list)
    skipped: list[tuple[Path, Reason]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files found."""
        return sum(each.size for each in self.found)


def scan(paths: Sequence[Path]) -> Scan:
    """Walk folders, without following links to folders, and take files that are named themselves as they are.

    Raises NotFound ``path_not_found``.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise NotFound(
            f"There is no file or folder {str(missing[0])!r}.",
            code="path_not_found",
            details={"path": str(missing[0])},
            remediation=["Check the path. Is the card in its reader?"],
        )
    seen: set[Path] = set()
    result = Scan()
    for path in paths:
        for file, reason in _walk(path) if path.is_dir() else [(path, None)]:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                _note(result, file, reason)
    return result


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(top: Path) -> Iterator[tuple[Path, Reason | None]]:
    unreadable: list[OSError] = []
    for where, folders, files in os.walk(top, onerror=unreadable.append):
        folder = Path(where)
        for name in sorted(folders):
            if (reason := _of_folder(name)) is not None:
                folders.remove(name)
                yield from ((below, reason) for below in sorted((folder / name).rglob("*")) if below.is_file())
        folders.sort()
        yield from ((folder / name, _of_file(folder / name)) for name in sorted(files))
    yield from ((Path(str(error.filename)), Reason.UNREADABLE) for error in unreadable)


def _of_folder(name: str) -> Reason | None:
    if name.startswith("."):
        return Reason.HIDDEN
    low = name.lower()
    return Reason.CATALOG if low in _CATALOG_FOLDERS or low.endswith(_CATALOG_SUFFIXES) else None


def _of_file(path: Path) -> Reason | None:
    if path.name.startswith("."):  # among them "._IMG_1.JPG", where macOS keeps what other file systems cannot
        return Reason.HIDDEN
    extension = path.suffix.lower().removeprefix(".")
    if extension in EXTENSIONS:
        return None
    if extension in _VIDEO:
        return Reason.VIDEO
    return Reason.CATALOG if extension in _CATALOG else _of_content(path)


def _of_content(path: Path) -> Reason | None:
    try:
        with path.open("rb") as file:
            return None if sniff(file.read(HEAD_BYTES), path.name) else Reason.NO_PHOTO
    except OSError:
        return Reason.UNREADABLE


def _note(result: Scan, path: Path, reason: Reason | None) -> None:
    if reason is None:
        try:
            status = path.stat()
            if os.access(path, os.R_OK):
                result.found.append(Found(path, status.st_size, status.st_mtime_ns))
                return
        except OSError:
            pass  # a link to nothing, or a card that was pulled out
        reason = Reason.UNREADABLE
    result.skipped.append((path, reason))
