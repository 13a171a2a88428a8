"""The catalogue of error codes is complete, and holds nothing that nobody raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ml.refusals import Reason

ROOT = Path(__file__).parents[2]
SOURCES = ("kilo_gql", "resolvers", "schema", "tasks")
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def trees() -> Iterator[ast.Module]:
    for package in SOURCES:
        for path in (ROOT / package).rglob("*.py"):
            yield ast.parse(path.read_text())


def texts(node: ast.AST) -> set[str]:
    found = {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)}
    return {text for text in found if CODE.fullmatch(text)}


def raised() -> set[str]:
    """Literals given as ``code=``, as a class's ``code`` or ``default_code``, and the limits on documents."""
    codes: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "code":
                codes |= texts(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure":
                codes |= texts(node.args[0]) if node.args else set()
            elif isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and t.id in ("code", "default_code") for t in targets):
                    codes |= texts(node.value)
        codes |= {text for text in texts(tree) if text.startswith("graphql_too_")}
    return codes


def test_the_catalogue_is_complete() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9_]+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE))
    assert listed == raised() | set(Reason)
