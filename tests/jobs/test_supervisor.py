"""The parent process: starts again what dies, ends all at the end, and passes on nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kilo_gql.errors import BadRequest
from kilo_gql.models import Queue
from kilo_gql.supervisor import Service, Supervisor, parse_queues
from tests.support.processes import alive
from tests.support.wait import until

SLEEPER = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"
NOTES_ITS_END = (
    "import os, pathlib, signal, sys, time\n"
    "def end(*_): pathlib.Path(sys.argv[1]).write_text('ended'); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); time.sleep(60)"
)


def python(name: str, code: str, *arguments: str) -> Service:
    return Service(name, (sys.executable, "-c", code, *arguments), {"KILO_NAME": name})


@asynccontextmanager
async def supervised(*services: Service) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(services)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: len(supervisor.processes) == len(services))
    try:
        yield supervisor
    finally:
        supervisor.stop()
        async with asyncio.timeout(10):
            await running


async def test_one_death_is_repaired_and_touches_nobody_else() -> None:
    async with supervised(python("a", SLEEPER), python("b", SLEEPER)) as supervisor:
        first, other = supervisor.processes["a"].pid, supervisor.processes["b"].pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: "a" in supervisor.processes and supervisor.processes["a"].pid != first)
        assert supervisor.processes["b"].pid == other
        pids = [process.pid for process in supervisor.processes.values()]
        assert all(alive(pid) for pid in pids)
    assert not any(alive(pid) for pid in pids)
    assert supervisor.processes == {}


async def test_the_end_is_gentle(tmp_path: Path) -> None:
    note = tmp_path / "note"
    async with supervised(python("a", NOTES_ITS_END, str(note))):
        await asyncio.sleep(0.3)
    assert note.read_text() == "ended"


async def test_sigterm_to_the_supervisor_ends_all() -> None:
    supervisor = Supervisor([python("a", SLEEPER)])
    running = asyncio.create_task(supervisor.run())
    await until(lambda: len(supervisor.processes) == 1)
    await asyncio.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await running
    assert supervisor.processes == {}


async def test_what_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys, pathlib; open(sys.argv[1], 'a').write('x')"
    async with supervised(python("a", code, str(log))):
        await asyncio.sleep(2.0)
    # 0.2, 0.4, 0.8 s apart: without the growing pause there would be a dozen
    assert 2 <= len(log.read_text()) <= 4


def test_queues_are_named() -> None:
    assert parse_queues("io, cpu") == [Queue.IO, Queue.CPU]
    with pytest.raises(BadRequest) as refused:
        parse_queues("io,cpus")
    assert refused.value.code == "unknown_queue"
