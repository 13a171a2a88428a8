"""In which order a file reaches the disk, as the kernel saw it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]

_SCRIPT = """
import asyncio, os, sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from kilo_gql.config import Settings
from kilo_gql.storage import Incoming, NewObject, open_store

async def main(home):
    store = await open_store(Settings(home=home), create=True)
    os.write(1, b"--- receive")
    one = Incoming(UUID(int=1), "p/a/1.jpg", 3_000_000, "", 1)
    async with store.receive(one) as sink:
        await sink.write(bytes(2_000_000))
        await sink.flush()
        await sink.write(bytes(1_000_000))
        one = replace(one, parts=await sink.flush())
    os.write(1, b"--- complete")
    await store.complete(one)
    os.write(1, b"--- put_files")
    for name in ("x", "y"):
        (home / name).write_bytes(b"1")
    await store.put_files([NewObject(f"p/a/{name}.jpg", home / name, "image/jpeg") for name in ("x", "y")])
    os.write(1, b"--- end")
    await store.aclose()

asyncio.run(main(Path(sys.argv[1])))
"""

_CALLS = "write,pwrite64,fsync,fdatasync,link,linkat,unlinkat,unlink"
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (\d+)", re.MULTILINE)


def trace(home: Path) -> dict[str, list[str]]:
    """The calls between two marks, as ``fsync <path>`` and so on. Paths are from ``home``."""
    log = home / "trace"
    subprocess.run(
        ["strace", "-f", "-y", "-s", "200", "-o", log, "-e", f"trace={_CALLS}", sys.executable, "-c", _SCRIPT, home],
        check=True, capture_output=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    mark = ""
    for name, arguments, _ in _CALL.findall(log.read_text()):
        if name == "write" and (said := re.search(r'"--- (\w+)"', arguments)):
            mark = said[1]
        elif name != "write" and str(home) in arguments and mark:
            paths = re.findall(r'[<"]([^<>"\\]+)[>"]', re.sub("AT_FDCWD<[^>]*>", "", arguments))
            found.setdefault(mark, []).append(" ".join([name, *(path.removeprefix(f"{home}/") for path in paths)]))
    return found


def test_data_then_name_then_directory(tmp_path: Path) -> None:
    incoming = "objects/incoming/00000000-0000-0000-0000-000000000001.1"
    found = trace(tmp_path)
    assert found["receive"] == [
        "fsync objects",
        f"pwrite64 {incoming}",
        f"fdatasync {incoming}",
        "fsync objects/incoming",
        f"pwrite64 {incoming}",
        f"fdatasync {incoming}",
    ]
    assert found["complete"] == [
        f"fsync {incoming}",
        "fsync objects",
        "fsync objects/p",
        f"linkat {incoming} objects/p/a 1.jpg",
        "fsync objects/p/a",
        "unlinkat objects/incoming 00000000-0000-0000-0000-000000000001.1",
    ]
    assert found["put_files"] == [
        "fsync x",
        "fsync y",
        "linkat x objects/p/a x.jpg",
        "linkat y objects/p/a y.jpg",
        "fsync objects/p/a",
        "unlink x",
        "unlink y",
    ]
