"""A child takes every harm upon itself: each poison has its typed error, and the next call on the slot succeeds."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from tasks.child import (
    Child,
    ChildClosed,
    ChildCrashed,
    ChildError,
    ChildFailed,
    ChildLimits,
    ChildOutOfMemory,
    Children,
    ChildTimeout,
    Counters,
)
from tests.support.wait import until

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel must be Linux")

ROOT = Path(__file__).resolve().parents[2]
POISON = "tests.jobs.poison:"
DIGEST = "b88373e665ab7827aa23d30a0bfc97a632cff34d7e83635af7b9862afbe7f77c"
FORKING = ChildLimits(wall_s=60, may_fork=True)


def offspring() -> list[psutil.Process]:
    """This process's own, without what multiprocessing keeps for other tests of the same run."""
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if any("multiprocessing" in part for part in process.cmdline()):
                continue
        found.append(process)
    return found


def living(pids: Iterable[int]) -> list[int]:
    """Those that still run; a zombie does not."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def read_numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


async def numbers_in(path: Path) -> list[int]:
    await until(lambda: read_numbers(path) != [])
    return read_numbers(path)


# --- calls that do no harm -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_values_and_bytes_come_back_as_they_went() -> None:
    values: dict[str, Any] = {
        "none": None,
        "flag": True,
        "number": -(2**63),
        "ratio": 0.1,
        "text": "Zürich \u0000 🎞",
        "data": bytes(range(256)) * 4096,
        "list": [1, [2, {"three": b"3"}]],
        "map": {"a": {"b": []}},
    }
    async with Children(1) as children, children.slot() as child:
        assert await child.call(f"{POISON}echo", **values) == values
        assert await child.call(f"{POISON}giant_result", size=60 << 20) == bytes(60 << 20)
        assert await child.call(f"{POISON}thread_and_return") == 28
    assert children.counters == Counters(spawned=1, crashed=0, calls=3)


@pytest.mark.asyncio
async def test_the_drill_does_the_same_work_everywhere_and_reports_each_step() -> None:
    seen: list[tuple[float, str, str | None]] = []
    async with Children(1) as children, children.slot() as child:
        result = await child.call(
            "tasks.drill:walk", steps=3, step_ms=1, on_progress=lambda *report: seen.append(report)
        )
    assert result == {"steps": 3, "digest": DIGEST}
    assert seen[0] == (1 / 3, "walking", "Step 1 of 3")
    assert seen[-1] == (1.0, "walking", "Step 3 of 3")


@pytest.mark.asyncio
async def test_progress_is_thinned_out_to_ten_a_second_but_the_last_arrives() -> None:
    seen: list[tuple[float, str, str | None]] = []
    begun = time.monotonic()
    async with Children(1) as children, children.slot() as child:
        assert await child.call(f"{POISON}chatter", count=5000, on_progress=lambda *report: seen.append(report)) == 5000
    assert seen[0] == (1 / 5000, "talking", "1")
    assert seen[-1] == (1.0, "talking", "5000")
    assert len(seen) <= 2 + (time.monotonic() - begun) / 0.1


@pytest.mark.parametrize(("sent", "got"), [(-1.0, 0.0), (7.5, 1.0), (math.nan, 0.0), (math.inf, 1.0)])
async def test_progress_stays_between_nothing_and_all(sent: float, got: float) -> None:
    seen: list[tuple[float, str, str | None]] = []
    async with Children(1) as children, children.slot() as child:
        await child.call(
            f"{POISON}report_once", fraction=sent, size=900, on_progress=lambda *report: seen.append(report)
        )
    assert seen == [(got, "s" * 64, "m" * 500)]


async def test_a_slot_keeps_its_process_while_nothing_bad_happens() -> None:
    async with Children(2) as children:
        async with children.slot() as first, children.slot() as second:
            pids = {await first.call(f"{POISON}pid"), await second.call(f"{POISON}pid")}
        for _ in range(20):
            async with children.slot() as child:
                assert await child.call(f"{POISON}pid") in pids
        assert set(children.pids) == pids
        assert len(pids) == 2
        assert children.counters == Counters(spawned=2, crashed=0, calls=22)
    assert children.pids == ()
    assert living(pids) == []


async def test_a_process_is_replaced_when_it_has_served_its_share() -> None:
    async with Children(1, limits=ChildLimits(calls=3)) as children:
        pids = []
        for _ in range(7):
            async with children.slot() as child:
                pids.append(await child.call(f"{POISON}pid"))
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
        assert children.counters == Counters(spawned=3, crashed=0, calls=7)
    assert living(pids) == []


async def test_modules_are_loaded_in_the_child_alone() -> None:
    async with Children(1, preload=["wave", "tests.jobs.poison"]) as children, children.slot() as child:
        assert await child.call(f"{POISON}loaded", module="wave") is True
        assert await child.call(f"{POISON}loaded", module="tasks.child") is False
        assert await child.call(f"{POISON}loaded", module="kilo_gql") is False
    assert "tests.jobs.poison" not in sys.modules


async def test_a_module_that_cannot_be_preloaded_is_told_to_whoever_calls() -> None:
    async with Children(1, preload=["no_such_module"]) as children, children.slot() as child:
        for _ in range(2):
            with pytest.raises(ChildFailed) as caught:
                await child.call(f"{POISON}pid")
            assert (caught.value.type, caught.value.message) == (
                "ModuleNotFoundError",
                "No module named 'no_such_module'",
            )
        assert children.counters == Counters(spawned=0, crashed=2, calls=0)
    assert offspring() == []


# --- what it is kept from --------------------------------------------------------------------------------------------


@linux
async def test_the_child_inherits_no_descriptor_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILO_SECRET_KEY", "s3cret")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.set_inheritable(True)
        async with Children(1, env={"KILO_HINT": "on purpose"}) as children, children.slot() as child:
            assert await child.call(f"{POISON}descriptors") == ["/dev/null", "/dev/null", "pipe", "socket"]
            assert await child.call(f"{POISON}secret", name="KILO_SECRET_KEY") is None
            assert await child.call(f"{POISON}secret", name="KILO_HINT") == "on purpose"
            assert await child.call(f"{POISON}oom_score") == 500


@linux
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
async def test_the_child_opens_no_socket(family: int) -> None:
    async with Children(1) as children, children.slot() as child:
        with pytest.raises(ChildFailed) as caught:
            await child.call(f"{POISON}open_socket", family=family)
        assert caught.value.type == "PermissionError"
        assert (child.isolated_network, child.forks_denied) == (True, True)


@linux
async def test_the_child_starts_no_process_unless_it_may() -> None:
    async with Children(1) as children, children.slot() as child:
        for function, arguments in (("fork_bomb", {"most": 8}), ("spawn_and_sleep", {"count": 1, "path": "/dev/null"})):
            with pytest.raises(ChildFailed) as caught:
                await child.call(POISON + function, **arguments)
            assert caught.value.type == "PermissionError"
        assert psutil.Process(child.pid).children() == []
        assert children.counters == Counters(spawned=1, crashed=0, calls=2)


@linux
async def test_a_fork_bomb_that_may_fork_dies_with_its_group() -> None:
    limits = ChildLimits(wall_s=1, may_fork=True)
    async with Children(1, limits=limits) as children, children.slot() as child:
        group = await child.call(f"{POISON}pid")
        bomb = asyncio.create_task(child.call(f"{POISON}fork_bomb", most=5))
        await until(lambda: len(psutil.Process(group).children(recursive=True)) == 31)
        pids = [group, *(one.pid for one in psutil.Process(group).children(recursive=True))]
        with pytest.raises(ChildTimeout):
            await bomb
        await until(lambda: living(pids) == [], 2)
        assert await child.call(f"{POISON}echo", x=1) == {"x": 1}


# --- poison ----------------------------------------------------------------------------------------------------------

CRASHES: list[tuple[str, dict[str, Any], str | None, int | None]] = [
    ("segfault", {}, "SIGSEGV", None),
    ("abort", {}, "SIGABRT", None),
    ("recurse_in_c", {}, "SIGSEGV", None),
    ("kill_self", {"number": signal.SIGILL}, "SIGILL", None),
    ("kill_self", {"number": signal.SIGTERM}, "SIGTERM", None),
    ("leave", {"code": 0}, None, 0),
    ("leave", {"code": 3}, None, 3),
    ("close_descriptors", {}, None, 74),
    ("shut_wire", {}, None, 74),
    ("write_on_wire", {"data": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, None, None),
    ("write_on_wire", {"data": b"\xff" * 64}, None, None),
    ("write_on_wire", {"data": b"\0\0\0\x05\xdd\xff\xff\xff\xff"}, None, None),
    ("write_on_wire", {"data": b"\0\x01\0\0" + b"\x91" * 65536}, None, None),
    ("write_on_wire", {"data": b"\0\0\0\x01\xc0"}, None, None),
    ("write_on_wire", {"data": b"\0\0\0\0"}, None, None),
]


async def assert_slot_recovers(children: Children, child: Child, before: int | None) -> None:
    assert await child.call(f"{POISON}echo", x=1) == {"x": 1}
    assert before is not None
    assert child.pid != before
    assert living([before]) == []
    assert children.counters == Counters(spawned=2, crashed=1, calls=3)


@linux
@pytest.mark.parametrize(("function", "arguments", "name", "code"), CRASHES)
async def test_a_crash_is_named_and_harms_nobody_else(
    function: str, arguments: dict[str, Any], name: str | None, code: int | None
) -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        with pytest.raises(ChildCrashed) as caught:
            await child.call(POISON + function, **arguments)
        assert (caught.value.signal, caught.value.exit_code, caught.value.code) == (name, code, "crashed_decoder")
        await assert_slot_recovers(children, child, before)


@linux
@pytest.mark.parametrize(
    ("function", "arguments", "limit"),
    [
        ("loop_in_python", {}, "cpu"),
        ("loop_in_c", {}, "cpu"),
        ("loop_in_c_without_lock", {}, "cpu"),
        ("sleep", {"seconds": 600}, "wall"),
        ("ignore_sigterm", {}, "wall"),
    ],
)
@pytest.mark.asyncio
async def test_no_call_outlasts_its_time(function: str, arguments: dict[str, Any], limit: str) -> None:
    limits = ChildLimits(cpu_s=1, wall_s=60 if limit == "cpu" else 1)
    async with Children(1, limits=limits) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        with pytest.raises(ChildTimeout) as caught:
            await child.call(POISON + function, **arguments)
        assert (caught.value.limit, caught.value.seconds, caught.value.code) == (limit, 1, "timeout")
        await assert_slot_recovers(children, child, before)


@linux
@pytest.mark.parametrize(
    ("function", "arguments"), [("allocate", {"size": 8 << 30}), ("kill_self", {"number": signal.SIGKILL})]
)
@pytest.mark.asyncio
async def test_want_of_memory_ends_the_child_alone(function: str, arguments: dict[str, Any]) -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        with pytest.raises(ChildOutOfMemory) as caught:
            await child.call(POISON + function, **arguments)
        assert caught.value.code == "out_of_memory"
        await assert_slot_recovers(children, child, before)


@pytest.mark.asyncio
async def test_each_call_has_its_own_share_of_cpu() -> None:
    async with Children(1, limits=ChildLimits(cpu_s=1)) as children, children.slot() as child:
        pids = {await child.call(f"{POISON}burn", seconds=0.6) for _ in range(4)}
        assert pids == {child.pid}
        assert children.counters == Counters(spawned=1, crashed=0, calls=4)


@pytest.mark.parametrize(
    ("function", "arguments", "kind", "message"),
    [
        ("raise_value_error", {"message": "no such lens"}, "ValueError", "no such lens"),
        ("lone_surrogate", {}, "ValueError", "bad name ?"),
        ("system_exit", {}, "SystemExit", "3"),
        ("recurse", {}, "RecursionError", "maximum recursion depth exceeded"),
        ("not_sendable", {}, "TypeError", "Encoding objects of type object is unsupported"),
        (
            "giant_result",
            {"size": 64 << 20},
            "ResultTooLarge",
            "The result has 67,108,894 bytes, 67,108,864 are allowed.",
        ),
        ("missing", {}, "AttributeError", "module 'tests.jobs.poison' has no attribute 'missing'"),
        ("echo_one", {}, "TypeError", "echo_one() missing 1 required positional argument: 'value'"),
    ],
)
@pytest.mark.asyncio
async def test_what_a_function_raises_is_told_and_the_process_lives_on(
    function: str, arguments: dict[str, Any], kind: str, message: str
) -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        with pytest.raises(ChildFailed) as caught:
            await child.call(POISON + function, **arguments)
        assert (caught.value.type, caught.value.message, caught.value.code) == (kind, message, "failed")
        assert caught.value.traceback.startswith("Traceback (most recent call last):\n")
        assert await child.call(f"{POISON}pid") == before
        assert children.counters == Counters(spawned=1, crashed=0, calls=3)


@pytest.mark.asyncio
async def test_an_argument_that_cannot_be_sent_is_the_callers_mistake() -> None:
    async with Children(1) as children, children.slot() as child:
        with pytest.raises(TypeError):
            await child.call(f"{POISON}echo", x=object())
        assert await child.call(f"{POISON}echo", x=1) == {"x": 1}
        assert children.counters == Counters(spawned=1, crashed=0, calls=1)


@pytest.mark.asyncio
async def test_the_last_words_are_kept_and_never_block_the_child() -> None:
    async with Children(1) as children, children.slot() as child:
        assert await child.call(f"{POISON}shout_on_stderr", size=8 << 20) == 8 << 20
        with pytest.raises(ChildCrashed) as caught:
            await child.call(f"{POISON}shout_and_abort", size=1 << 20)
        assert len(caught.value.stderr) == 4096
        assert "the last words\nFatal Python error: Aborted" in caught.value.stderr
        assert str(caught.value).startswith("It died of SIGABRT.\n")


@linux
@pytest.mark.asyncio
async def test_what_a_crashed_child_had_started_dies_too(tmp_path: Path) -> None:
    async with Children(1, limits=FORKING) as children, children.slot() as child:
        with pytest.raises(ChildCrashed) as caught:
            await child.call(f"{POISON}spawn_and_die", path=str(tmp_path / "pids"))
        assert caught.value.signal == "SIGSEGV"
        (grandchild,) = await numbers_in(tmp_path / "pids")
        await until(lambda: living([grandchild]) == [], 2)


@pytest.mark.asyncio
async def test_a_process_killed_between_two_calls_is_replaced_unnoticed() -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        os.kill(before, signal.SIGKILL)
        await until(lambda: child.pid is None)
        assert await child.call(f"{POISON}pid") != before
        assert children.counters == Counters(spawned=2, crashed=1, calls=2)


# --- canceling and closing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["loop_in_python", "loop_in_c", "loop_in_c_without_lock", "ignore_sigterm"])
@pytest.mark.asyncio
async def test_cancel_kills_whatever_runs_within_two_seconds(function: str) -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        call = asyncio.create_task(child.call(POISON + function))
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - begun < 2
        assert living([before]) == []
        assert await child.call(f"{POISON}echo", x=1) == {"x": 1}
        assert children.counters == Counters(spawned=2, crashed=0, calls=3)


@linux
@pytest.mark.asyncio
async def test_cancel_kills_the_grandchildren_too(tmp_path: Path) -> None:
    async with Children(1, limits=FORKING) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        call = asyncio.create_task(child.call(f"{POISON}spawn_and_sleep", count=3, path=str(tmp_path / "pids")))
        pids = [before, *await numbers_in(tmp_path / "pids")]
        assert living(pids) == pids
        assert len(pids) == 4
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: living(pids) == [], 2)
        assert await child.call(f"{POISON}echo", x=1) == {"x": 1}


@pytest.mark.asyncio
async def test_cancel_at_any_moment_leaves_nothing_behind() -> None:
    async with Children(1, limits=ChildLimits(calls=5)) as children:
        for number in range(40):
            async with children.slot() as child:
                call = asyncio.create_task(child.call("tasks.drill:walk", steps=4, step_ms=2))
                await asyncio.sleep(number * 0.002)
                call.cancel()
                await asyncio.wait({call})
        async with children.slot() as child:
            assert await child.call(f"{POISON}echo", x=1) == {"x": 1}
        await until(lambda: len(offspring()) == 1)  # it may just be replaced after its share
        assert children.counters.crashed == 0
    assert offspring() == []


@pytest.mark.asyncio
async def test_a_deadline_of_the_callers_own_is_no_crash() -> None:
    async with Children(1) as children, children.slot() as child:
        before = await child.call(f"{POISON}pid")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await child.call(f"{POISON}sleep", seconds=600)
        assert await child.call(f"{POISON}pid") != before
        assert children.counters == Counters(spawned=2, crashed=0, calls=3)


@pytest.mark.asyncio
async def test_an_error_of_the_progress_callback_reaches_the_caller() -> None:
    def refuse(*report: object) -> None:
        raise ConnectionError("the lease is lost")

    async with Children(1) as children, children.slot() as child:
        with pytest.raises(ConnectionError, match="the lease is lost"):
            await child.call(f"{POISON}chatter", count=3, on_progress=refuse)
        assert await child.call(f"{POISON}echo", x=1) == {"x": 1}
        assert children.counters == Counters(spawned=2, crashed=0, calls=2)


@pytest.mark.asyncio
async def test_closing_ends_calls_in_flight_and_those_that_wait() -> None:
    children = Children(1)

    async def use() -> None:
        async with children.slot() as child:
            await child.call(f"{POISON}sleep", seconds=600)

    starting = [asyncio.create_task(use()) for _ in range(2)]
    await until(lambda: children.counters.calls == 1)
    pids = children.pids
    assert len(pids) == 1
    await children.aclose()
    outcomes = await asyncio.gather(*starting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ChildClosed, ChildClosed]
    assert living(pids) == []
    assert children.counters == Counters(spawned=1, crashed=0, calls=1)


@pytest.mark.asyncio
async def test_closing_while_a_process_starts_leaves_none() -> None:
    children = Children(2)
    async with children.slot() as child:
        call = asyncio.create_task(child.call(f"{POISON}pid"))
        await asyncio.sleep(0.01)
        await children.aclose()
        with pytest.raises(ChildClosed):
            await call
    assert offspring() == []


@pytest.mark.asyncio
async def test_one_call_at_a_time() -> None:
    async with Children(1) as children, children.slot() as child:
        first = asyncio.create_task(child.call(f"{POISON}sleep", seconds=0.2))
        await asyncio.sleep(0.1)
        with pytest.raises(RuntimeError, match="one call at a time"):
            await child.call(f"{POISON}pid")
        assert await first is None


KILLED_PARENT = """
import asyncio, sys
from tasks.child import Children
async def main():
    async with Children(1) as children, children.slot() as child:
        await child.call("tests.jobs.poison:announce", path=sys.argv[1], then=sys.argv[2])
