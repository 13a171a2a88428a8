"""Where the guard is lifted: every use of ``tx.trust`` is listed here, with the reason it gives."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kilo_gql.access import Anonymous, Perm
from kilo_gql.db import Database
from kilo_gql.models import LoginChallenge
from tests.support.login import count
from tests.support.make import Make

ROOT = Path(__file__).parents[2]
PACKAGES = ("kilo_gql", "resolvers", "schema", "tasks")

#: (file, function): reason. A new one needs a review: could the right follow from a row the actor sees instead?
TRUSTED = {
    ("kilo_gql/domain/auth.py", "start_login"): "nobody is signed in yet",
    ("kilo_gql/domain/auth.py", "verify_login"): "a mailed code is its own proof",
    (
        "kilo_gql/domain/client_counts.py",
        "tell_count",
    ): "a photo's count is of all galleries of its project, and is told to the project alone",
    (
        "kilo_gql/domain/guesses.py",
        "count_guess",
    ): "wrong guesses are counted before anybody is let in",
    ("kilo_gql/domain/guesses.py", "give_back"): "wrong guesses are counted before anybody is let in",
    (
        "kilo_gql/domain/guest_rows.py",
        "_guests",
    ): "how many guests a gallery has had is not for guests to see, but there is an end to it",
    (
        "kilo_gql/domain/gallery_proposals.py",
        "note",
    ): "what guests favour is compared with what the photographer chose, which no guest may see",
    (
        "kilo_gql/domain/gallery_cards.py",
        "_find",
    ): "a card is for whoever has the link of an open gallery",
    (
        "kilo_gql/domain/gallery_cards.py",
        "render_gallery_card",
    ): "the card of an open gallery is made for whoever has its link",
    (
        "kilo_gql/domain/gallery_downloads.py",
        "_files",
    ): "a mark may say the project's title, also on what guests take home",
    ("kilo_gql/domain/gallery_downloads.py", "_prepare"): "what a guest may take home is made for them",
    (
        "kilo_gql/domain/gallery_files.py",
        "find_picture",
    ): "a guest knows a picture by its address, which is checked against the gallery as it is now",
    (
        "kilo_gql/domain/gallery_media.py",
        "pictures",
    ): "a mark may say the project's title, which guests do not see otherwise",
    (
        "kilo_gql/domain/gallery_renders.py",
        "render_gallery_picture",
    ): "a picture that its gallery shows is made for whoever may see it",
    ("kilo_gql/domain/invitations.py", "accept_invitation"): "an invited person is no member yet",
    (
        "kilo_gql/domain/ranker_rows.py",
        "forget_suggestions",
    ): "a person's own suggestions go with their ranker, in whichever project",
    (
        "kilo_gql/domain/sharing.py",
        "find",
    ): "a guest knows a gallery by its address alone, and sees nothing before it is let in",
    ("kilo_gql/domain/sessions.py", "refresh"): "a refresh token is its own proof",
}


def uses() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "trust":
                    assert isinstance(call.args[0], ast.Constant), "the reason is a literal"
                    found[str(path.relative_to(ROOT)), function.name] = call.args[0].value
    return found


def test_every_use_is_listed() -> None:
    assert uses() == TRUSTED


def test_the_flag_behind_it_is_set_nowhere_else() -> None:
    setters = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "lifted" and isinstance(node.ctx, ast.Store)
    ]
    assert setters == ["kilo_gql/db.py", "kilo_gql/db.py"]


async def test_the_guard_comes_back(make: Make, db: Database) -> None:
    challenge = LoginChallenge(email="x", delivery="email_code", attempts=0, expires_at=db.house.clock())
    async with db.transaction(Anonymous(), Perm.PUBLIC) as tx:
        with pytest.raises(ZeroDivisionError), tx.trust("test"):
            raise ZeroDivisionError
        with tx.trust("outer"):
            with tx.trust("inner"):
                pass
            assert tx.trusted
        assert not tx.trusted
        tx.add(challenge)
        with pytest.raises(RuntimeError, match="without a grant"):
            await tx.flush()
    assert await count(db, LoginChallenge) == 0
