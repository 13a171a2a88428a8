"""Nothing grows beyond what a reader holds in the head."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("kilo_gql", "schema", "resolvers", "tasks", "ml")
MODULE_LINES, FUNCTION_LINES = 600, 60


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_modules_end() -> None:
    long = {path.relative_to(ROOT): n for path in sources() if (n := len(path.read_text().splitlines())) > MODULE_LINES}
    assert long == {}


def test_functions_end() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": lines
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_no_rooms_without_a_name() -> None:
    bad = ("utils.py", "helpers.py", "misc.py", "common.py")
    assert [path for path in sources() if path.name in bad] == []
