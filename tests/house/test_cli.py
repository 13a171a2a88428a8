"""The ``kilo`` command: what a person types, and what comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from migrations import HEAD
from resolvers.schema import SDL

ROOT = Path(__file__).parents[2]


def kilo(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from kilo_gql.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KILO_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200", **env},
        check=False,
    )


def test_schema_prints_the_sdl_and_the_openapi_document(tmp_path: Path) -> None:
    assert kilo("schema", "graphql", home=tmp_path).stdout == SDL
    document = json.loads(kilo("schema", "openapi", home=tmp_path).stdout)
    assert document["openapi"] == "3.0.3"
    assert "/projects" in document["paths"]


def test_without_a_database_it_says_what_to_do(tmp_path: Path) -> None:
    done = kilo("token", "--email", "ada@example.org", home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "The embedded PostgreSQL of this KILO_HOME is not running." in done.stderr
    assert "kilo up" in done.stderr


def test_migrate_token_and_doctor(tmp_path: Path, database_url: str) -> None:
    env = {"KILO_DATABASE_URL": database_url}
    assert kilo("migrate", home=tmp_path, **env).stdout == f"schema {HEAD}\n"
    minted = kilo("token", "--email", "ada@example.org", "--scopes", "project.read", home=tmp_path, **env)
    assert minted.stdout.startswith("kpat_")
    assert minted.returncode == 0
    refused = kilo("token", "--email", "ada@example.org", "--scopes", "everything", home=tmp_path, **env)
    assert (refused.returncode, refused.stdout) == (1, "")
    doctor = kilo("doctor", "--json", home=tmp_path, **env)
    found = {finding["part"]: finding["ok"] for finding in json.loads(doctor.stdout)}
    assert found == {
        "database": True,
        "queue": True,
        "store": None,
        "disk": True,
        "versions": True,
        "decoders": True,
        "gpu": found["gpu"],
        "weights": None,
    }
    assert doctor.returncode == 0
    broken = kilo("doctor", home=tmp_path, KILO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert broken.returncode == 1
    assert "fails" in broken.stdout