asyncio.run(main())
"""


@linux
@pytest.mark.parametrize("then", ["loop_in_c", "loop_in_python", "loop_in_c_without_lock", "ignore_sigterm"])
@pytest.mark.asyncio
async def test_a_killed_parent_takes_its_child_along(tmp_path: Path, then: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED_PARENT, str(tmp_path / "pid"), then),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        pids = await numbers_in(tmp_path / "pid")
        await asyncio.sleep(0.1)
        assert living(pids) == pids
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: living(pids) == [], 2)


def test_the_same_on_uvloop() -> None:
    async def run() -> tuple[dict[str, int], str | None, Counters]:
        async with Children(1) as children, children.slot() as child:
            with pytest.raises(ChildCrashed) as caught:
                await child.call(f"{POISON}segfault")
            await child.call(f"{POISON}pid")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await child.call(f"{POISON}loop_in_c")
            return await child.call(f"{POISON}echo", x=1), caught.value.signal, children.counters

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == ({"x": 1}, "SIGSEGV", Counters(spawned=3, crashed=1, calls=4))
    assert offspring() == []


def test_the_tree_of_errors() -> None:
    assert {kind.__name__: kind.code for kind in ChildError.__subclasses__()} == {
        "ChildCrashed": "crashed_decoder",
        "ChildTimeout": "timeout",
        "ChildOutOfMemory": "out_of_memory",
        "ChildFailed": "failed",
        "ChildClosed": "closed",
    }
