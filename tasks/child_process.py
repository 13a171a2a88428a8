"""One life of an isolated child, seen from its parent: spawning, talking, killing, and finding out what it died of."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

import msgspec

from tasks.child_main import HEADER, Call, Done, Failed, FromChild, Progress, Ready, Setup

OnProgress = Callable[[float, str, str | None], None]

_START_S: Final = 60.0
_LAST_WORDS_S: Final = 0.5
KILL_S: Final = 2.0
_STDERR_MAX: Final = 4096
_STAGE_MAX, _MESSAGE_MAX = 64, 500
_SIGNALS: Final = {one.value: one.name for one in signal.Signals}
_PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
)
# RLIMIT_AS counts what a thread reserves, used or not: an arena of 64 MB for malloc, buffers of 32 MB for OpenBLAS
_THRIFTY: Final = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may use.

    ``memory_bytes`` of address space (Linux); ``cpu_s`` seconds of CPU and ``wall_s`` seconds of time for each call;
    ``calls`` until the process is replaced; ``max_result_bytes`` for one encoded result; ``nofile`` open descriptors;
    ``may_fork`` allows other programs, which the parent kills with the child unless they start a session of their own.
    """

    memory_bytes: int = 2 << 30
    cpu_s: float = 60.0
    wall_s: float = 120.0
    calls: int = 200
    max_result_bytes: int = 64 << 20
    nofile: int = 256
    may_fork: bool = False


class ChildError(Exception):
    """A call did not return. ``code`` is stable and for programs."""

    code: ClassVar[str]


