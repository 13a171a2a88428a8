"""A folder whose changes last: files and their names are on the disk when a call returns, and no link is followed.

Blocking; every path is walked from the root with ``openat`` and O_NOFOLLOW, so that neither a symbolic link nor a
folder that is exchanged meanwhile leads out of it. Linux only (``fdatasync``, ``copy_file_range``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kilo_gql.storage import SEGMENT, StorageConflict, storage_full, unreachable

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_BROKEN: Final = frozenset({errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EACCES})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

#: How often a walk begins again because somebody removed an emptied folder under its feet.
_WALKS: Final = 5
_PIECE: Final = 1 << 20
_REMEMBERED: Final = 10_000


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns what the system says into InsufficientStorage or Unavailable; what is neither goes on as it is."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full() from error
        if error.errno in _BROKEN:
            raise unreachable(error.strerror or str(error)) from error
        raise


class OpenFile:
    """A file descriptor that is closed at the latest when the last one who uses it, in whatever thread, lets go."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it now: an error on its way may keep everything alive that it passed. Again is fine."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def read(self, start: int, count: int) -> bytes:
        """At most ``count`` bytes from ``start`` on; empty at the end."""
        with said_plainly():
            return os.pread(self.fd, count, start)

    def write(self, data: bytes | bytearray, start: int) -> Iterator[int]:
        """Write all of ``data`` from ``start`` on; yields where each piece ends: a full disk takes some and no more."""
        rest = memoryview(data)
        with said_plainly():
            while rest:
                written = os.pwrite(self.fd, rest, start)
                rest, start = rest[written:], start + written
                yield start

    def copy_start(self, source: OpenFile, count: int) -> None:
        """Take over the first ``count`` bytes of another file, without passing them through this process.

        Raises EOFError if it has fewer.
        """
        at = 0
        with said_plainly():
            while at < count:
                copied = os.copy_file_range(source.fd, self.fd, count - at, at, at)
                if copied == 0:
                    raise EOFError(f"the file ends after {at} of {count} bytes")
                at += copied

    def settle(self) -> None:
        """Bytes and mode 0444 are on the disk."""
        with said_plainly():
            os.fchmod(self.fd, 0o444)
            os.fsync(self.fd)

    def pieces(self) -> Iterator[bytes]:
        """All of it, a megabyte at a time."""
        start = 0
        while piece := self.read(start, _PIECE):
            yield piece
            start += len(piece)

    @property
    def info(self) -> os.stat_result:
        """Size, times and kind."""
        return os.fstat(self.fd)


