"""Uploads over real connections: cut, stalled, doubled, refused half-way, and taken up again after a restart."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from kilo_gql import upload_writer
from kilo_gql.config import Settings
from tests.support.api import Api
from tests.support.fault_proxy import Fate, Fault, FaultProxy
from tests.support.make import Make
from tests.support.postgres import new_database
from tests.support.raw_http import ask
from tests.support.running import UNHURRIED
from tests.support.sending import Sender, sha256
from tests.support.serving import Served, serving
from tests.support.tus_client import Lost, TusClient, Wire, send
from tests.support.wait import until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

TUS = {"Tus-Resumable": "1.0.0"}


def settings_of(url: str, home: Path, **more: object) -> Settings:
    secret = SecretStr("a test secret of 32 characters!!")
    return Settings(home=home, database_url=SecretStr(url), secret_key=secret, **{**UNHURRIED, **more})  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with new_database(postgres) as url, serving(settings_of(url, tmp_path_factory.mktemp("home"))) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def ada(served: Served) -> Sender:
    return await sender_of(served.api)


async def sender_of(api: Api) -> Sender:
    make = Make(api.services.db)
    owner = await make.user()
    return Sender(api, owner, (await make.project(owner)).id)


def target(url: str) -> str:
    return url.removeprefix("http://127.0.0.1:8400")


async def received(ada: Sender, upload: dict[str, object], least: int) -> None:
    """Until so many bytes count."""

    async def there() -> bool:
        row = await ada.row(upload)
        return row is not None and row["received"] >= least

    await until_seen(there)


@pytest.mark.parametrize("fate", [Fate.RESET, Fate.FIN])
async def test_what_came_before_a_cut_is_kept(served: Served, ada: Sender, fate: Fate) -> None:
    chance = random.Random(f"{fate}")
    data = chance.randbytes(3_000_000)
    for _ in range(3):
        cut = chance.randrange(1, len(data))
        upload = await ada.begin(data)
        async with FaultProxy(lambda: served.port) as proxy:
            proxy.faults.append(Fault(fate, cut))
            wire = await Wire.open(proxy.port)
            headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            with pytest.raises(Lost):
                await wire.ask("PATCH", target(upload["uploadUrl"]), headers, memoryview(data))
            wire.drop()
        if fate is Fate.FIN:  # what was on its way when a connection is reset may be lost
            await received(ada, upload, cut - 400)
        client = TusClient(upload["uploadUrl"], data, lambda: served.port)
        await client.upload()
        assert (await ada.stored(upload) == data, client.backwards) == (True, 0)
        assert await ada.leftovers(upload) == []


async def test_files_cut_anywhere_arrive(served: Served, ada: Sender) -> None:
    """U1 in small: every fate but the slow ones, three to a file; the seed is in the name of what failed."""
    seed = 20261121
    chance = random.Random(seed)

    async def arrives(number: int) -> None:
        data = chance.randbytes(chance.randrange(1_000, 12_000_000))
        upload = await ada.begin(data, f"{number}.jpg")
        async with FaultProxy(lambda: served.port) as proxy:
            for _ in range(3):
                fate = chance.choice((Fate.RESET, Fate.FIN, Fate.STALL))
                proxy.faults.append(Fault(fate, chance.randrange(len(data)), 0.3))
            client = TusClient(upload["uploadUrl"], data, lambda: proxy.port, patience=2, pause=0.05)
            await client.upload()
        assert sha256(await ada.stored(upload)) == sha256(data), f"seed {seed}, file {number}"
        assert (client.backwards, max(client.resent, default=0) <= 8 << 20) == (0, True), client.resent

    await asyncio.gather(*(arrives(number) for number in range(8)))


async def test_two_writers_one_wins(served: Served, ada: Sender) -> None:
    """U2 in small: whoever claims last wins, the other is told, and the bytes are those of one sender."""
    chance = random.Random(7)
    for number in range(15):
        data = chance.randbytes(chance.randrange(1, 2_000_000))
        upload = await ada.begin(data, f"{number}.jpg")
        answers = await asyncio.gather(
            *(send(served.port, upload["uploadUrl"], data) for _ in range(2)), return_exceptions=True
        )
        statuses = sorted(answer.status for answer in answers if not isinstance(answer, BaseException))
        assert statuses in ([204, 409], [204, 423]), (number, answers)
        assert await ada.stored(upload) == data
        assert await ada.leftovers(upload) == []


async def test_a_dead_connection_does_not_hold_up_its_resume(served: Served, ada: Sender) -> None:
    """The older writer hangs with bytes it never finished; the newer one takes over at once, and the older is told."""
    data = random.Random(9).randbytes(9_000_000)
    upload = await ada.begin(data)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = (
        f"PATCH {target(upload['uploadUrl'])} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data[:8_500_000])
    await writer.drain()
    await received(ada, upload, 8 << 20)
    offset = await ada.offset(upload["uploadUrl"])
    answer = await ada.patch(upload["uploadUrl"], offset, data[offset:])
    assert answer.status_code == 204
    writer.write(b"?" * (len(data) - 8_500_000))
    status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"423"
    assert (await ada.stored(upload), await ada.leftovers(upload)) == (data, [])


async def test_a_stall_is_counted_and_then_given_up(
    served: Served, ada: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_writer, "_QUIET", 0.1)
    monkeypatch.setattr(upload_writer, "_PATIENCE", 0.5)
    data = random.Random(4).randbytes(5000)
    upload = await ada.begin(data)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"PUT {target(upload['uploadUrl'])} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode())
    writer.write(data[:3000])
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.split()[1] == "408"
    assert '"code":"upload_stalled"' in answer
    assert "connection: close" in answer.lower()
    row = await ada.row(upload)
    assert row is not None
    assert (row["received"], row["released"]) == (3000, True)
    assert (await ada.patch(upload["uploadUrl"], 3000, data[3000:])).status_code == 204
    assert await ada.stored(upload) == data


async def test_a_slow_stream_counts_while_it_comes(
    served: Served, ada: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of 8 MiB may take half an hour: what a crash of the server may cost is bounded by time as well."""
    monkeypatch.setattr(upload_writer, "_QUIET", 0.2)
    data = random.Random(5).randbytes(5000)
    upload = await ada.begin(data)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"PUT {target(upload['uploadUrl'])} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode())
    counted = asyncio.create_task(received(ada, upload, 1))
    sent = 0
    while not counted.done():  # never still for as long as a stall lasts
        writer.write(data[sent : sent + 1])
        sent += 1
        await asyncio.sleep(0.01)
    await counted
    writer.write(data[sent:])
    assert (await reader.readline()).split()[1] == b"204"
    writer.close()
    assert await ada.stored(upload) == data