class ChildCrashed(ChildError):
    """The process died or talked nonsense: ``signal`` ("SIGSEGV") or ``exit_code``, or neither if we had to kill it.

    ``stderr`` is the last 4 KB that it wrote there.
    """

    code = "crashed_decoder"

    def __init__(self, why: str, stderr: str, *, signal: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(f"{why}\n{stderr}".strip())
        self.signal = signal
        self.exit_code = exit_code
        self.stderr = stderr


class ChildTimeout(ChildError):
    """The call used up its ``seconds`` of "cpu" or "wall" time (``limit``)."""

    code = "timeout"

    def __init__(self, limit: str, seconds: float) -> None:
        super().__init__(f"The call used up its {seconds:g} s of {limit} time.")
        self.limit = limit
        self.seconds = seconds


class ChildOutOfMemory(ChildError):
    """MemoryError in the call, or a SIGKILL that was not ours: then, as a rule, the machine is short of memory."""

    code = "out_of_memory"


class ChildFailed(ChildError):
    """The function raised ``type`` (the name of its class), or its result cannot be sent. The process lives on."""

    code = "failed"

    def __init__(self, type: str, message: str, traceback: str) -> None:
        super().__init__(f"{type}: {message}")
        self.type = type
        self.message = message
        self.traceback = traceback


class ChildClosed(ChildError):
    """The pool was closed, perhaps in the middle of the call."""

    code = "closed"


class Lost(Exception):
    """The conversation broke off."""


class Process(asyncio.SubprocessProtocol):
    """One life of a child: its process, its socket and its last words."""

    def __init__(self, limits: ChildLimits) -> None:
        loop = asyncio.get_running_loop()
        self.limits = limits
        self.served = 0
        self.ready = Ready(isolated_network=False, forks_denied=False)
        self.exited: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._stderr = bytearray()
        self.pid = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._decoder = msgspec.msgpack.Decoder(FromChild)

    # --- what the loop tells us ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop's is none by inheritance
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-_STDERR_MAX]

    def process_exited(self) -> None:
        self.kill()
        self.exited.set_result(None)
        # a grandchild that got away may hold the other end of the socket open for ever
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self.hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)

    # --- its life ---

    async def start(self, preload: Sequence[str], env: Mapping[str, str]) -> None:
        """Spawn the process and wait until it is locked in. Raises ChildError; then no process is left."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
            try:
                await self._spawn(theirs.fileno(), env)
            except BaseException:
                await self.end()
                raise
        try:
            async with asyncio.timeout(_START_S):
                self.ready = await self._greet(preload)
        except (Lost, TimeoutError) as error:
            raise await self.autopsy(str(error) or "It did not start in time.") from None
        except BaseException:
            await self.end()
            raise

    async def _greet(self, preload: Sequence[str]) -> Ready:
        limits = {name: value for name, value in asdict(self.limits).items() if name in Setup.__struct_fields__}
        await self.send(encode(Setup(**limits, preload=tuple(preload))))
        answer = await self._receive()
        if isinstance(answer, Failed):
            raise failure(answer)
        if not isinstance(answer, Ready):
            raise Lost("It did not say that it was ready.")
        return answer

    async def _spawn(self, fd: int, env: Mapping[str, str]) -> None:
        # in this thread, which must outlive the child: to the kernel's death signal, the parent is a thread
        main = Path(__file__).with_name("child_main.py")
        await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            # -P: a script's folder (tasks/) is no place to import from
            *(sys.executable, "-P", str(main), str(fd), str(os.getpid())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(fd,),
            start_new_session=True,
            env=_environment(env),
        )

    def kill(self) -> None:
        """Kill the process and its group; it is reaped in the background."""
        # Already reaped, the leader's pid still names its group while that has members; a pid that names nobody comes
        # round again only after all others did, and this is called at once.
        if self.pid and not self.exited.done():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it and wait until it is gone (at most 2 s: the kernel may hold a process in a system call)."""
        self.kill()
        if self._transport is not None:
            await asyncio.wait({self._closed}, timeout=KILL_S)
        self.hang_up()

    def hang_up(self) -> None:
        """Let go of its socket and its standard error."""
        self._writer.transport.abort()
        if self._transport is not None:
            self._transport.close()

    async def autopsy(self, why: str) -> ChildError:
        """After the conversation broke off: give it a moment to die by itself, end it, and say what it died of."""
        try:
            await asyncio.wait({self._closed}, timeout=_LAST_WORDS_S)
        finally:
            code = self._transport.get_returncode() if self._transport else None
            self.kill()
        await self.end()
        stderr = self._stderr.decode("utf-8", "replace")
        if code is None:
            return ChildCrashed(why, stderr)
        if code >= 0:
            return ChildCrashed(f"It left with exit code {code}.", stderr, exit_code=code)
        if code == -signal.SIGXCPU:
            return ChildTimeout("cpu", self.limits.cpu_s)
        if code == -signal.SIGKILL:
            return ChildOutOfMemory("The system killed it: as a rule, for want of memory.")
        name = _SIGNALS.get(-code, f"signal {-code}")
        return ChildCrashed(f"It died of {name}.", stderr, signal=name)

    # --- talking ---

    async def exchange(self, call: Call, frame: bytes, on_progress: OnProgress | None) -> Done | Failed:
        """Send a call and pass its progress on until its outcome arrives. Raises Lost."""
        await self.send(frame)
        while True:
            answer = await self._receive()
            if isinstance(answer, Progress):
                if answer.number == call.number and on_progress is not None:
                    # max(0.0, nan) is 0.0
                    fraction = min(1.0, max(0.0, answer.fraction))
                    on_progress(fraction, answer.stage[:_STAGE_MAX], answer.message and answer.message[:_MESSAGE_MAX])
            elif isinstance(answer, Ready) or answer.number != call.number:
                raise Lost("It answered what it was not asked.")
            else:
                return answer

    async def send(self, frame: bytes) -> None:
        try:
            self._writer.write(frame)
            await self._writer.drain()
        except (ConnectionError, RuntimeError):  # uvloop: RuntimeError
            raise Lost("It closed its socket.") from None

    async def _receive(self) -> FromChild:
        try:
            size = int.from_bytes(await self._reader.readexactly(HEADER), "big")
            if size > self.limits.max_result_bytes:
                raise Lost(f"It announced a frame of {size:,} bytes.")
            answer: FromChild = self._decoder.decode(await self._reader.readexactly(size))
            return answer
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Lost("It closed its socket.") from None
        except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError):
            raise Lost("It sent a frame that makes no sense.") from None


def encode(message: Setup | Call) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(HEADER, "big") + body


def failure(answer: Failed) -> ChildError:
    if answer.kind == "MemoryError":
        return ChildOutOfMemory("The call ran out of the memory it is allowed.")
    return ChildFailed(answer.kind, answer.message, answer.traceback)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A child has no use for our secrets: it gets the names it needs, and our import path."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = [str(Path(folder).absolute()) for folder in sys.path]
    return {**_THRIFTY, **kept, "PYTHONPATH": os.pathsep.join(path), **extra}
