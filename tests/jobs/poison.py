"""What strangers' files do to a decoder, as functions for the isolated child."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def echo(**values: Any) -> dict[str, Any]:
    return values


def pid() -> int:
    return os.getpid()


def loaded(module: str) -> bool:
    return module in sys.modules


def descriptors() -> list[str]:
    """What the child holds open, by kind: "socket", "pipe", or a path."""
    links = []
    for entry in sorted(Path("/proc/self/fd").iterdir(), key=lambda entry: int(entry.name)):
        try:
            links.append(str(entry.readlink()).partition(":")[0])
        except FileNotFoundError:  # the folder itself, closed by now
            continue
    return links


def oom_score() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())


def secret(name: str) -> str | None:
    return os.environ.get(name)


def chatter(count: int, report: Callable[..., None]) -> int:
    """Many reports at once."""
    for number in range(1, count + 1):
        report(number / count, "talking", f"{number}")
    return count


def report_once(fraction: float, size: int, report: Callable[..., None]) -> None:
    report(fraction, "s" * size, "m" * size)


def echo_one(value: Any) -> Any:
    return value


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def loop_in_python() -> None:
    while True:
        pass


def loop_in_c() -> None:
    """One call that never returns and never lets go of the interpreter lock."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def loop_in_c_without_lock() -> None:
    """One call that takes hours, and lets other threads run."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def burn(seconds: float) -> int:
    """So many seconds of CPU; answers the process id."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()


def announce(path: str, then: str) -> None:
    """Write our process id to ``path`` and go on with another function of this module."""
    _write(path, os.getpid())
    globals()[then]()


def allocate(size: int) -> int:
    return len(bytearray(size))


def fork_bomb(most: int) -> None:
    """Each process forks and its children go on forking: 2 ** ``most`` in the end."""
    for _ in range(most):
        os.fork()
    time.sleep(600)


def spawn_and_sleep(count: int, path: str) -> None:
    """Start ``count`` grandchildren, write their pids to ``path`` and wait."""
    started = [subprocess.Popen(["/bin/sleep", "600"]) for _ in range(count)]
    _write(path, *(one.pid for one in started))
    time.sleep(600)


def spawn_and_die(path: str) -> None:
    started = subprocess.Popen(["/bin/sleep", "600"], close_fds=False)
    _write(path, started.pid)
    segfault()


def _write(path: str, *numbers: int) -> None:
    """All at once: a reader sees nothing or everything."""
    draft = Path(f"{path}.draft")
    draft.write_text(" ".join(map(str, numbers)))
    draft.rename(path)


def thread_and_return() -> int:
    found: list[int] = []
    threads = [threading.Thread(target=found.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found)


def recurse() -> None:
    recurse()


def recurse_in_c() -> None:
    """Past the end of the stack: nested calls in C, with the guard taken away."""
    sys.setrecursionlimit(10**9)
    nested: Any = int
    for _ in range(200_000):
        nested = [nested]
    repr(nested)


def giant_result(size: int) -> bytes:
    return bytes(size)


def not_sendable() -> object:
    return object()


def lone_surrogate() -> None:
    raise ValueError("bad name \udcff")


def shout_on_stderr(size: int) -> int:
    os.write(2, b"x" * size + b"the last words\n")
    return size


def shout_and_abort(size: int) -> None:
    shout_on_stderr(size)
    os.abort()


def write_on_wire(data: bytes) -> None:
    """Garbage where the parent listens; then wait for what it makes of that."""
    os.write(_wire(), data)
    time.sleep(600)


def _wire() -> int:
    return next(fd for fd in range(3, 256) if _is_socket(fd))


def _is_socket(fd: int) -> bool:
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("socket:")
    except OSError:
        return False


def shut_wire() -> None:
    """End the conversation and live on."""
    socket.socket(fileno=os.dup(_wire())).shutdown(socket.SHUT_RDWR)
    time.sleep(600)


def raise_value_error(message: str) -> None:
    raise ValueError(message)


def leave(code: int) -> None:
    os._exit(code)


def system_exit() -> None:
    sys.exit(3)


def close_descriptors() -> None:
    os.closerange(3, 256)


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)


def kill_self(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(600)


def open_socket(family: int) -> None:
    socket.socket(family)
