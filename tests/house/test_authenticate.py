"""From a bearer to an actor: what is let in, what is not, and how soon it is forgotten."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from kilo_gql import tokens
from kilo_gql.access import TokenActor, UserActor
from kilo_gql.authenticate import REMEMBERED_MAX, Authenticator, Proof
from kilo_gql.db import Database, House
from kilo_gql.domain import api_tokens, auth, invitations, sessions
from kilo_gql.errors import KiloError, Unauthorized
from kilo_gql.models import ApiToken, Role, Session, SessionKind
from kilo_gql.operations import Throat
from tests.support.abuse import Proofs, corpus
from tests.support.clock import Clock
from tests.support.login import NOBODY, invitation_link, mailed, query_of, row, sign_in, start
from tests.support.make import Make


class Bell:
    """Rings for whoever listens to ``session``."""

    def listen(self, topic: str, callback):
        assert topic == "session"
        self.ring = callback
        return lambda: None


@pytest.fixture
def authenticator(db: Database) -> Authenticator:
    return Authenticator(db)


@pytest.fixture
def statements(db: Database) -> list[str]:
    """The first words of everything sent to the database from here on."""
    seen: list[str] = []
    event.listen(
        db.engine.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: seen.append(statement.split()[0])
    )  # fmt: skip
    return seen


async def proofs(throat: Throat, make: Make, house: House) -> Proofs:
    """One good proof of each kind."""
    signed, other = await sign_in(throat), await sign_in(throat, "eve@example.org")
    ada = UserActor(signed.user.id, signed.session_id)
    api = (await throat.execute(ada, api_tokens.create_api_token, "CI", ["*"])).value.secret
    cookie = (await sign_in(throat, kind=SessionKind.COOKIE)).cookie
    owner = await make.user()
    project = await make.project(owner)
    invited = await throat.execute(owner, invitations.invite_member, project.id, "ada@example.org", Role.VIEWER)
    link = await invitation_link(throat, invited.value.id)
    return Proofs(
        key=house.key("access-token"), access=signed.access_token, other=other.access_token,
        refresh=signed.refresh_token, api=api, cookie=cookie, invitation=query_of(link)["code"],
        now=int(house.clock().timestamp()),
    )  # fmt: skip


async def refusal(door, *arguments) -> str:
    """The code of a refusal that is a 401; ``ok`` if there is none."""
    try:
        await door(*arguments)
    except Unauthorized as error:
        return error.code
    except KiloError as error:
        return str(error.status)
    return "ok"


async def test_the_abuse_corpus(throat: Throat, make: Make, house: House, authenticator: Authenticator) -> None:
    good = await proofs(throat, make, house)
    for proof in (good.access, good.other, good.api):
        assert await refusal(authenticator.bearer, proof) == "ok"
    cases = list(corpus(good))
    answers = {name: (await refusal(authenticator.bearer, bearer), code) for name, bearer, code in cases}
    assert {name: answer for name, answer in answers.items() if answer[0] != answer[1]} == {}
    assert len(cases) == len(answers) == 127
    assert Counter(answer for answer, _ in answers.values()) == {"token_invalid": 125, "token_expired": 2}


async def test_a_refusal_does_not_quote_the_token(
    throat: Throat, make: Make, house: House, authenticator: Authenticator
) -> None:
    for _, bearer, _ in corpus(await proofs(throat, make, house)):
        with pytest.raises(Unauthorized) as refused:
            await authenticator.bearer(bearer)
        said = repr((refused.value, refused.value.details, refused.value.remediation))
        assert bearer[:40] not in said or not bearer
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


async def test_each_proof_opens_its_own_door(
    throat: Throat, make: Make, house: House, authenticator: Authenticator
) -> None:
    good = await proofs(throat, make, house)
    challenge = await start(throat, "ada@example.org")
    code = await mailed(throat, challenge)
    ada = (await authenticator.bearer(good.access)).actor
    held = {
        "access": good.access, "refresh": good.refresh, "api": good.api, "cookie": good.cookie,
        "invitation": good.invitation, "code": code,
    }  # fmt: skip
    doors = {
        "bearer": authenticator.bearer,
        "cookie": authenticator.cookie,
        "refresh": lambda proof: throat.execute(NOBODY, sessions.refresh, proof),
        "verify": lambda proof: throat.execute(NOBODY, auth.verify_login, str(challenge), proof),
        "accept": lambda proof: throat.execute(ada, invitations.accept_invitation, proof),
    }
    answers = {(name, door): await refusal(doors[door], held[name]) for name, door in itertools.product(held, doors)}
    assert {pair for pair, answer in answers.items() if answer == "ok"} == {
        ("access", "bearer"), ("api", "bearer"), ("cookie", "cookie"), ("refresh", "refresh"),
        ("invitation", "accept"), ("code", "verify"),
    }  # fmt: skip
    assert Counter(answers.values()) == {"ok": 6, "token_invalid": 14, "login_refused": 5, "404": 5}


async def test_an_access_token_lasts_900_seconds(throat: Throat, authenticator: Authenticator, clock: Clock) -> None:
    clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    signed = await sign_in(throat)
    proof = await authenticator.bearer(signed.access_token)
    assert proof == Proof(UserActor(signed.user.id, signed.session_id), clock.now + timedelta(seconds=900))
    clock.advance(899.999)
    assert await authenticator.bearer(signed.access_token) == proof
    clock.advance(0.001)
    assert await refusal(authenticator.bearer, signed.access_token) == "token_expired"


async def test_a_token_may_be_five_seconds_early(throat: Throat, authenticator: Authenticator, clock: Clock) -> None:
    clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    signed = await sign_in(throat)
    clock.advance(-5)
    assert await refusal(authenticator.bearer, signed.access_token) == "ok"
    clock.advance(-1)
    assert await refusal(authenticator.bearer, signed.access_token) == "token_invalid"


async def test_an_ended_session_is_out_after_five_seconds(
    throat: Throat, authenticator: Authenticator, clock: Clock, statements: list[str]
) -> None:
    signed = await sign_in(throat)
    actor = UserActor(signed.user.id, signed.session_id)
    assert await refusal(authenticator.bearer, signed.access_token) == "ok"
    await throat.execute(actor, sessions.sign_out)
    statements.clear()
    clock.advance(4.999)
    assert await refusal(authenticator.bearer, signed.access_token) == "ok"
    assert statements == []
    clock.advance(0.001)
    assert await refusal(authenticator.bearer, signed.access_token) == "session_revoked"
    assert statements == ["SELECT"]


@pytest.mark.parametrize("exact", [True, False])
async def test_a_bell_makes_it_forget_at_once(throat: Throat, db: Database, exact: bool) -> None:
    bell = Bell()
    authenticator = Authenticator(db, bell)
    signed, other = await sign_in(throat), await sign_in(throat)
    for token in (signed.access_token, other.access_token):
        await authenticator.bearer(token)
    await throat.execute(UserActor(signed.user.id, signed.session_id), sessions.sign_out)
    bell.ring(str(signed.session_id) if exact else "")
    assert await refusal(authenticator.bearer, signed.access_token) == "session_revoked"
    assert await refusal(authenticator.bearer, other.access_token) == "ok"


async def test_api_tokens(
    throat: Throat, make: Make, db: Database, authenticator: Authenticator, clock: Clock, statements: list[str]
) -> None:
    ada = await make.user()
    end = clock.now + timedelta(days=1)
    made = (await throat.execute(ada, api_tokens.create_api_token, "CI", ["job.*"], end)).value
    statements.clear()
    proof = await authenticator.bearer(made.secret)
    assert proof == Proof(TokenActor(ada.user_id, made.token.id, ("job.*",)), end)
    assert statements == ["SELECT", "UPDATE"]
    assert (await row(db, ApiToken)).last_used_at == clock.now
    first = clock.now
    statements.clear()
    for _ in range(12):
        clock.advance(4.99)
        await authenticator.bearer(made.secret)
    assert (await row(db, ApiToken)).last_used_at == first
    clock.advance(5)
    await authenticator.bearer(made.secret)
    assert (await row(db, ApiToken)).last_used_at == clock.now
    assert statements.count("UPDATE") == 1
    await throat.execute(ada, api_tokens.revoke_api_token, made.token.id)
    authenticator.forget(made.token.id)
    assert await refusal(authenticator.bearer, made.secret) == "token_invalid"


async def test_an_api_token_expires_while_it_is_remembered(
    throat: Throat, make: Make, authenticator: Authenticator, clock: Clock
) -> None:
    ada = await make.user()
    end = clock.now + timedelta(seconds=2)
    secret = (await throat.execute(ada, api_tokens.create_api_token, "CI", ["*"], end)).value.secret
    assert await refusal(authenticator.bearer, secret) == "ok"
    clock.advance(2)
    assert await refusal(authenticator.bearer, secret) == "token_expired"
    clock.advance(5)
    assert await refusal(authenticator.bearer, secret) == "token_expired"


async def test_a_cookie_slides(throat: Throat, db: Database, authenticator: Authenticator, clock: Clock) -> None:
    born = clock.now
    signed = await sign_in(throat, kind=SessionKind.COOKIE)
    clock.advance(3_599)
    assert (await authenticator.cookie(signed.cookie)).expires_at == born + timedelta(days=30)
    clock.advance(5)
    proof = await authenticator.cookie(signed.cookie)
    assert proof == Proof(UserActor(signed.user.id, signed.session_id), clock.now + timedelta(days=30))
    kept = await row(db, Session)
    assert (kept.expires_at, kept.last_seen_at) == (clock.now + timedelta(days=30), clock.now)
    for _ in range(7):
        clock.advance(25 * 86_400)
        proof = await authenticator.cookie(signed.cookie)
    assert proof.expires_at == born + timedelta(days=180)
    clock.advance(25 * 86_400)
    assert await refusal(authenticator.cookie, signed.cookie) == "token_expired"


async def test_an_access_token_needs_a_token_session(
    throat: Throat, house: House, authenticator: Authenticator
) -> None:
    signed = await sign_in(throat, kind=SessionKind.COOKIE)
    forged = tokens.access_token(
        house.key("access-token"), house.base_url, signed.user.id, signed.session_id, house.clock(), "x"
    )
    assert await refusal(authenticator.bearer, forged) == "token_invalid"


async def test_memory_is_bounded(throat: Throat, authenticator: Authenticator, statements: list[str]) -> None:
    signed = await sign_in(throat)
    proof = await authenticator.bearer(signed.access_token)
    for n in range(REMEMBERED_MAX):
        authenticator._memory.put(n.to_bytes(4), proof)
    assert len(authenticator._memory._found) == REMEMBERED_MAX
    statements.clear()
    await authenticator.bearer(signed.access_token)
    assert (statements, len(authenticator._memory._found)) == (["SELECT"], REMEMBERED_MAX)
