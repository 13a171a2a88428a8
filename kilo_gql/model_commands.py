"""``kilo models``: what there is, what is installed, and what is in use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from kilo_gql.config import Settings
from kilo_gql.errors import BadRequest, Conflict

if TYPE_CHECKING:
    from kilo_gql.model_catalogue import Model
    from kilo_gql.model_store import Manifest, ModelStore

app = typer.Typer(no_args_is_help=True, help="Models that can be installed: faces, eyes, finding photos by words.")
console = Console()
complaints = Console(stderr=True)

Name = Annotated[str, typer.Argument(help="As `kilo models list` has it.")]
Research = Annotated[bool, typer.Option("--accept-research-licence", help="Yours is research: take it all the same.")]


def _store() -> ModelStore:
    from kilo_gql.model_store import ModelStore

    return ModelStore(Settings().home / "models")


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the models KILO knows, which are on this machine, and their licences."""
    from kilo_gql.model_catalogue import CATALOGUE

    installed = {found.name: found for found in _store().installed()}
    if as_json:
        typer.echo(json.dumps([_line(model, installed.get(model.name)) for model in CATALOGUE.values()], indent=2))
        return
    table = Table(Column("name", no_wrap=True), "what it is", "licence", "on this machine")
    for model in CATALOGUE.values():
        found = installed.get(model.name)
        licence = f"{model.licence} [red](research alone)[/]" if model.research_only else model.licence
        table.add_row(model.name, model.title, licence, f"{found.sha256[:8]}" if found else "[dim]no[/]")
    console.print(table)


def _line(model: Model, found: Manifest | None) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "title": model.title,
        "revision": model.revision,
        "licence": model.licence,
        "licenceUrl": model.licence_url,
        "researchOnly": model.research_only,
        "pullable": model.pullable,
        "dim": model.dim,
        "installed": None if found is None else found.sha256,
    }


@app.command()
def pull(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about the licence.")] = False,
    accept_research: Research = False,
) -> None:
    """Download a model: a pinned revision, checked against its SHA-256. Cut downloads go on where they were."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from kilo_gql.model_catalogue import find

    model = find(name)
    _licence(model, ask=not yes)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=complaints) as bars:
        tasks: dict[str, Any] = {}

        def progressed(file: str, done: int, size: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file)
            bars.update(tasks[file], completed=done, total=size)

        _installed(_store().pull(model, accept_research=accept_research, on_progress=progressed))


@app.command()
def add(
    name: Name,
    file: Annotated[list[Path], typer.Option(help="A file of the model, under its own name; once for each.")],
    accept_research: Research = False,
) -> None:
    """Install a model from files that are here already, with the same checks."""
    from kilo_gql.model_catalogue import find

    model = find(name)
    known = {one.name for one in model.files}
    if strange := [path.name for path in file if path.name not in known]:
        raise BadRequest(
            f"{strange[0]} is no file of {name}.",
            code="model_file_unknown",
            remediation=[f"Its files are called {', '.join(sorted(known))}."],
        )
    _licence(model, ask=False)
    _installed(_store().add(model, {path.name: path for path in file}, accept_research=accept_research))


@app.command()
def verify(name: Annotated[str | None, typer.Argument(help="None: every installed one.")] = None) -> None:
    """Hash installed models again. Exit code 1 if a file is damaged."""
    store = _store()
    names = [name] if name is not None else [found.name for found in store.installed()]
    damaged = {one: bad for one in names if (bad := store.damaged(one))}
    for one in names:
        says = f"[red]damaged: {', '.join(damaged[one])}[/]" if one in damaged else "[green]ok[/]"
        console.print(f"{one}: {says}")
    raise typer.Exit(1 if damaged else 0)


@app.command()
def use(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Take it out of use.")] = False,
) -> None:
    """Work with an installed model from now on, on every worker. A new space is built beside the one that serves."""
    from kilo_gql.model_catalogue import find

    asyncio.run(_stop(name) if off else _use(find(name)))


@app.command()
def remove(name: Name) -> None:
    """Take a model out of use and delete its files from this machine."""
    store = _store()
    if store.manifest(name) is not None:
        asyncio.run(_stop(name))
    store.remove(name)
    console.print(f"{name} is gone.")


async def _use(model: Model) -> None:
    from kilo_gql import safekeeping
    from kilo_gql.domain import embeddings, measuring
    from kilo_gql.model_catalogue import ModelKind

    store = _store()
    if (found := store.manifest(model.name)) is None:
        store.damaged(model.name)  # says that it is not installed
        raise AssertionError("unreachable")
    if bad := store.damaged(model.name):
        raise Conflict(
            f"{model.name} is damaged: {', '.join(bad)}.",
            code="model_damaged",
            remediation=[f"Install it again: `kilo models pull {model.name}`."],
        )
    async with safekeeping.system(Settings(), "models") as tx:
        if model.kind is ModelKind.EMBEDDING:
            space = await embeddings.use(tx, model, found.sha256)
            says = f"The space {space.name} is {space.state.value}."
        else:
            await embeddings.use_faces(tx, model, found.sha256)
            await measuring.remeasure_all(tx)
            says = f"{model.name} is in use; photos are measured again in the background."
    console.print(says)


async def _stop(name: str) -> None:
    from kilo_gql import safekeeping
    from kilo_gql.domain import embeddings

    async with safekeeping.system(Settings(), "models") as tx:
        used = await embeddings.stop_using(tx, name)
    console.print(f"{name} is out of use." if used else f"{name} was not in use.")


def _licence(model: Model, *, ask: bool) -> None:
    complaints.print(f"{model.title}\nLicence: {model.licence}, {model.licence_url}")
    if ask and not typer.confirm("Install it under this licence?", err=True):
        raise typer.Exit(1)


def _installed(manifest: Manifest) -> None:
    for line in _files(manifest):
        console.print(line)
    console.print(f"{manifest.name} is installed. `kilo models use {manifest.name}` sets it to work.")


def _files(manifest: Manifest) -> Sequence[str]:
    return [f"{file.name}  {file.byte_size:,} bytes  sha256 {file.sha256}" for file in manifest.files]
