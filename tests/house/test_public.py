"""What anybody may do, and what nobody may: both sets are spelled out, so that neither grows by accident."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from kilo_gql import domain
from kilo_gql.access import RULES, SCOPES, Anonymous, Guest, Perm, TokenActor, UserActor, admit
from kilo_gql.errors import Forbidden
from kilo_gql.models.base import uuid7
from kilo_gql.operations import OPERATIONS
from kilo_gql.rest.routes import ROUTES
from tests.support.doors import root_fields

for module in pkgutil.iter_modules(domain.__path__):
    importlib.import_module(f"{domain.__name__}.{module.name}")

#: Signing in, and being a guest of a gallery: that is all that somebody without a proof can do.
PUBLIC = {
    "start_login",
    "verify_login",
    "refresh",
    # what guests of galleries do, each of which begins with ``sharing``
    "authenticate_guest",
    "comment_asset",
    "delete_own_comment",
    "favorite_asset",
    "follow_gallery",
    "name_guest",
    "open_download",
    "open_gallery",
    "open_gallery_card",
    "open_gallery_picture",
    "record_visit",
    "render_gallery_card",
    "render_gallery_picture",
    "request_download",
    "select_asset",
    "shared_comments",
    "shared_lists",
    "shared_photo",
    "shared_photos",
    "submit_selection",
}
#: For whoever runs the installation, by the command line; and for the upload address, which is its own permission.
SYSTEM = {"mint_link", "mint_token", "find_upload", "commit_upload", "mark_stored"}
#: What no API token may hold: it could widen its own rights, or outlive their loss.
SIGNED_IN_ONLY = {"account.manage", "member.manage", "invitation.accept", "studio.manage", "ranker.manage"}

SOMEBODY = (
    Anonymous(),
    UserActor(uuid7(), uuid7()),
    TokenActor(uuid7(), uuid7(), ("*",)),
    Guest(uuid7(), uuid7()),
)


def of(perm: Perm) -> set[str]:
    return {name for name, operation in OPERATIONS.items() if operation.perm is perm}


def test_the_public_operations() -> None:
    assert of(Perm.PUBLIC) == PUBLIC


def test_the_systems_operations() -> None:
    assert of(Perm.SYSTEM) == SYSTEM


def test_no_door_leads_to_the_systems_operations() -> None:
    behind = {found.operation.name for found in root_fields()} | {route.operation.name for route in ROUTES}
    assert behind & SYSTEM == set()


@pytest.mark.parametrize("actor", SOMEBODY, ids=lambda actor: type(actor).__name__)
def test_nobody_is_the_system(actor: Anonymous | UserActor | TokenActor | Guest) -> None:
    with pytest.raises(Forbidden) as refused:
        admit(actor, Perm.SYSTEM)
    assert refused.value.code == "forbidden"


def test_every_other_permission_has_a_rule() -> None:
    assert set(Perm) - set(RULES) == {Perm.PUBLIC, Perm.SYSTEM}


def test_what_tokens_never_hold() -> None:
    assert {perm.value for perm in RULES} - set(SCOPES) == SIGNED_IN_ONLY
