"""An import against an installation that runs: API, worker, store, over real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kilo_gql.access import UserActor
from kilo_gql.errors import Conflict, Unavailable
from kilo_gql.importing.board import Board, Stage
from kilo_gql.importing.client import Client, Refused, Session, Token, open_http
from kilo_gql.importing.command import Wish, run
from kilo_gql.importing.projects import target
from kilo_gql.importing.scan import digest, scan
from kilo_gql.models import Role
from tests.importing.conftest import BROKEN, FILES, PASSED_OVER, PHOTOS, Site, site, stages
from tests.support import pictures
from tests.support.fault_proxy import Fate, Fault
from tests.support.ports import free_port
from tests.support.wait import until, until_seen

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_shoot_comes_in(open_site: Site, shoot: Path) -> None:
    ada = await open_site.make.user()
    report = await open_site.bring(ada, "Evening", shoot)
    broken = {item.path.name: item.problem for item in report.board.items if item.problem}
    assert {name: problem.code for name, problem in broken.items()} == {
        "KLO_0031.JPG": "truncated",
        "IMG_4005.JPG": "not_an_image",
    }
    assert all(problem.remedies for problem in broken.values())
    assert stages(report.board) == {Stage.READY: PHOTOS, Stage.QUARANTINED: BROKEN}
    assert (report.exit_code, len(report.board.items), len(report.board.skipped)) == (1, FILES, PASSED_OVER)
    assert (report.target.title, report.target.created) == ("Evening", True)
    assert report.board.sent == report.board.size
    stored = await open_site.rows(
        "SELECT f.sha256 FROM asset_files f JOIN assets a ON a.id = f.asset_id "
        "WHERE a.project_id = :id AND f.kind IN ('original', 'sidecar') AND a.status = 'ready'",
        id=report.target.id,
    )
    sent = [hashlib.sha256(i.path.read_bytes()).hexdigest() for i in report.board.items if i.stage is Stage.READY]
    assert sorted(row.sha256 for row in stored) == sorted(sent)
    joined = await open_site.rows(
        "SELECT c.filename AS child, p.filename AS parent FROM assets c JOIN assets p ON p.id = c.parent_id "
        "WHERE c.project_id = :id ORDER BY 1",
        id=report.target.id,
    )
    assert [tuple(row) for row in joined] == [
        ("KLO_0028.JPG", "KLO_0028.DNG"),
        ("KLO_0029.JPG", "KLO_0029.DNG"),
        ("KLO_0029.xmp", "KLO_0029.DNG"),
    ]


async def test_the_second_time_nothing_is_sent(open_site: Site, card: Path) -> None:
    ada = await open_site.make.user()
    first = await open_site.bring(ada, "Twice", card)
    assert (stages(first.board), first.exit_code) == ({Stage.READY: 12}, 0)
    (card / "copy of KLO_0001.JPG").write_bytes((card / "KLO_0001.JPG").read_bytes())
    second = await open_site.bring(ada, "Twice", card)
    assert (stages(second.board), second.exit_code) == ({Stage.PRESENT: 13}, 0)
    assert (second.board.sent, second.target) == (0, type(second.target)(first.target.id, "Twice"))
    assert len(await open_site.rows("SELECT 1 FROM assets WHERE project_id = :id", id=first.target.id)) == 12


async def test_what_was_quarantined_is_not_sent_again(open_site: Site, shoot: Path) -> None:
    broken, ada = shoot / "DCIM" / "100KILO" / "KLO_0031.JPG", await open_site.make.user()
    first, second = [await open_site.bring(ada, "Broken", broken) for _ in range(2)]
    [item], [again] = first.board.items, second.board.items
    assert (first.board.sent, second.board.sent) == (broken.stat().st_size, 0)
    assert (again.stage, again.asset_id, again.problem) == (Stage.QUARANTINED, item.asset_id, item.problem)
    assert second.exit_code == 1


async def test_the_same_bytes_under_two_names_are_sent_once(open_site: Site, card: Path) -> None:
    (card / "copy.jpg").write_bytes((card / "KLO_0005.JPG").read_bytes())
    for name in ("page.jpg", "same page.jpg"):
        (card / name).write_bytes(b"<!doctype html><title>Sign in</title>")
    report = await open_site.bring(await open_site.make.user(), "Copies", card)
    assert stages(report.board) == {Stage.READY: 12, Stage.PRESENT: 1, Stage.QUARANTINED: 2}
    copies = (card / "copy.jpg").stat().st_size + (card / "page.jpg").stat().st_size
    assert report.board.sent == report.board.size - copies
    assert {item.path.name for item in report.board.items if item.problem} == {"page.jpg", "same page.jpg"}


async def test_sidecars_that_say_the_same_are_all_sent(open_site: Site, card: Path, shoot: Path) -> None:
    words = (shoot / "DCIM" / "100KILO" / "KLO_0029.xmp").read_bytes()
    named = sorted(card.iterdir())[:3]
    for photo in named:
        photo.with_suffix(".xmp").write_bytes(words)
    ada = await open_site.make.user()
    first, second = [await open_site.bring(ada, "Words", card) for _ in range(2)]
    assert (stages(first.board), stages(second.board)) == ({Stage.READY: 15}, {Stage.PRESENT: 15})
    joined = await open_site.rows(
        "SELECT p.filename FROM assets s JOIN assets p ON p.id = s.parent_id WHERE s.project_id = :id ORDER BY 1",
        id=first.target.id,
    )
    assert [row.filename for row in joined] == [photo.name for photo in named]


async def test_a_photo_that_tells_no_time_has_that_of_its_file(open_site: Site, tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    path.write_bytes(pictures.image(pictures.pixels()).jpegsave_buffer())
    os.utime(path, (0, 1_700_000_000.25))
    report = await open_site.bring(await open_site.make.user(), "Scans", path)
    [row] = await open_site.rows(
        "SELECT captured_at, captured_source FROM assets WHERE project_id = :id", id=report.target.id
    )
    assert (row.captured_at.isoformat(), row.captured_source) == ("2023-11-14T22:13:20.250000+00:00", "hint")


async def test_lost_connections_lose_nothing(open_site: Site, card: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    faults = (Fault(chance.choice((Fate.RESET, Fate.FIN)), chance.randrange(200, 20_000)) for _ in range(10))
    open_site.proxy.faults.extend(faults)
    try:
        report = await open_site.bring(await open_site.make.user(), "Cut", card)
    finally:
        open_site.proxy.faults.clear()
    assert sum(open_site.proxy.struck.values()) > 0
    assert stages(report.board) == {Stage.READY: 12}
    stored = await open_site.rows(
        "SELECT sha256 FROM asset_files WHERE project_id = :id AND kind = 'original'", id=report.target.id
    )
    assert {row.sha256 for row in stored} == {digest(path) for path in card.iterdir()}


async def test_a_stopped_import_goes_on_where_it_was(open_site: Site, card: Path) -> None:
    (card / "big.jpg").write_bytes(b"\xff\xd8\xff" + bytes(3_000_000))
    ada = await open_site.make.user()
    project = await open_site.make.project(ada)
    board = Board.of(scan([card / "big.jpg"]))
    open_site.proxy.bandwidth, before = 4e6, open_site.proxy.passed
    async with open_site.importing(ada, project.id, board) as job:
        running = asyncio.create_task(job.run())
        await until(lambda: open_site.proxy.passed > before + 1_000_000)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    open_site.proxy.bandwidth = None
    assert stages(board) == {Stage.SENDING: 1}

    async def let_go() -> bool:
        return bool(
            await open_site.rows("SELECT 1 FROM uploads WHERE released AND fence > 0 AND project_id = :id", **mine)
        )

    mine = {"id": project.id}
    await until_seen(let_go)
    [row] = await open_site.rows("SELECT received FROM uploads WHERE project_id = :id", **mine)
    again = await open_site.bring(ada, str(project.id), card / "big.jpg")
    assert row.received > 0
    assert again.board.sent == 3_000_003 - row.received
    assert stages(again.board) == {Stage.QUARANTINED: 1}


async def test_files_that_are_not_what_they_were(open_site: Site, card: Path) -> None:
    ada = await open_site.make.user()
    project = await open_site.make.project(ada)
    (card / "empty.jpg").touch()
    board = Board.of(scan([card]))
    (card / "KLO_0001.JPG").unlink()
    (card / "KLO_0002.JPG").write_bytes(b"\xff\xd8\xff")
    (card / "KLO_0003.JPG").write_bytes((card / "KLO_0003.JPG").read_bytes() + b"more")
    async with open_site.importing(ada, project.id, board) as job:
        await job.run()
    problems = {item.path.name: item.problem.code for item in board.items if item.problem}
    assert problems == {
        "KLO_0001.JPG": "file_unreadable",
        "KLO_0002.JPG": "file_changed",
        "KLO_0003.JPG": "file_changed",
        "empty.jpg": "zero_bytes",
    }
    assert stages(board) == {Stage.READY: 9, Stage.FAILED: 4}
    finalized = await open_site.rows(
        "SELECT filename FROM assets WHERE project_id = :id AND status <> 'uploading'", id=project.id
    )
    assert {row.filename for row in finalized} & set(problems) == set()


async def test_what_the_server_refuses_is_told_in_its_words(open_site: Site, card: Path) -> None:
    ada = await open_site.make.user()
    project = await open_site.make.project(ada)
    viewer = await open_site.make.member(project.id, Role.VIEWER)
    with pytest.raises(Refused) as refused:
        await open_site.bring(viewer, str(project.id), card)
    assert (refused.value.code, refused.value.answered) == ("forbidden", 403)
    assert await open_site.rows("SELECT 1 FROM assets WHERE project_id = :id", id=project.id) == []


async def test_the_project_is_found_or_made(open_site: Site) -> None:
    ada, bob = await open_site.make.user(), await open_site.make.user()
    one, two = await open_site.make.project(ada, "One"), await open_site.make.project(ada, "Two")
    await open_site.make.project(bob, "Three")
    async with open_http(open_site.url) as http:
        client = Client(http, Token(open_site.token(ada)))
        by_id, by_title, made = [await target(client, wanted) for wanted in (str(one.id), "Two", "Three")]
        assert ((by_id.id, by_id.created), (by_title.id, by_title.created)) == ((one.id, False), (two.id, False))
        assert (made.title, made.created) == ("Three", True)
        twin = await open_site.make.project(ada, "Two")
        with pytest.raises(Conflict) as refused:
            await target(client, "Two")
    assert refused.value.code == "project_ambiguous"
    assert set(refused.value.details["ids"]) == {str(two.id), str(twin.id)}


async def test_a_session_is_renewed(open_site: Site) -> None:
    api = open_site.served.api
    wanted = {"email": "eve@example.org", "delivery": "magic_link"}
    started = (await api.client.post("/v1/auth/login", json=wanted)).json()
    mailbox = open_site.settings.home / "mailbox"
    await until(lambda: any(mailbox.glob("*.eml")))
    mail = next(mailbox.glob("*.eml")).read_text().replace("=\n", "").replace("=3D", "=")
    link = next(word for word in mail.split() if started["challengeId"] in word)
    async with open_http(open_site.url) as http:
        session = await Session.by_link(http, link)
        first, session.bearer = session.bearer, session.bearer[:-4]
        me = await Client(http, session).call("GET", "/me")
        assert me["email"] == "eve@example.org"
        assert session.bearer not in (first, first[:-4])
        await session.end(http)
        assert not await session.renew(http)


async def test_events_that_were_missed_are_read_instead(postgres: str, tmp_path: Path, card: Path) -> None:
    """The stream ends and cannot be opened again while everything happens; the log has moved on too far to be told."""
    async with site(postgres, tmp_path, stream_lifetime=0.2, event_far_behind=0) as alone:
        ada = await alone.make.user()
        project = await alone.make.project(ada)
        board = Board.of(scan([card]))
        async with alone.importing(ada, project.id, board) as job:
            running = asyncio.create_task(job.run())

            async def finalized() -> bool:
                return len(await alone.rows("SELECT 1 FROM assets WHERE status = 'processing'")) == 12

            async def ready() -> bool:
                return len(await alone.rows("SELECT 1 FROM assets WHERE status = 'ready'")) == 12

            await until_seen(finalized)
            away, alone.proxy.target = alone.proxy.target, lambda: 1
            alone.proxy.drop()
            async with alone.working():
                await until_seen(ready)
            assert stages(board) == {Stage.PROCESSING: 12}
            alone.proxy.target = away
            await asyncio.wait_for(running, 20)
        assert stages(board) == {Stage.READY: 12}


async def test_without_waiting(postgres: str, tmp_path: Path, card: Path) -> None:
    async with site(postgres, tmp_path) as alone:
        report = await alone.bring(await alone.make.user(), "Soon", card, wait=False)
        assert (stages(report.board), report.exit_code) == ({Stage.PROCESSING: 12}, 0)
        assert report.document()["processing"] == 12


# --- the command ---------------------------------------------------------------------------------------------------


async def kilo(site: Site, actor: UserActor, *arguments: str | Path) -> asyncio.subprocess.Process:
    """``kilo import`` in a process of its own."""
    env = {**os.environ, "KILO_URL": site.url, "KILO_TOKEN": site.token(actor), "NO_COLOR": "1", "COLUMNS": "160"}
    command = (sys.executable, "-c", "from kilo_gql.cli import main; main()", "import", *map(str, arguments))
    return await asyncio.create_subprocess_exec(
        *command, env=env, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def test_a_program_gets_one_document(open_site: Site, card: Path, shoot: Path) -> None:
    broken = shoot / "phone" / "IMG_4005.JPG"
    ada = await open_site.make.user()
    process = await kilo(open_site, ada, card, broken, "--project", "Document", "--json")
    out, _ = await process.communicate()
    document = json.loads(out)
    assert process.returncode == 1
    assert (document["imported"], document["alreadyThere"], document["failed"]) == (12, 0, [])
    [quarantined] = document["quarantined"]
    assert (quarantined["path"], quarantined["code"]) == (str(broken), "not_an_image")
    assert quarantined["reason"]
    assert quarantined["remediation"]
    [row] = await open_site.rows("SELECT status FROM assets WHERE id = :id", id=quarantined["assetId"])
    assert row.status == "quarantined"


async def test_a_dry_run_asks_nobody(open_site: Site, card: Path) -> None:
    (card / "notes.txt").write_text("words")
    ada, passed = await open_site.make.user(), open_site.proxy.passed
    process = await kilo(open_site, ada, card, "--project", "Dry", "--json", "--dry-run")
    out, err = await process.communicate()
    document = json.loads(out)
    assert (process.returncode, open_site.proxy.passed) == (0, passed)
    assert [Path(file["path"]).name for file in document["files"]] == [f"KLO_{n:04}.JPG" for n in range(1, 13)]
    assert [Path(file["path"]).name for file in document["skipped"]] == ["notes.txt"]
    assert ".jpg" in err.decode()


async def test_ctrl_c_stops_and_the_same_command_goes_on(open_site: Site, card: Path) -> None:
    (card / "big.jpg").write_bytes(b"\xff\xd8\xff" + bytes(24_000_000))
    ada = await open_site.make.user()
    proxy = open_site.proxy
    proxy.bandwidth, before = 2e6, proxy.passed
    process = await kilo(open_site, ada, card, "--project", "Stopped", "--parallel", "1")
    await until(lambda: proxy.passed > before + 1_500_000, 30)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")
    assert "Run the same command again: it goes on where it was." in out.decode()
    proxy.bandwidth = None
    process = await kilo(open_site, ada, card, "--project", "Stopped", "--json")
    out, _ = await process.communicate()
    document = json.loads(out)
    # a picture that is black and too short is one that the server does not take
    assert (document["imported"] + document["alreadyThere"], len(document["quarantined"])) == (12, 1)
    assert document["stopped"] is False
    assert 0 < document["bytesSent"] < 24_000_003 + sum(path.stat().st_size for path in card.glob("KLO*"))
    uploads = await open_site.rows(
        "SELECT DISTINCT status FROM uploads WHERE project_id = :id", id=document["projectId"]
    )
    assert [row.status for row in uploads] == ["finalized"]


async def test_a_server_that_is_not_there_is_not_waited_for_long(open_site: Site, card: Path) -> None:
    token = Token(open_site.token(await open_site.make.user()))
    with pytest.raises(Unavailable) as gave_up:
        await run(
            Wish([card], "None", patience=0), f"http://127.0.0.1:{free_port()}", token, Console(file=io.StringIO())
        )
    assert gave_up.value.code == "server_unreachable"


async def test_a_refusal_is_a_sentence_and_what_to_do(open_site: Site, card: Path) -> None:
    process = await kilo(open_site, await open_site.make.user(), card / "nowhere", "--project", "None")
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().split("\n", 1)[0].startswith("There is no file or folder")
