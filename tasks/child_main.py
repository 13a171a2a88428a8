"""The inside of the isolated child: it locks itself in, then runs one function after another for its parent.

Started by ``tasks.child`` as a script (so that nothing else of ours is imported), with the number of a socket and the
parent's process id. Frames on the socket are a 4-byte big-endian length and that many bytes of MessagePack. The parent
never unpickles what comes from here: a stranger's file may have taken this process over.
"""

from __future__ import annotations

import ctypes
import faulthandler
import functools
import importlib
import inspect
import math
import os
import platform
import queue
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec

HEADER: Final = 4
#: Exit status of a child that lost its parent or its socket, as `EX_IOERR` in sysexits.h.
LOST_PARENT: Final = 74
_REPORT_EVERY_S: Final = 0.1
_MESSAGE_MAX, _TRACE_MAX = 2_000, 8_000


class Setup(msgspec.Struct, frozen=True):
    """The first frame: how tightly to lock the child in, and what to import at once."""

    memory_bytes: int
    nofile: int
    may_fork: bool
    max_result_bytes: int
    preload: tuple[str, ...]


class Call(msgspec.Struct, frozen=True):
    """Run ``function`` ("package.module:name") with at most ``cpu_s`` seconds of CPU."""

    number: int
    function: str
    arguments: dict[str, Any]
    cpu_s: float


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The child is locked in and has imported what it was told to."""

    isolated_network: bool
    forks_denied: bool


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far call ``number`` has come: 0 to 1."""

    number: int
    fraction: float
    stage: str
    message: str | None


class Done(msgspec.Struct, frozen=True, tag=True):
    """Call ``number`` returned ``value``."""

    number: int
    value: Any


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Call ``number`` raised an exception of class ``kind``; 0 is the start itself."""

    number: int
    kind: str
    message: str
    traceback: str


FromChild = Ready | Progress | Done | Failed


class ResultTooLarge(Exception):
    """The result does not fit a frame."""


class Wire:
    """Frames out, for any thread."""

    def __init__(self, sock: socket.socket, max_frame: float = math.inf) -> None:
        self.sock = sock
        self.max_frame = max_frame
        self._encoder = msgspec.msgpack.Encoder()
        self._turn = threading.Lock()

    def frame(self, message: FromChild) -> bytearray:
        """One frame. Raises ResultTooLarge, or TypeError and ValueError for what MessagePack cannot say."""
        frame = bytearray(HEADER)
        self._encoder.encode_into(message, frame, HEADER)
        if len(frame) - HEADER > self.max_frame:
            raise ResultTooLarge(f"The result has {len(frame) - HEADER:,} bytes, {self.max_frame:,} are allowed.")
        frame[:HEADER] = (len(frame) - HEADER).to_bytes(HEADER, "big")
        return frame

    def send(self, frame: bytearray) -> None:
        with self._turn:
            self.sock.sendall(frame)

    def receive(self) -> bytes:
        """The body of the next frame. Raises EOFError when the parent is gone."""
        return self._read(int.from_bytes(self._read(HEADER), "big"))

    def _read(self, size: int) -> bytes:
        body = bytearray(size)
        view = memoryview(body)
        while view:
            got = self.sock.recv_into(view)
            if not got:
                raise EOFError
            view = view[got:]
        return bytes(body)


class Report:
    """What a function calls to say how far it is. At most ten a second are sent, and always the last one."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire = wire
        self._number = number
        self._sent_at = -math.inf
        self._unsent: Progress | None = None

    def __call__(self, fraction: float, stage: str = "", message: str | None = None) -> None:
        self._unsent = Progress(self._number, float(fraction), stage, message)
        if time.monotonic() - self._sent_at >= _REPORT_EVERY_S:
            self.flush()

    def flush(self) -> None:
        if self._unsent is not None:
            self._wire.send(self._wire.frame(self._unsent))
            self._sent_at, self._unsent = time.monotonic(), None


# --- running ---------------------------------------------------------------------------------------------------------


@functools.cache
def _resolve(function: str) -> tuple[Callable[..., Any], bool]:
    """The function named "package.module:name", and whether it wants to report."""
    module, _, name = function.partition(":")
    found = attrgetter(name)(importlib.import_module(module))
    return found, "report" in inspect.signature(found).parameters


def _run(wire: Wire, call: Call) -> bytearray:
    report = Report(wire, call.number)
    try:
        function, reports = _resolve(call.function)
        value = function(**call.arguments, report=report) if reports else function(**call.arguments)
        report.flush()
        return wire.frame(Done(call.number, value))
    except BaseException as error:  # also SystemExit: a function does not end the child by accident
        return wire.frame(_failure(call.number, error))


