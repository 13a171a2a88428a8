"""The ``kilo`` command."""

from __future__ import annotations

import asyncio
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from kilo_gql import model_commands
from kilo_gql.config import Settings
from kilo_gql.errors import BadRequest, KiloError

if TYPE_CHECKING:
    from kilo_gql.importing.command import Wish
    from kilo_gql.importing.report import Report

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="KILO: from card to client.")
app.add_typer(model_commands.app, name="models")
evaluation = typer.Typer(no_args_is_help=True, help="Measure how good KILO is.")
app.add_typer(evaluation, name="eval")
console = Console()
complaints = Console(stderr=True)


class Document(StrEnum):
    """What ``kilo schema`` can print."""

    GRAPHQL = "graphql"
    OPENAPI = "openapi"


Host = Annotated[str | None, typer.Option(help="Address to listen on (KILO_HOST).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (KILO_PORT).")]


def _settings(host: str | None = None, port: int | None = None) -> Settings:
    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings(**chosen)  # type: ignore[arg-type]
    if port is not None and "base_url" not in settings.model_fields_set:
        settings = settings.model_copy(update={"base_url": f"http://{settings.host}:{port}"})
    return settings


@app.command()
def up(host: Host = None, port: Port = None) -> None:
    """Start everything: embedded PostgreSQL, migrations, API and worker. Prints a one-time sign-in link."""
    from kilo_gql import up as stack  # the command loads only what it runs

    stack.run(_settings(host, port), console)


@app.command()
def demo() -> None:
    """Show the main job on a fresh installation. ONCE=1 stops at the end, PHOTOS=dir brings your own photos."""
    from kilo_gql import demo as show

    show.run(console)


