"""The catalogue of error codes is complete, and holds nothing that was never raised."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("kilo_gql", "resolvers", "schema", "tasks")


def raised() -> set[str]:
    """Every literal that is given as ``code=`` or ``default_code``."""
    codes = set()
    for package in SOURCES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.keyword) and node.arg == "code":
                    codes |= {leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant)}
                if isinstance(node, ast.AnnAssign | ast.Assign) and "default_code" in ast.dump(node):
                    codes |= {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
    return {code for code in codes if isinstance(code, str) and re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)}


def test_the_catalogue_is_complete() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9_]+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.M))
    assert listed == raised()
