"""API tokens: shown once, limited to their scopes, never able to widen them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kilo_gql.access import SCOPES, TokenActor
from kilo_gql.db import Database
from kilo_gql.domain import api_tokens, projects, users
from kilo_gql.errors import BadRequest, Conflict, Forbidden, KiloError, NotFound
from kilo_gql.models import ApiToken, Project, User
from kilo_gql.operations import Throat
from tests.conftest import SilentBells
from tests.support.clock import Clock
from tests.support.login import HOUSE, count, everything, row
from tests.support.make import Make


async def test_a_secret_is_shown_once(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    made = (await throat.execute(ada, api_tokens.create_api_token, " CI ", ["project.read"])).value
    assert (made.secret[:5], len(made.secret), made.token.name) == ("kpat_", 48, "CI")
    assert made.secret not in await everything(db) + repr(made)
    with pytest.raises(BadRequest) as refused:
        await throat.execute(ada, api_tokens.create_api_token, "CI", ["project.read"], key="k" * 8)
    assert (refused.value.code, await count(db, ApiToken)) == ("idempotency_not_supported", 1)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["project.read"], ["project.read"]),
        (["project.read", "project.read", "job.run"], ["job.run", "project.read"]),
        (["project.*", "project.update"], ["project.*"]),
        (["*", "project.*", "job.read"], ["*"]),
        (list(SCOPES), sorted(SCOPES)),
    ],
)
async def test_scopes(throat: Throat, make: Make, wanted: list[str], kept: list[str]) -> None:
    made = (await throat.execute(await make.user(), api_tokens.create_api_token, "CI", wanted)).value
    assert made.token.scopes == kept


@pytest.mark.parametrize(
    "scopes",
    [[], [""], ["root"], ["project"], ["p*"], ["**"], ["[a-z]*"], ["account.manage"], ["member.manage"],
     ["studio.manage"], ["public"], ["system"], ["invitation.accept"], ["invitation.*"], ["system.*"],
     ["project.read", "x"]],
)  # fmt: skip
async def test_what_is_no_scope(throat: Throat, make: Make, db: Database, scopes: list[str]) -> None:
    with pytest.raises(BadRequest) as refused:
        await throat.execute(await make.user(), api_tokens.create_api_token, "CI", scopes)
    assert (refused.value.code, await count(db, ApiToken)) == ("unknown_scope", 0)


async def test_a_token_cannot_widen_itself(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    made = (await throat.execute(ada, api_tokens.create_api_token, "all", ["*"])).value
    program = TokenActor(ada.user_id, made.token.id, tuple(made.token.scopes))
    for operation, arguments in (
        (api_tokens.create_api_token, ("x", ["*"])), (api_tokens.revoke_api_token, (made.token.id,)),
        (users.update_me, ("Eve",)), (api_tokens.mint_token, ("eve@example.org",)),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await throat.execute(program, operation, *arguments)
    assert (await throat.execute(program, users.me)).value.display_name == "Ada"
    assert (await count(db, ApiToken), (await row(db, ApiToken)).revoked_at) == (1, None)


async def test_a_token_stays_within_its_scopes(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    project = await make.project(ada)
    reader = TokenActor(ada.user_id, project.id, ("project.read",))
    assert (await throat.execute(reader, projects.get_project, project.id)).value.title == "Wedding"
    with pytest.raises(Forbidden) as refused:
        await throat.execute(reader, projects.create_project, projects.NewProject("x"))
    assert (refused.value.code, refused.value.details) == ("scope_missing", {"scope": "project.create"})
    assert await count(db, Project) == 1


async def test_tokens_end(throat: Throat, make: Make, clock: Clock, bells: SilentBells) -> None:
    ada, eve = await make.user(), await make.user()
    made = (await throat.execute(ada, api_tokens.create_api_token, "CI", ["*"], clock.now + timedelta(days=1))).value
    with pytest.raises(NotFound):
        await throat.execute(eve, api_tokens.revoke_api_token, made.token.id)
    assert [token.id for token in (await throat.execute(ada, api_tokens.list_api_tokens)).value] == [made.token.id]
    assert (await throat.execute(eve, api_tokens.list_api_tokens)).value == []
    for _ in range(2):
        ended = (await throat.execute(ada, api_tokens.revoke_api_token, made.token.id)).value
        assert ended.revoked_at == clock.now
    assert bells.ended == [made.token.id]
    assert (await throat.execute(ada, api_tokens.list_api_tokens)).value == []


async def test_a_hundred_tokens_are_enough(throat: Throat, make: Make, db: Database) -> None:
    ada = await make.user()
    await make.rows(*(ApiToken(user_id=ada.user_id, name="x", scopes=["*"], token_hash=bytes([n])) for n in range(100)))
    with pytest.raises(Conflict) as refused:
        await throat.execute(ada, api_tokens.create_api_token, "x", ["*"])
    assert (refused.value.code, await count(db, ApiToken)) == ("too_many_tokens", 100)


@pytest.mark.parametrize(("name", "seconds"), [("", 1), ("x" * 101, 1), ("a\nb", 1), ("a\x00", 1), ("x", 0), ("x", -1)])
async def test_refused_input(throat: Throat, make: Make, db: Database, clock: Clock, name: str, seconds: int) -> None:
    end = clock.now + timedelta(seconds=seconds)
    with pytest.raises(BadRequest):
        await throat.execute(await make.user(), api_tokens.create_api_token, name, ["*"], end)
    assert await count(db, ApiToken) == 0


async def test_the_house_mints_tokens(throat: Throat, make: Make, db: Database) -> None:
    made = (await throat.execute(HOUSE, api_tokens.mint_token, "Ada@example.org")).value
    user = await row(db, User)
    assert (user.email, made.token.user_id, made.token.scopes) == ("ada@example.org", user.id, ["*"])
    with pytest.raises(KiloError) as refused:
        await throat.execute(await make.user(), api_tokens.mint_token, "eve@example.org")
    assert (refused.value.code, await count(db, ApiToken)) == ("forbidden", 1)
