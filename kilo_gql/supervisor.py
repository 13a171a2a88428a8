"""A parent process that keeps others running: what dies is started again, and nobody outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from kilo_gql import logs
from kilo_gql.config import Settings
from kilo_gql.errors import BadRequest

#: The environment variable that names a descriptor which a child reads: its end means that the supervisor died.
LIFELINE: Final = "KILO_LIFELINE"
#: Seconds between a death and the next start: the first, and the most. A process that lived longer than the latter
#: starts again at the first.
_BACKOFF: Final = (0.2, 10.0)
#: Seconds that processes have to end before they are killed.
_PATIENCE: Final = 30.0

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A process to keep running. ``env`` is added to this process's environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    #: Start it only when this is set (None: at once).
    after: asyncio.Event | None = None


class Supervisor:
    """Runs services until it is told to stop (``stop``, SIGTERM or SIGINT). One death does not touch the others."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.services = services
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all services gently."""
        self._stopping.set()

    async def run(self) -> None:
        """Start everything and keep it running; returns when all have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        # Nobody writes: the system closes the other end when this process dies, however it dies.
        reader, writer = os.pipe()
        try:
            async with asyncio.TaskGroup() as group:
                for service in self.services:
                    group.create_task(self._keep(service, reader))
        finally:
            os.close(reader)
            os.close(writer)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _keep(self, service: Service, lifeline: int) -> None:
        delay = _BACKOFF[0]
        if service.after is not None:
            await self._either(service.after)
        while not self._stopping.is_set():
            started = time.monotonic()
            await self._live(service, lifeline)
            if time.monotonic() - started > _BACKOFF[1]:
                delay = _BACKOFF[0]
            await self._wait(delay)
            delay = min(delay * 2, _BACKOFF[1])

    async def _live(self, service: Service, lifeline: int) -> None:
        """One life of a service."""
        process = await asyncio.create_subprocess_exec(
            *service.argv,
            env={**os.environ, **service.env, LIFELINE: str(lifeline)},
            pass_fds=(lifeline,),
            start_new_session=True,  # ^C in a terminal is ours to pass on, once and gently
        )
        self.processes[service.name] = process
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await _end(process, ended)
            elif not self._stopping.is_set():
                _log.warning("a process died", name=service.name, exit_code=process.returncode)
        finally:
            stopping.cancel()
            del self.processes[service.name]

    async def _either(self, event: asyncio.Event) -> None:
        """Wait for an event, or for the end."""
        waiting = [asyncio.create_task(each.wait()) for each in (event, self._stopping)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def on_supervisor_death(end: Callable[[], None]) -> None:
    """Call ``end`` in the running event loop when the supervisor of this process dies; nothing, if it has none."""
    if (lifeline := os.environ.pop(LIFELINE, None)) is None:
        return
    loop, reader = asyncio.get_running_loop(), int(lifeline)

    def died() -> None:
        loop.remove_reader(reader)
        end()

    loop.add_reader(reader, died)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    process.terminate()
    await asyncio.wait((ended,), timeout=_PATIENCE)
    if not ended.done():
        process.kill()
        await ended


def worker_services(processes: int, queues: Sequence[str] = ()) -> list[Service]:
    """So many worker processes for these queues (none named: for all)."""
    argv = (sys.executable, "-m", "kilo_gql.worker", *queues)
    return [Service(f"worker-{number}", argv) for number in range(1, processes + 1)]


def parse_queues(names: str) -> list[str]:
    """``io,cpu`` as names of queues. Raises BadRequest for an unknown one."""
    from kilo_gql.models import Queue  # the other users of this module start without the models

    try:
        return [Queue(name.strip()).value for name in names.split(",")]
    except ValueError as error:
        raise BadRequest(f"{error}. The queues are {', '.join(Queue)}.", code="unknown_queue") from error


def run_workers(settings: Settings, queues: str, processes: int | None = None) -> int:
    """``kilo worker``: worker processes until told to stop; returns the exit status."""
    logs.configure(settings.log_format)
    services = worker_services(processes or settings.worker_processes, parse_queues(queues))

    async def run() -> None:
        await Supervisor(services).run()

    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(run_workers(Settings(), ",".join(sys.argv[1:]) or "io,cpu,gpu"))
