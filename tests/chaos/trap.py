"""Files that kill whoever decodes them: a trap on each, sprung when a child opens it.

No decoder of ours is known to die of a file, so the death comes from outside, by the signal that such a bug would
bring. To the worker there is no difference: its child opened a photo and is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_IN_OPEN: Final = 0x20
_EVENT: Final = struct.Struct("iIII")


class Trap:
    """Watches ``files`` and sends each one's signal to those of ``suspects()`` (pids) that have it open.

    Linux only (inotify). ``sprung`` counts by signal name.
    """

    def __init__(self, files: Mapping[Path, signal.Signals], suspects: Callable[[], list[int]]) -> None:
        self._files, self._suspects = files, suspects
        self._watched: dict[int, Path] = {}
        self._fd = -1
        self._known: set[int] = set()
        self._dying: set[int] = set()
        self.sprung: Counter[str] = Counter()

    def __enter__(self) -> Self:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._known = set(self._suspects())
        for path in self._files:
            watch = libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_OPEN)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._watched[watch] = path
        asyncio.get_running_loop().add_reader(self._fd, self._opened)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    def _opened(self) -> None:
        events, at = os.read(self._fd, 1 << 16), 0
        paths: set[Path] = set()
        while at < len(events):
            watch, _, _, length = _EVENT.unpack_from(events, at)
            at += _EVENT.size + length
            paths.add(self._watched[watch])
        # those known from the last time first: looking for new ones takes as long as a quick decoder
        self._spring(paths, self._known)
        self._known = set(self._suspects())
        self._spring(paths, self._known)

    def _spring(self, paths: set[Path], pids: set[int]) -> None:
        for pid in pids - self._dying:
            for path in paths & set(_open_files(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, self._files[path])
                    self._dying.add(pid)
                    self.sprung[self._files[path].name] += 1


def _open_files(pid: int) -> Iterator[Path]:
    """What a process has open or mapped; nothing of one that is gone."""
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield link.readlink()
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if len(fields := line.split(maxsplit=5)) == 6:
                yield Path(fields[5])
