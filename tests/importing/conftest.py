"""A whole installation behind a proxy that can break connections, and a small shoot to import."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import text

from kilo_gql import sample_shoot
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.config import Settings
from kilo_gql.importing.board import Board, Stage
from kilo_gql.importing.client import Client, Token, open_http
from kilo_gql.importing.command import Wish, run
from kilo_gql.importing.report import Report
from kilo_gql.importing.run import Import
from kilo_gql.models import Queue
from kilo_gql.worker import open_worker
from tests.support.fault_proxy import FaultProxy
from tests.support.make import Make
from tests.support.postgres import new_database
from tests.support.running import UNHURRIED
from tests.support.serving import Served, serving

#: Long edge of the test shoot's pictures in pixels, and what it consists of.
SMALL = 240
FILES, PHOTOS, BROKEN, PASSED_OVER = 39, 37, 2, 2


@dataclass
class Site:
    """An installation at ``proxy``; its workers work as long as a block of ``working`` runs."""

    settings: Settings
    served: Served
    proxy: FaultProxy
    printed: io.StringIO = field(default_factory=io.StringIO)

    @property
    def url(self) -> str:
        return self.settings.base_url

    @property
    def make(self) -> Make:
        return Make(self.served.api.services.db)

    def token(self, actor: UserActor) -> str:
        """A bearer of somebody."""
        return self.served.api.headers(actor)["authorization"].removeprefix("Bearer ")

    async def bring(self, actor: UserActor, project: str, *paths: Path, **how: Any) -> Report:
        """``kilo import`` as somebody, in this process."""
        console = Console(file=self.printed, width=200)
        return await run(Wish(paths, project, **how), self.url, Token(self.token(actor)), console)

    @asynccontextmanager
    async def importing(self, actor: UserActor, project_id: Any, board: Board, **how: Any) -> AsyncIterator[Import]:
        """An import that the test runs itself."""
        async with open_http(self.url) as http:
            yield Import(Client(http, Token(self.token(actor))), board, project_id, **how)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with open_worker(self.settings, [Queue.IO, Queue.CPU]):
            yield

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.served.api.services.db.transaction(System("test"), Perm.SYSTEM, write=False) as tx:
            return list((await tx.unchecked(text(statement), values)).all())


@asynccontextmanager
async def site(postgres: str, home: Path, **settings: Any) -> AsyncIterator[Site]:
    async with new_database(postgres) as url, FaultProxy(lambda: served.port) as proxy:
        chosen = Settings(
            home=home,
            database_url=SecretStr(url),
            secret_key=SecretStr("a test secret of 32 characters!!"),
            base_url=f"http://127.0.0.1:{proxy.port}",
            **{**UNHURRIED, **settings},
        )
        async with serving(chosen) as served:
            yield Site(chosen, served, proxy)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_site(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One for a module, with a worker. Its event streams end all the time."""
    async with site(postgres, tmp_path_factory.mktemp("home"), stream_lifetime=0.5) as opened, opened.working():
        yield opened


@pytest.fixture(scope="session")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shoot, small."""
    folder = tmp_path_factory.mktemp("shoot")
    sample_shoot.render(folder, SMALL)
    return folder


@pytest.fixture
def card(shoot: Path, tmp_path: Path) -> Path:
    """Twelve whole JPEGs of it: what a test does to its card, it does to that card alone."""
    folder = tmp_path / "DCIM"
    folder.mkdir()
    for number in range(1, 13):
        name = f"KLO_{number:04}.JPG"
        (folder / name).write_bytes((shoot / "DCIM" / "100KILO" / name).read_bytes())
    return folder


def stages(board: Board) -> dict[Stage, int]:
    """How many files stand where."""
    return {stage: count for stage, count in board.counts.items() if count}
