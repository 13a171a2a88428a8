"""Imports run one way; torch stays out of the API."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("kilo_gql", "schema", "resolvers", "tasks", "ml", "migrations")

DOORS = ("kilo_gql.rest", "kilo_gql.graphql", "kilo_gql.app", "kilo_gql.cli", "kilo_gql.worker", "resolvers", "schema")
#: Who must not import what.
FORBIDDEN = {
    "kilo_gql.models": ("kilo_gql.domain", "kilo_gql.db", "kilo_gql.operations", "tasks", "starlette", *DOORS),
    "kilo_gql.domain": ("tasks", "starlette", "strawberry", "dramatiq", "torch", "ml", "kilo_gql.config", *DOORS),
    "kilo_gql.db": ("kilo_gql.domain", "kilo_gql.operations", "kilo_gql.config", "tasks", *DOORS),
    "kilo_gql.operations": ("kilo_gql.domain", "kilo_gql.config", "tasks", *DOORS),
    "kilo_gql.rest": ("schema", "resolvers", "tasks", "strawberry", "kilo_gql.graphql", "kilo_gql.app"),
    "kilo_gql.graphql": ("resolvers", "schema", "tasks", "kilo_gql.rest", "kilo_gql.app"),
    "schema": ("resolvers", "tasks", "starlette", "kilo_gql.rest", "kilo_gql.app"),
    "resolvers": ("tasks", "starlette", "sqlalchemy", "kilo_gql.rest", "kilo_gql.app", "kilo_gql.db"),
    "tasks": ("resolvers", "schema", "starlette", "strawberry", "kilo_gql.rest", "kilo_gql.graphql", "kilo_gql.app"),
    "ml": ("kilo_gql", "schema", "resolvers", "tasks", "sqlalchemy", "starlette"),
    "migrations": ("kilo_gql.domain", "tasks", *DOORS),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    wrong = {
        f"{module} imports {name}"
        for module, path in modules()
        if inside(module, package)
        for name in imported(path)
        if any(inside(name, forbidden) for forbidden in FORBIDDEN[package])
    }
    assert wrong == set()


def test_nothing_imports_the_tests() -> None:
    assert [m for m, path in modules() if any(inside(name, "tests") for name in imported(path))] == []


def test_the_api_loads_no_torch_and_no_pixels() -> None:
    heavy = "{'torch', 'timm', 'rawpy', 'PIL', 'usearch'}"
    code = f"import sys, kilo_gql.app; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
