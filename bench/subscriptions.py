"""How fast events reach many subscribers of one API process: ``python -m bench.subscriptions``.

For each load (subscribers x events a second, 10 s) the events go once through the product (websocket, fan-out, hub, a
real PostgreSQL underneath) and once through a floor: a bare uvloop broadcaster that writes one ready frame to every
connection. One server process, one client process. Latency runs from the moment before an event is published (with
``--through outbox``: before its transaction begins) to the moment a client has read it. Ends with 1 if something was
not delivered or a p99 goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import os
import sys
import tempfile
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import orjson
import uvloop

from bench.broadcast import PROJECT, SECONDS
from kilo_gql import embedded, migrate

#: Subscribers, events a second, and the goal: p99 in milliseconds.
LOADS: Final = ((500, 20, 50.0), (500, 50, 60.0), (2_000, 20, 300.0))
_QUERY: Final = """subscription Follow($project: UUID!, $after: String) {
  projectEvents(projectId: $project, after: $after) {
    __typename
    ... on ProjectChange { cursor projectId ids changed opId actorId at }
    ... on StreamReset { cursor reason }
  }
}"""


class Reader(asyncio.Protocol):
    """One subscriber: notes how old each event is when it arrives."""

    latencies: array[float]
    talks: bool

    def __init__(self) -> None:
        self._rest = b""
        self._upgraded = False
        self._operation_id = str(uuid4())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
            b"Sec-WebSocket-Key: %b\r\n\r\n" % key.encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest + data
        if not self._upgraded:
            _, found, data = data.partition(b"\r\n\r\n")
            self._upgraded = bool(found)
            if found and self.talks:
                self._say({"type": "connection_init"})
        start = 0
        while (end := self._end(data, start)) is not None:
            at = data.find(b'"t":', start, end)
            if at > 0:
                number = data[at + 4 : at + 24].lstrip()
                self.latencies.append((now - int(number[: _digits(number)])) / 1e6)
            elif b"connection_ack" in data[start:end]:
                payload = {"query": _QUERY, "variables": {"project": str(PROJECT)}}
                self._say({"id": self._operation_id, "type": "subscribe", "payload": payload})
            elif data[start] == 0x89:
                self._frame(0xA, data[start + 2 : end])
            start = end
        self._rest = data[start:]

    @staticmethod
    def _end(data: bytes, start: int) -> int | None:
        """Where the frame at ``start`` ends (None: it is not complete)."""
        if len(data) < start + 4:
            return None
        size = data[start + 1]
        end = start + 2 + size if size < 126 else start + 4 + int.from_bytes(data[start + 2 : start + 4])
        return end if end <= len(data) else None

    def _say(self, message: Mapping[str, Any]) -> None:
        self._frame(0x1, orjson.dumps(message))

    def _frame(self, opcode: int, body: bytes) -> None:
        head = bytes((0x80 | opcode,)) + (
            bytes((0x80 | len(body),)) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
        )
        self._transport.write(head + bytes(4) + body)


def _digits(text: bytes) -> int:
    return next((at for at, byte in enumerate(text) if not 48 <= byte <= 57), len(text))


@dataclass(frozen=True, slots=True)
class Result:
    delivered: int
    expected: int
    p50: float
    p99: float
    cpu: float
    rss: float
    executions: int


async def _measure(command: Sequence[str], subscribers: int, rate: int, *, talks: bool) -> Result:
    """Start a server, subscribe, and wait for its report."""
    Reader.latencies, Reader.talks = array("d"), talks
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.broadcast", *command, str(subscribers), str(rate),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdin is not None
    port = (await _said(server.stdout))["port"]
    loop = asyncio.get_running_loop()
    readers = []
    for start in range(0, subscribers, 50):
        some = range(start, min(start + 50, subscribers))
        readers += await asyncio.gather(*(loop.create_connection(Reader, "127.0.0.1", port) for _ in some))
    gc.collect()
    gc.freeze()
    report = await _said(server.stdout)
    for transport, _ in readers:
        transport.abort()
    server.stdin.close()
    await server.wait()
    latencies = sorted(Reader.latencies)
    expected = subscribers * int(rate * SECONDS)
    p50, p99 = (latencies[int(len(latencies) * q)] if latencies else float("inf") for q in (0.5, 0.99))
    return Result(len(latencies), expected, p50, p99, report["cpu"], report["rss"], report.get("executions", 0))


async def _said(lines: asyncio.StreamReader) -> dict[str, Any]:
    """The next line of JSON among what a server logs."""
    while not (line := await lines.readline()).startswith(b"{"):
        if not line:
            raise RuntimeError("the server ended")
    said: dict[str, Any] = orjson.loads(line)
    return said


def _show(name: str, load: str, result: Result, beside: str) -> None:
    print(
        f"{load:>9} {name:<8} {result.delivered:>9}/{result.expected:<9} {result.p50:8.1f} {result.p99:8.1f} "
        f"{result.cpu:7.2f} {result.rss:7.0f} {result.executions:>6} {beside}",
        flush=True,
    )


async def _bench(loads: Sequence[tuple[int, int, float]], through: str) -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kilo-bench-") as home:
        postgres = embedded.start(Path(home))
        try:
            url = embedded.url(postgres)
            await asyncio.to_thread(migrate.migrate_sync, url)
            columns = (
                ("load", 9),
                ("server", -8),
                ("delivered", 19),
                ("p50 ms", 8),
                ("p99 ms", 8),
                ("CPU s", 7),
                ("RSS", 7),
            )
            print(" ".join(f"{name:{'<' if width < 0 else '>'}{abs(width)}}" for name, width in columns), "  exec")
            for subscribers, rate, goal in loads:
                load = f"{subscribers}x{rate}"
                floor = await _measure(["floor"], subscribers, rate, talks=False)
                _show("floor", load, floor, "")
                result = await _measure(["product", url, through], subscribers, rate, talks=True)
                good = result.delivered == result.expected and result.p99 <= goal
                failed += not good
                ratios = f"p99 x{result.p99 / floor.p99:.1f}, CPU x{result.cpu / floor.cpu:.1f}"
                _show("kilo", load, result, f"{ratios}, goal p99 {goal:.0f} ms {'held' if good else 'MISSED'}")
        finally:
            embedded.stop(postgres)
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--through", choices=("hub", "outbox"), default="hub")
    parser.add_argument("--load", action="append", help="SUBSCRIBERSxRATE[:P99_MS]; all three goals otherwise")
    options = parser.parse_args()
    loads = [_load(text) for text in options.load] if options.load else LOADS
    return uvloop.run(_bench(loads, options.through))


def _load(text: str) -> tuple[int, int, float]:
    counts, _, goal = text.partition(":")
    subscribers, rate = map(int, counts.split("x"))
    return subscribers, rate, float(goal or "inf")


if __name__ == "__main__":
    sys.exit(main())
