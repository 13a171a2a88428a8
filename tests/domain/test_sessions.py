"""Sessions: one successor for each refresh token, and what happens to whoever comes back with an old one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import jwt
import pytest

from kilo_gql.access import UserActor
from kilo_gql.db import Database, House
from kilo_gql.domain import sessions
from kilo_gql.errors import KiloError, NotFound
from kilo_gql.models import RefreshToken, Session, SessionKind
from kilo_gql.operations import Throat
from tests.conftest import SilentBells
from tests.support.clock import Clock
from tests.support.login import NOBODY, count, row, sign_in


async def again(throat: Throat, token: str | None) -> sessions.SignedIn:
    return (await throat.execute(NOBODY, sessions.refresh, token)).value


async def refusal(throat: Throat, token: str | None) -> str:
    with pytest.raises(KiloError) as refused:
        await again(throat, token)
    return f"{refused.value.status} {refused.value.code}"


async def test_a_pair_says_who_and_until_when(throat: Throat, house: House, clock: Clock) -> None:
    signed = await sign_in(throat)
    claims = jwt.decode(signed.access_token, house.key("access-token"), ["HS256"], audience="kilo")
    iat = int(clock.now.timestamp())
    assert claims == {
        "iss": "http://127.0.0.1:8400", "aud": "kilo", "typ": "access", "sub": str(signed.user.id),
        "sid": str(signed.session_id), "iat": iat, "exp": iat + 900, "jti": claims["jti"],
    }  # fmt: skip
    assert jwt.get_unverified_header(signed.access_token) == {"alg": "HS256", "typ": "at+jwt"}
    assert signed.expires_at.timestamp() == iat + 900
    assert (len(signed.refresh_token), signed.refresh_token[:4], len(claims["jti"])) == (47, "krt_", 22)


async def test_a_lost_answer_can_be_asked_for_again(throat: Throat, db: Database, clock: Clock) -> None:
    first = await sign_in(throat)
    clock.advance(600)
    second = await again(throat, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token
    clock.advance(10)
    third = await again(throat, first.refresh_token)
    assert (third.access_token, third.refresh_token) == (second.access_token, second.refresh_token)
    assert (third.session_id, third.user.id, third.expires_at) == (first.session_id, first.user.id, second.expires_at)
    assert await count(db, RefreshToken) == 2


async def test_reuse_after_the_grace_ends_the_session(
    throat: Throat, db: Database, clock: Clock, bells: SilentBells
) -> None:
    first = await sign_in(throat)
    second = await again(throat, first.refresh_token)
    clock.advance(10.000001)
    assert await refusal(throat, first.refresh_token) == "401 refresh_reused"
    session = await row(db, Session)
    assert (session.revoked_at, bells.ended) == (clock.now, [session.id])
    assert await refusal(throat, second.refresh_token) == "401 session_revoked"
    assert await refusal(throat, first.refresh_token) == "401 session_revoked"
    assert (await count(db, RefreshToken), bells.ended) == (2, [session.id])


async def test_a_grandparent_ends_the_session_even_within_the_grace(throat: Throat, db: Database, clock: Clock) -> None:
    first = await sign_in(throat)
    third = await again(throat, (await again(throat, first.refresh_token)).refresh_token)
    clock.advance(1)
    assert await refusal(throat, first.refresh_token) == "401 refresh_reused"
    assert await refusal(throat, third.refresh_token) == "401 session_revoked"
    assert (await row(db, Session)).revoked_at == clock.now


async def test_only_its_own_session_ends(throat: Throat, clock: Clock) -> None:
    stolen, other = await sign_in(throat), await sign_in(throat)
    await again(throat, stolen.refresh_token)
    clock.advance(11)
    assert await refusal(throat, stolen.refresh_token) == "401 refresh_reused"
    assert (await again(throat, other.refresh_token)).session_id == other.session_id


async def test_100_parallel_refreshes_have_one_successor(throat: Throat, db: Database) -> None:
    first = await sign_in(throat)
    pairs = await asyncio.gather(*(again(throat, first.refresh_token) for _ in range(100)))
    assert len({(pair.access_token, pair.refresh_token) for pair in pairs}) == 1
    assert (await count(db, RefreshToken), (await row(db, Session)).revoked_at) == (2, None)


@pytest.mark.parametrize(
    "token", ["", "krt_", "krt_" + "a" * 43, "kpat_" + "a" * 43, "x" * 100_000, "krt_\ud800", "\x00"]
)
async def test_what_is_no_refresh_token(throat: Throat, db: Database, token: str) -> None:
    await sign_in(throat)
    assert await refusal(throat, token) == "401 token_invalid"
    assert (await row(db, Session)).revoked_at is None


async def test_an_unused_session_ends_after_30_days(throat: Throat, clock: Clock) -> None:
    signed = await sign_in(throat)
    clock.advance(30 * 86_400 - 0.001)
    second = await again(throat, signed.refresh_token)
    clock.advance(30 * 86_400)
    assert await refusal(throat, second.refresh_token) == "401 token_expired"


async def test_a_session_lives_180_days(throat: Throat, db: Database, clock: Clock) -> None:
    born, token = clock.now, (await sign_in(throat)).refresh_token
    ends = []
    for _ in range(8):
        clock.advance(22 * 86_400)
        token = (await again(throat, token)).refresh_token
        ends.append(((await row(db, Session)).expires_at - born) / timedelta(days=1))
    assert ends == [52, 74, 96, 118, 140, 162, 180, 180]
    clock.advance(4 * 86_400)
    assert await refusal(throat, token) == "401 token_expired"


async def test_signing_out(throat: Throat, db: Database, bells: SilentBells) -> None:
    signed = await sign_in(throat)
    actor = UserActor(signed.user.id, signed.session_id)
    for _ in range(2):
        await throat.execute(actor, sessions.sign_out)
    assert bells.ended == [signed.session_id]
    assert await refusal(throat, signed.refresh_token) == "401 session_revoked"


async def test_sessions_are_their_owners(throat: Throat, clock: Clock, bells: SilentBells) -> None:
    phone = await sign_in(throat, agent="phone")
    clock.advance(60)
    browser = await sign_in(throat, kind=SessionKind.COOKIE, agent="browser")
    eve = await sign_in(throat, "eve@example.org")
    ada, stranger = (UserActor(s.user.id, s.session_id) for s in (phone, eve))
    listed = (await throat.execute(ada, sessions.list_sessions)).value
    assert [session.user_agent for session in listed] == ["browser", "phone"]
    with pytest.raises(NotFound):
        await throat.execute(stranger, sessions.revoke_session, browser.session_id)
    assert bells.ended == []
    await throat.execute(ada, sessions.revoke_session, browser.session_id, key="revoke-1")
    replay = await throat.execute(ada, sessions.revoke_session, browser.session_id, key="revoke-1")
    assert (replay.replayed, replay.value.id, bells.ended) == (True, browser.session_id, [browser.session_id])
    listed = (await throat.execute(ada, sessions.list_sessions)).value
    assert [session.id for session in listed] == [phone.session_id]
    clock.advance(30 * 86_400)
    assert (await throat.execute(ada, sessions.list_sessions)).value == []