@app.command("import")
def import_photos(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Photos, folders, cards.")],
    project: Annotated[str, typer.Option(help="Its id or title; a new title makes a project.")],
    url: Annotated[str | None, typer.Option(envvar="KILO_URL", help="The server; none: the one of KILO_HOME.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="Holds a bearer; else KILO_TOKEN is taken.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Files sent at a time.")] = 4,
    wait: Annotated[bool, typer.Option(help="Until every photo is ready or quarantined.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document at the end.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what would be imported; ask nobody.")] = False,
) -> None:
    """Bring photos in: resumes where it was, skips what is there. Exit code 1 if a file is not in, 130 after Ctrl-C."""
    from kilo_gql.importing import command

    wish = command.Wish(paths, project, parallel, wait)
    screen = complaints if as_json else console
    if dry_run:
        found = command.dry_run(wish, screen)
        if as_json:
            typer.echo(command.document(found))
        return
    bearer = token_file.read_text().strip() if token_file is not None else os.environ.get("KILO_TOKEN")
    report = asyncio.run(_import(wish, url, bearer, screen))
    if as_json:
        typer.echo(json.dumps(report.document(), indent=2))
    else:
        report.print(console)
    raise typer.Exit(report.exit_code)


async def _import(wish: Wish, url: str | None, bearer: str | None, screen: Console) -> Report:
    """Import with the token given, or signed in as the owner of this machine's installation."""
    from kilo_gql.importing import client, command

    settings = Settings()
    if bearer:
        return await command.run(wish, url or settings.base_url, client.Token(bearer), screen)
    from kilo_gql import up as stack

    link = await stack.sign_in_link(settings)
    async with client.open_http(url or settings.base_url) as http:
        session = await client.Session.by_link(http, link)
        try:
            return await command.run(wish, str(http.base_url), session, screen)
        finally:
            await session.end(http)


@app.command()
def api(host: Host = None, port: Port = None) -> None:
    """Serve GraphQL and REST; the database must be there."""
    from kilo_gql import serve

    serve.run(_settings(host, port))


@app.command()
def worker(
    queues: Annotated[str, typer.Option(help="Comma separated: io, cpu, gpu.")] = "io,cpu",
    processes: Annotated[int | None, typer.Option(help="Worker processes (KILO_WORKER_PROCESSES).")] = None,
) -> None:
    """Do background work; starts over a process that dies."""
    from kilo_gql import supervisor

    raise typer.Exit(supervisor.run_workers(Settings(), queues, processes))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from kilo_gql import backing
    from kilo_gql import migrate as chain

    before, after = chain.migrate_sync(backing.database_url(Settings()))
    console.print(f"schema {after}" if before == after else f"schema {before or 'empty'} → {after}")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    deep: Annotated[bool, typer.Option(help="Check instead that database and stored files fit together.")] = False,
    decode: Annotated[bool, typer.Option(help="With --deep: read every byte, open every rendition.")] = False,
) -> None:
    """Check database, store, queue, disk, versions and models. Exit code 1 if something needed is missing."""
    if deep:
        from kilo_gql import safekeeping

        raise typer.Exit(0 if asyncio.run(safekeeping.deep(Settings(), console, decode=decode, as_json=as_json)) else 1)
    from kilo_gql import health

    findings = asyncio.run(health.examine(Settings()))
    if as_json:
        console.print_json(json.dumps([{"part": f.part, "ok": f.ok, "says": f.says} for f in findings]))
    else:
        table = Table("part", "", "finding", "what to do")
        for found in findings:
            mark = {True: "[green]ok[/]", False: "[red]fails[/]", None: "[dim]absent[/]"}[found.ok]
            table.add_row(found.part, mark, found.says, found.remedy if found.ok is False else "")
        console.print(table)
    raise typer.Exit(1 if any(found.ok is False for found in findings) else 0)


@app.command()
def verify(
    project: Annotated[UUID | None, typer.Option(help="Only this project's originals.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with a run that did not come to its end.")] = False,
) -> None:
    """Read every original again and compare it with its checksum. Exit code 1 if one is damaged."""
    from kilo_gql import safekeeping

    sound = asyncio.run(safekeeping.verify(Settings(), console, project, resume=resume))
    raise typer.Exit(0 if sound else 1)


@app.command()
def backup(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Write the database and all stored files into a folder. KILO may go on working meanwhile."""
    from kilo_gql import safekeeping

    raise typer.Exit(0 if asyncio.run(safekeeping.make_backup(Settings(), console, folder)) else 1)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `kilo backup` wrote.")],
    replace: Annotated[bool, typer.Option(help="The present database may be lost.")] = False,
) -> None:
    """Bring a backup back into an empty installation that is not running."""
    from kilo_gql import safekeeping

    sound = asyncio.run(safekeeping.bring_back(Settings(), console, folder, replace=replace))
    raise typer.Exit(0 if sound else 1)


@app.command()
def schema(document: Annotated[Document, typer.Argument(help="graphql or openapi")] = Document.GRAPHQL) -> None:
    """Print the GraphQL SDL or the OpenAPI document."""
    if document is Document.GRAPHQL:
        from resolvers.schema import SDL

        typer.echo(SDL, nl=False)
        return
    from kilo_gql.rest.openapi import document as openapi
    from kilo_gql.rest.routes import ROUTES

    typer.echo(json.dumps(openapi(ROUTES, Settings().base_url), indent=2))


@app.command()
def token(
    email: Annotated[str, typer.Option(help="Whose token; the user is made if need be.")],
    scopes: Annotated[str, typer.Option(help="Comma separated permissions.")] = "*",
) -> None:
    """Mint a bearer for scripts and print it."""
    from kilo_gql import up as stack

    typer.echo(asyncio.run(stack.mint_token(Settings(), email, scopes.split(","))))


@evaluation.command("cull")
def eval_cull(
    photos: Annotated[Path, typer.Option(help="A folder of photos to make shoots and clusters of.")],
    series: Annotated[Path | None, typer.Option(help="CSV of real choices: series,file,picked[,rater].")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same photos and seed give the same report.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A small sample, in seconds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Judge grouping and winners. Exit code 2 if the folder or the table is of no use."""
    from kilo_gql import eval_cull as command

    try:
        report = command.run(photos, series, seed, quick=quick, screen=complaints)
    except BadRequest as error:
        complaints.print(error.message, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(command.document(report))
    else:
        command.show(report, console)


def main() -> None:
    """Run the command; expected failures are said in a sentence, with what to do."""
    try:
        app()
    except KiloError as error:
        complaints.print(f"[red]{error.message}[/]")
        for hint in error.remediation:
            complaints.print(f"  • {hint}")
        raise SystemExit(1) from None