async def test_a_refusal_comes_before_the_body(served: Served, ada: Sender) -> None:
    """The whole body need not be sent to learn that nobody wants it; the connection ends."""
    upload = await ada.begin(b"x" * 50_000_000)
    lines = f"PUT {target(upload['uploadUrl'])}x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(lines.encode() + b"x" * 100_000)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.split()[1] == b"403"
    assert b"connection: close" in head.lower()
    await reader.read()
    assert reader.at_eof()
    writer.close()
    assert await ada.offset(upload["uploadUrl"]) == 0


async def test_a_client_that_waits_for_leave_is_refused_without_a_body(served: Served, ada: Sender) -> None:
    upload = await ada.begin(b"x" * 1000)
    headers = {"Expect": "100-continue", "Content-Length": "2000"}
    answer = await ask(served.port, "PUT", target(upload["uploadUrl"]), headers)
    assert (answer.status, answer.code) == (413, "upload_too_long")


@pytest.mark.parametrize(
    "abuse",
    [
        {"Content-Length": "5", "Transfer-Encoding": "chunked"},
        {"Content-Length": "-5"},
        {"Content-Length": "5, 6"},
        {"Transfer-Encoding": "chunked, gzip"},
    ],
    ids=str,
)
async def test_a_body_of_two_lengths_leaves_nothing(served: Served, ada: Sender, abuse: dict[str, str]) -> None:
    upload = await ada.begin(b"12345")
    answer = await ask(served.port, "PUT", target(upload["uploadUrl"]), abuse, b"12345")
    assert answer.status >= 400
    row = await ada.row(upload)
    assert row is not None
    assert (row["received"], row["status"]) == (0, "receiving")


async def test_uploads_go_on_after_a_restart(postgres: str, tmp_path: Path) -> None:
    """Another process, the same rows and the same folder."""
    data = random.Random(5).randbytes(20_000_000)
    async with new_database(postgres) as url:
        settings = settings_of(url, tmp_path)
        async with serving(settings) as first:
            sender = await sender_of(first.api)
            upload = await sender.begin(data)
            wire = await Wire.open(first.port)
            headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            sending = asyncio.create_task(
                wire.ask("PATCH", target(upload["uploadUrl"]), {**headers, "Content-Length": "20000000"},
                         memoryview(data)[:12_000_000])
            )  # fmt: skip
            await received(sender, upload, 8 << 20)
            first.stop()
            wire.drop()
            await asyncio.wait({sending})
            sending.exception()
        async with serving(settings) as second:
            again = Sender(second.api, sender.who, sender.project_id)
            client = TusClient(upload["uploadUrl"], data, lambda: second.port)
            await client.upload()
            assert await again.stored(upload) == data
            assert client.reached >= 8 << 20
            [outcome] = (await again.finalize((upload["assetId"], sha256(data))))["assets"]
            assert outcome["status"] == "processing"
