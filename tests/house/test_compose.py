"""docker-compose.yml is a valid Compose file, keeps no secret, and runs commands that `kilo` has.

compose-spec.json is the Compose Specification's own schema (compose-spec/compose-spec, Apache-2.0), taken unchanged
from the npm package dclint 3.1.0. It is a draft-07 schema and refers to nothing outside itself.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from kilo_gql.config import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()


@cache
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(COMPOSE)["services"]


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(json.loads(Path(__file__).with_name("compose-spec.json").read_text()))


def kilo_commands() -> list[tuple[str, list[str]]]:
    """Where a ``kilo`` command is written, and its words."""
    found = [(name, service["command"]) for name, service in services().items() if "command" in service]
    found += [
        ("Dockerfile", json.loads(line)) for line in re.findall(r"(?m)^CMD (.+)$", (ROOT / "Dockerfile").read_text())
    ]
    return [(place, command[1:]) for place, command in found if command[0] == "kilo"]


def test_it_follows_the_compose_specification() -> None:
    assert [error.message for error in validator().iter_errors(yaml.safe_load(COMPOSE))] == []


def test_the_schema_refuses_a_misspelt_key() -> None:
    spoilt = yaml.safe_load(COMPOSE)
    spoilt["services"]["api"]["comand"] = []
    assert [error.message for error in validator().iter_errors(spoilt)] == [
        "'comand' does not match any of the regexes: '^x-'"
    ]


def test_secrets_have_no_default() -> None:
    """Each is ``${NAME:?...}``: Compose stops with its name where it is unset. Nothing else looks like a secret."""
    asked = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    assert asked == {
        "KILO_SECRET_KEY",
        "KILO_DATABASE_PASSWORD",
        "KILO_S3_ACCESS_KEY_ID",
        "KILO_S3_SECRET_ACCESS_KEY",
    }
    values = {
        key: value
        for service in services().values()
        for key, value in service.get("environment", {}).items()
        if re.search("PASSWORD|SECRET|KEY|TOKEN", key)
    }
    assert {key for key, value in values.items() if not re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)} == set()


def test_every_setting_is_one_that_kilo_reads() -> None:
    """Misspelt, a variable would be passed over in silence."""
    given = {
        key for service in services().values() for key in service.get("environment", {}) if key.startswith("KILO_")
    }
    assert {key for key in given if key.removeprefix("KILO_").lower() not in Settings.model_fields} == set()


def test_dependencies_that_must_be_healthy_say_when_they_are() -> None:
    healthy, finished = set(), set()
    for service in services().values():
        for name, need in service.get("depends_on", {}).items():
            {"service_healthy": healthy, "service_completed_successfully": finished}[need["condition"]].add(name)
    assert healthy == {"postgres", "redis", "minio"}
    assert {name for name in healthy if "healthcheck" not in services()[name]} == set()
    assert finished == {"migrate", "bucket"}
    assert {name for name in finished if services()[name]["restart"] != "no"} == set()


def test_nothing_gains_privileges_and_only_the_api_is_published_to_this_machine_alone() -> None:
    assert {
        name for name, service in services().items() if service["security_opt"] != ["no-new-privileges:true"]
    } == set()
    assert {name for name, service in services().items() if not service.get("read_only")} == {"postgres"}
    assert {name: service["ports"] for name, service in services().items() if "ports" in service} == {
        "api": ["127.0.0.1:${KILO_PORT:-8400}:8400"]
    }


def test_the_kilo_commands_are_these() -> None:
    assert kilo_commands() == [
        ("api", ["api", "--host", "0.0.0.0"]),
        ("worker", ["worker"]),
        ("worker-gpu", ["worker", "--queues", "gpu"]),
        ("migrate", ["migrate"]),
        ("Dockerfile", ["api", "--host", "0.0.0.0"]),
    ]


@pytest.mark.parametrize("words", [words for _, words in kilo_commands()], ids=[place for place, _ in kilo_commands()])
def test_each_kilo_command_exists_and_takes_its_options(words: list[str]) -> None:
    if importlib.util.find_spec("kilo_gql.cli") is None:
        pytest.skip("kilo_gql/cli.py is not written yet")
    import typer

    from kilo_gql.cli import app

    group = typer.main.get_command(app)
    with group.make_context("kilo", list(words), resilient_parsing=False) as context:
        name, command, rest = group.resolve_command(context, list(words))
        assert name == words[0]
        # parses the options, and raises for one it does not know, without running anything
        command.make_context(name, rest, parent=context).close()