def _failure(number: int, error: BaseException) -> Failed:
    try:
        message, trace = str(error), "".join(traceback.format_exception(error))
    except Exception:
        message, trace = "", ""
    return Failed(number, type(error).__name__, _plain(message[:_MESSAGE_MAX]), _plain(trace[-_TRACE_MAX:]))


def _plain(text: str) -> str:
    # file names carry lone surrogates, which MessagePack refuses
    return text.encode("utf-8", "replace").decode()


def _limit_cpu(seconds: float) -> None:
    """Let the process use so many more seconds of CPU; the kernel counts whole ones."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds), hard))


def _listen(wire: Wire, calls: queue.SimpleQueue[Call]) -> None:
    """Read calls until the parent closes the socket or dies; then end at once, whatever is being computed."""
    decoder = msgspec.msgpack.Decoder(Call)
    try:
        while True:
            calls.put(decoder.decode(wire.receive()))
    finally:
        os._exit(LOST_PARENT)


def main(fd: int, parent: int) -> None:
    """Lock in, say so, and serve until the parent goes away."""
    wire = Wire(socket.socket(fileno=fd))
    setup = msgspec.msgpack.decode(wire.receive(), type=Setup)
    wire.max_frame = setup.max_result_bytes
    faulthandler.enable()
    faulthandler.register(signal.SIGXCPU, chain=True)
    ready = _lock_in(setup, parent)
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wire, calls), daemon=True).start()
    try:
        for module in setup.preload:
            importlib.import_module(module)
    except BaseException as error:
        wire.send(wire.frame(_failure(0, error)))
        return
    wire.send(wire.frame(ready))
    while True:
        call = calls.get()
        _limit_cpu(call.cpu_s)
        wire.send(_run(wire, call))


# --- locking in ------------------------------------------------------------------------------------------------------

_LINUX: Final = sys.platform == "linux"
# linux/prctl.h, linux/sched.h, linux/seccomp.h, linux/bpf_common.h, asm/unistd.h
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CLONE_THREAD, _CLONE_NEWUSER, _CLONE_NEWNET = 0x10000, 0x10000000, 0x40000000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
_X32 = 0x40000000
#: machine -> audit architecture, its system calls for clone, for fork and vfork, and for sockets
_SYSCALLS: Final[dict[str, tuple[int, int, tuple[int, ...], tuple[int, ...]]]] = {
    "x86_64": (0xC000003E, 56, (57, 58), (41,)),
    "aarch64": (0xC00000B7, 220, (), (198,)),
}
_CLONE3, _IO_URING_SETUP = 435, 425
_Instruction = tuple[int, int, int, int]


def _lock_in(setup: Setup, parent: int) -> Ready:
    _limit(resource.RLIMIT_AS, setup.memory_bytes)
    _limit(resource.RLIMIT_NOFILE, setup.nofile)
    _limit(resource.RLIMIT_CORE, 0)
    if not _LINUX:
        return Ready(isolated_network=False, forks_denied=False)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    libc = ctypes.CDLL(None)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    filtered = _filter_syscalls(libc, setup.may_fork)
    ready = Ready(filtered or _leave_network(libc), filtered and not setup.may_fork)
    # last, because the kernel forgets this wish when credentials change; then see whether it came too late
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(LOST_PARENT)
    return ready


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(kind, (value, value))


def _filter_syscalls(libc: ctypes.CDLL, may_fork: bool) -> bool:
    """Refuse new sockets and, unless ``may_fork``, new processes (threads are fine): a seccomp filter.

    RLIMIT_NPROC would not do: it does not bind root, and counts all processes of the user. False where there is no
    seccomp for us.
    """
    if platform.machine() not in _SYSCALLS:
        return False
    program = b"".join(struct.pack("=HBBI", *line) for line in _program(platform.machine(), may_fork))
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, 2, ctypes.addressof(header), 0, 0) == 0)


def _program(machine: str, may_fork: bool) -> Iterator[_Instruction]:
    """Classic BPF: (code, jump if true, jump if false, operand)."""
    architecture, clone, forks, sockets = _SYSCALLS[machine]
    yield from ((_LOAD, 0, 0, _ARCH_AT), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL))
    yield _LOAD, 0, 0, _NUMBER_AT
    if machine == "x86_64":
        yield from ((_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _EPERM))
    for number in (*sockets, _IO_URING_SETUP, *(() if may_fork else forks)):
        yield from ((_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM))
    if not may_fork:
        # clone3 hides its flags behind a pointer; told that it does not exist, the C library falls back to clone
        yield from ((_IF_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ENOSYS))
        yield from ((_IF_EQUAL, 0, 3, clone), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT))
        yield from ((_IF_BITS, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _EPERM))
    yield _RETURN, 0, 0, _ALLOW


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Move to a network namespace without interfaces; False where the kernel or the container forbids it."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    with suppress(OSError):  # without the maps the child only sees itself as nobody
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except (OSError, EOFError):
        os._exit(LOST_PARENT)
