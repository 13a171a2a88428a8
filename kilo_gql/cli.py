"""The ``kilo`` command."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kilo_gql.config import Settings
from kilo_gql.errors import KiloError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="KILO: from card to client.")
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
) -> None:
    """Check database, store, queue, disk, versions and models. Exit code 1 if something needed is missing."""
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


def main() -> None:
    """Run the command; expected failures are said in a sentence, with what to do."""
    try:
        app()
    except KiloError as error:
        complaints.print(f"[red]{error.message}[/]")
        for hint in error.remediation:
            complaints.print(f"  • {hint}")
        raise SystemExit(1) from None
