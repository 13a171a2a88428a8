"""The build files say one thing: what is declared is locked, what is locked is portable, and torch stays optional."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
HEAVY = ("torch", "timm", "nvidia")
BUILD_FILES = [
    ROOT / name
    for name in ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run", "Dockerfile", "docker-compose.yml")
] + sorted((ROOT / "tools").glob("*.py"))


def locked() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.!]+", line)] == []
    return dict(line.split("==") for line in pins)


def declared() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def reachable(name: str, extras: frozenset[str]) -> set[str]:
    """Every distribution that installing ``name[extras]`` brings on this machine."""
    found: set[str] = set()
    waiting, seen = [(name, extras)], set()
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        found.add(item[0])
        for line in importlib.metadata.requires(item[0]) or ():
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *item[1])):
                waiting.append((canonicalize_name(need.name), frozenset(need.extras)))
    return found


def test_every_declared_dependency_is_pinned_to_a_version_it_admits() -> None:
    pins = locked()
    assert [str(need) for need in declared() if pins.get(canonicalize_name(need.name)) not in need.specifier] == []


def test_everything_that_base_and_dev_bring_is_pinned_and_installed_at_its_pin() -> None:
    pins = locked()
    names = reachable("kilo", frozenset({"dev"})) - {"kilo"}
    assert {name: importlib.metadata.version(name) for name in names} == {name: pins.get(name) for name in names}


def test_torch_comes_with_the_ml_extra_alone() -> None:
    asking = {
        extra
        for extra, lines in PROJECT["project"]["optional-dependencies"].items()
        if any(canonicalize_name(Requirement(line).name).startswith(HEAVY) for line in lines)
    }
    assert asking == {"ml"}
    found = reachable("kilo", frozenset({"dev"}))
    assert {"starlette", "pytest"} < found
    assert {name for name in found if name.startswith(HEAVY)} == set()


def test_build_files_name_no_index_and_no_place_on_one_machine() -> None:
    forbidden = re.compile(
        r"--(extra-)?index-url|--find-links|\bfile:/|\bgit\+|(?<![\w.$}])/(home|root(?!/\.cache/pip)|Users|work|mnt|tmp/\w+/)\b"
    )
    found = {(path.name, match[0]) for path in BUILD_FILES for match in forbidden.finditer(path.read_text())}
    assert found == set()


def test_the_listed_packages_are_the_ones_that_stand_at_the_top() -> None:
    not_shipped = {"bench", "docs", "tests", "tools"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - not_shipped == set(PACKAGES)


def test_each_package_is_ours_from_any_folder(tmp_path: Path) -> None:
    """The names are generic: a distribution of the same name, installed later, must not be found first."""
    code = "import importlib.util as u, sys; print(*(u.find_spec(name).origin for name in sys.argv[1:]), sep='\\n')"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    answer = subprocess.run(
        [sys.executable, "-c", code, *PACKAGES],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [str(ROOT / name / "__init__.py") for name in PACKAGES]