def opened(path: Path) -> OpenFile:
    """A regular file outside of the folder, to read. Raises OSError; ValueError if it is something else."""
    file = OpenFile(os.open(path, _READ))
    if not stat.S_ISREG(file.info.st_mode):
        raise ValueError(f"{path} is not a regular file")
    return file


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the folder: its path from the root, and what ``stat`` says."""

    path: str
    info: os.stat_result


class Folder:
    """Paths are given from the root, with slashes; the caller has checked that they hold no dots."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lasting: set[tuple[int, int]] = set()

    @contextmanager
    def directory(self, path: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of a directory. ``make``: it is created if need be, and its name lasts."""
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in filter(None, path.split("/")):
                below = self._enter(fd, name, make=make)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _enter(self, fd: int, name: str, *, make: bool) -> int:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=fd)
        below = os.open(name, _DIRECTORY, dir_fd=fd)
        if make:
            found = os.fstat(below)
            if (found.st_dev, found.st_ino) not in self._lasting:
                # also a directory that somebody else has made just now: perhaps its name is not on the disk yet
                os.fsync(fd)
                if len(self._lasting) >= _REMEMBERED:
                    self._lasting.clear()
                self._lasting.add((found.st_dev, found.st_ino))
        return below

    def open(self, path: str) -> OpenFile | None:
        """A regular file to read; None: there is none."""
        parent, _, name = path.rpartition("/")
        try:
            with said_plainly(), self.directory(parent) as fd:
                found = OpenFile(os.open(name, _READ, dir_fd=fd))
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return found if stat.S_ISREG(found.info.st_mode) else None

    def draft(self, path: str) -> OpenFile:
        """A file to write, created if need be."""
        parent, _, name = path.rpartition("/")
        with said_plainly(), self.directory(parent, make=True) as fd:
            return OpenFile(os.open(name, _CREATE, 0o600, dir_fd=fd))

    def keep_names(self, parent: str) -> None:
        """The names in a directory last from now on."""
        with said_plainly(), self.directory(parent) as fd:
            os.fsync(fd)

    def publish(self, pairs: Sequence[tuple[Path, str]]) -> None:
        """Give finished files (whose bytes are on the disk) their final names, which last when this returns.

        They stay under their old names too. A name that is taken is fine if the content is the same. Raises
        StorageConflict, or OSError with EXDEV if a file is on another disk.
        """
        parents = set()
        for source, path in pairs:
            self._link(source, path)
            parents.add(path.rpartition("/")[0])
        for parent in parents:
            self.keep_names(parent)

    def _link(self, source: Path, path: str) -> None:
        parent, _, name = path.rpartition("/")
        for walk in range(_WALKS):
            try:
                with said_plainly(), self.directory(parent, make=True) as fd:
                    os.link(source, name, dst_dir_fd=fd, follow_symlinks=False)
                return
            except FileExistsError:
                if not self._same(source, path):
                    raise StorageConflict(f"There is another file at {path} already.") from None
                return
            except FileNotFoundError:
                if walk == _WALKS - 1 or not source.exists():
                    raise

    def _same(self, source: Path, path: str) -> bool:
        mine, theirs = opened(source), self.open(path)
        if theirs is None:
            return False
        one, two = mine.info, theirs.info
        if (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino):
            return True
        return one.st_size == two.st_size and all(a == b for a, b in zip(mine.pieces(), theirs.pieces(), strict=True))

    def drop(self, paths: Sequence[str]) -> None:
        """Remove drafts; what is not there is fine. They may be back after a crash of the machine."""
        for path in paths:
            parent, _, name = path.rpartition("/")
            with said_plainly(), _absent_is_fine(), self.directory(parent) as fd:
                os.unlink(name, dir_fd=fd)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files for good, and the directories that are empty then; what is not there is fine."""
        self.drop(paths)
        left = {self._prune(path.rpartition("/")[0]) for path in paths}
        for parent in left:
            with _absent_is_fine():
                self.keep_names(parent)

    def _prune(self, directory: str) -> str:
        """Remove a directory and those above as far as they are empty; returns the one that stays."""
        while directory:
            parent, _, name = directory.rpartition("/")
            try:
                with _absent_is_fine(), self.directory(parent) as fd:
                    os.rmdir(name, dir_fd=fd)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return directory
                raise
            directory = parent
        return directory

    def walk(self, prefix: str) -> Iterator[Entry]:
        """The regular files with paths of ours that begin with ``prefix``, in the order of their paths."""
        yield from self._walk(prefix.rpartition("/")[0], prefix)

    def _walk(self, directory: str, prefix: str) -> Iterator[Entry]:
        found: list[tuple[str, os.stat_result]] = []
        with _absent_is_fine(), self.directory(directory) as fd, os.scandir(fd) as entries:
            for entry in entries:
                if not SEGMENT.fullmatch(entry.name):
                    continue  # the marker, lost+found, what a file manager left: none of it is ours to list
                path = f"{directory}/{entry.name}" if directory else entry.name
                info = entry.stat(follow_symlinks=False)
                # a slash at the end of directories: that is how their files sort
                path += "/" if stat.S_ISDIR(info.st_mode) else ""
                if path.startswith(prefix) or (path.endswith("/") and prefix.startswith(path)):
                    found.append((path, info))
        for path, info in sorted(found, key=lambda one: one[0]):
            if stat.S_ISDIR(info.st_mode):
                yield from self._walk(path[:-1], prefix)
            elif stat.S_ISREG(info.st_mode):
                yield Entry(path, info)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
