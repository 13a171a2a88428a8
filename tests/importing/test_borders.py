"""The importer is a client like any other."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import kilo_gql.importing


def test_the_importer_knows_nothing_but_the_public_api() -> None:
    folder = Path(kilo_gql.importing.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    ours = {name for name in names if name.split(".")[0] in ("kilo_gql", "ml", "tasks", "resolvers", "schema")}
    assert {name for name in ours if not name.startswith("kilo_gql.importing")} == {"kilo_gql.errors", "ml.formats"}
    others = {name.split(".")[0] for name in names - ours} - set(sys.stdlib_module_names)
    assert others == {"httpx", "orjson", "rich"}
