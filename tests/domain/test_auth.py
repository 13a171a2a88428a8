"""Signing in: what a mailed code is worth, and how little anything else is."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event

from kilo_gql import tokens
from kilo_gql.db import Database, House
from kilo_gql.domain import auth, invitations
from kilo_gql.errors import BadRequest, KiloError, RateLimited, Unauthorized
from kilo_gql.models import Delivery, Job, LoginChallenge, RefreshToken, Role, Session, SessionKind, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import Throat
from tests.support.clock import Clock
from tests.support.login import HOUSE, NOBODY, count, everything, login_mail, mailed, query_of, row, sign_in, start
from tests.support.make import Make


async def verify(throat: Throat, challenge: UUID | str, code: str) -> str:
    """``ok`` or the code of the refusal."""
    try:
        await throat.execute(NOBODY, auth.verify_login, str(challenge), code)
    except KiloError as error:
        return error.code
    return "ok"


async def test_the_first_sign_in_makes_the_account(throat: Throat, db: Database, clock: Clock) -> None:
    challenge = await start(throat, "Ada.Lovelace@Example.ORG")
    code = await mailed(throat, challenge)
    assert (len(code), code[4], (code[:4] + code[5:]).isdigit()) == (9, "-", True)
    signed = (await throat.execute(NOBODY, auth.verify_login, str(challenge), code, "curl/8\x00\r\n")).value
    user = await row(db, User)
    assert (user.email, user.display_name) == ("ada.lovelace@example.org", "ada.lovelace")
    assert (signed.user.id, signed.cookie) == (user.id, None)
    session = await row(db, Session)
    assert (session.id, session.kind, session.user_agent) == (signed.session_id, SessionKind.TOKENS, "curl/8")
    assert session.expires_at == clock.now + timedelta(days=30)
    used = await row(db, LoginChallenge)
    assert (used.attempts, used.consumed_at, used.expires_at) == (1, clock.now, clock.now + timedelta(minutes=10))
    again = await sign_in(throat, "ada.lovelace@example.org")
    assert again.user.id == user.id
    assert (await count(db, User), await count(db, Session), await count(db, RefreshToken)) == (1, 2, 2)


async def test_no_secret_is_at_rest(throat: Throat, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    assert (await row(db, Job)).arguments == {"challenge_id": str(challenge)}
    code = await mailed(throat, challenge)
    signed = (await throat.execute(NOBODY, auth.verify_login, str(challenge), code)).value
    cookie = await sign_in(throat, kind=SessionKind.COOKIE)
    minted = (await throat.execute(HOUSE, auth.mint_link, "ada@example.org")).value
    secrets = [code, code.replace("-", ""), signed.access_token, signed.refresh_token, cookie.cookie]
    secrets.append(query_of(minted)["code"])
    stored = await everything(db)
    assert "ada@example.org" in stored
    assert [secret for secret in secrets if secret in stored] == []
    assert [secret for secret in secrets if secret in repr((signed, cookie))] == []


async def test_a_link_holds_twelve_characters(throat: Throat, house: House) -> None:
    challenge = await start(throat, "ada@example.org", Delivery.MAGIC_LINK)
    link = await mailed(throat, challenge)
    query = query_of(link)
    assert link.startswith("http://127.0.0.1:8400/sign-in?")
    assert (query["challenge"], len(query["code"])) == (str(challenge), 12)
    assert await verify(throat, challenge, query["code"].lower()) == "ok"


@pytest.mark.parametrize("spell", [str, lambda c: c.replace("-", ""), lambda c: " ".join(c.replace("-", ""))])
async def test_a_code_may_be_typed_as_people_do(throat: Throat, spell) -> None:
    challenge = await start(throat, "ada@example.org")
    assert await verify(throat, challenge, spell(await mailed(throat, challenge))) == "ok"


async def test_five_guesses(throat: Throat, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    code = await mailed(throat, challenge)
    wrong = ["00000000" if code != "0000-0000" else "00000001"] * 5
    assert [await verify(throat, challenge, guess) for guess in wrong] == ["login_refused"] * 5
    assert await verify(throat, challenge, code) == "login_refused"
    assert ((await row(db, LoginChallenge)).attempts, await count(db, Session)) == (5, 0)


async def test_the_fifth_guess_may_be_right(throat: Throat) -> None:
    challenge = await start(throat, "ada@example.org")
    code = await mailed(throat, challenge)
    assert [await verify(throat, challenge, "99999999" if code != "9999-9999" else "1" * 8) for _ in range(4)] == [
        "login_refused"
    ] * 4
    assert await verify(throat, challenge, code) == "ok"


async def test_a_code_works_once_and_for_ten_minutes(throat: Throat, db: Database, clock: Clock) -> None:
    first, second = await start(throat, "ada@example.org"), await start(throat, "ada@example.org")
    codes = {challenge: await mailed(throat, challenge) for challenge in (first, second)}
    clock.advance(599.999)
    assert [await verify(throat, first, codes[first]) for _ in range(2)] == ["ok", "login_refused"]
    clock.advance(0.001)
    assert await verify(throat, second, codes[second]) == "login_refused"
    assert await count(db, Session) == 1


async def test_a_code_belongs_to_its_challenge(throat: Throat) -> None:
    mine, other = await start(throat, "ada@example.org"), await start(throat, "bob@example.org")
    code = await mailed(throat, mine)
    await mailed(throat, other)
    assert await verify(throat, other, code) == "login_refused"
    assert await verify(throat, mine, code) == "ok"


async def test_a_challenge_without_mail_has_no_code(throat: Throat, house: House, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    assert await verify(throat, challenge, tokens.digits_code(house.key("login-code"), challenge)) == "login_refused"
    assert await count(db, Session) == 0


async def test_every_refusal_is_the_same(throat: Throat, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    await mailed(throat, challenge)
    tries = [
        (str(challenge), "0000-0001"), (str(uuid7()), "12345678"), ("x", "12345678"), ("", ""), (str(challenge), ""),
        (str(challenge), "1" * 100_000), (str(challenge), "\x00\ud800"), ("\x00", "12345678"), (str(challenge), "1234"),
        ("1" * 100_000, "12345678"), (str(challenge), "١٢٣٤٥٦٧٨"), (str(challenge), "' OR 1=1 --"),
    ]  # fmt: skip
    answers = []
    for challenge_id, code in tries:
        with pytest.raises(Unauthorized) as refused:
            await throat.execute(NOBODY, auth.verify_login, challenge_id, code)
        answers.append((refused.value.code, refused.value.message, refused.value.details, refused.value.remediation))
    assert [answer == answers[0] for answer in answers] == [True] * 12
    assert (answers[0][0], len(answers[0][3])) == ("login_refused", 2)
    # of all these only the well-formed ones for this challenge were looked at
    assert ((await row(db, LoginChallenge)).attempts, await count(db, User)) == (1, 0)


async def test_a_mail_sent_twice_holds_one_code(throat: Throat) -> None:
    challenge = await start(throat, "ada@example.org")
    assert await mailed(throat, challenge) == await mailed(throat, challenge)


async def test_there_is_no_mail_for_what_is_over(throat: Throat, clock: Clock) -> None:
    challenge = await start(throat, "ada@example.org")
    await verify(throat, challenge, await mailed(throat, challenge))
    assert await login_mail(throat, challenge) is None
    late = await start(throat, "ada@example.org")
    clock.advance(600)
    assert await login_mail(throat, late) is None
    assert await login_mail(throat, uuid7()) is None


async def test_ten_challenges_an_hour(throat: Throat, db: Database, clock: Clock) -> None:
    await start(throat, "ada@example.org")
    clock.advance(60)
    for _ in range(9):
        await start(throat, "ADA@example.org")
    clock.advance(30)
    with pytest.raises(RateLimited) as refused:
        await start(throat, "ada@example.org")
    assert (refused.value.code, refused.value.retry_after) == ("too_many_logins", 3600 - 90)
    await start(throat, "bob@example.org")
    clock.advance(3600 - 90)
    await start(throat, "ada@example.org")
    assert (await count(db, LoginChallenge), await count(db, Job)) == (12, 12)


async def test_ten_of_forty_parallel_challenges(throat: Throat, db: Database) -> None:
    async def ask() -> str:
        try:
            await start(throat, "ada@example.org")
        except RateLimited as error:
            return error.code
        return "ok"

    answers = Counter(await asyncio.gather(*(ask() for _ in range(40))))
    assert answers == {"ok": 10, "too_many_logins": 30}
    assert await count(db, LoginChallenge) == 10


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@localhost", "a" * 300 + "@example.org",
              "a\x00@b.org", "ada@example.org\r\nBcc: eve@example.org", "\ud800@example.org", "a@b@c.org"],
)  # fmt: skip
async def test_what_is_not_an_address(throat: Throat, db: Database, email: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await throat.execute(NOBODY, auth.start_login, email)
    assert (refused.value.code, await count(db, LoginChallenge)) == ("bad_email", 0)


async def test_a_locale_is_a_language_tag(throat: Throat, db: Database) -> None:
    await throat.execute(NOBODY, auth.start_login, "ada@example.org", "en-US")
    assert (await row(db, LoginChallenge)).locale == "en-US"
    with pytest.raises(BadRequest):
        await throat.execute(NOBODY, auth.start_login, "ada@example.org", "en_US; rm")


async def test_known_and_unknown_addresses_cost_the_same(throat: Throat, make: Make, db: Database) -> None:
    await make.user("known@example.org")
    seen: list[str] = []
    event.listen(
        db.engine.sync_engine, "before_cursor_execute",
        lambda _c, _cursor, statement, *_: seen.append(statement),
    )  # fmt: skip
    runs = []
    for email in ("known@example.org", "other@example.org"):
        seen.clear()
        started = (await throat.execute(NOBODY, auth.start_login, email)).value
        runs.append((list(seen), started.delivery, started.challenge_id.version))
    assert runs[0] == runs[1]
    assert (len(runs[0][0]), runs[0][1]) == (4, Delivery.EMAIL_CODE)


async def test_an_invited_only_house_mails_nobody_else(
    throat: Throat, make: Make, db: Database, house: House, clock: Clock
) -> None:
    ada = await make.user("ada@example.org")
    project = await make.project(ada)
    await throat.execute(ada, invitations.invite_member, project.id, "bob@example.org", Role.VIEWER)
    object.__setattr__(house, "signup_open", False)

    async def may(email: str) -> bool:
        challenge = await start(throat, email)
        return await login_mail(throat, challenge) is not None

    assert [await may(f"{name}@example.org") for name in ("ada", "bob", "eve")] == [True, True, False]
    clock.advance(7 * 86_400)
    assert await may("bob@example.org") is False


async def test_a_minted_link_signs_in(throat: Throat, db: Database) -> None:
    link = query_of((await throat.execute(HOUSE, auth.mint_link, "Ada@example.org")).value)
    assert await verify(throat, link["challenge"], link["code"]) == "ok"
    assert ((await row(db, User)).email, await count(db, Job)) == ("ada@example.org", 0)


async def test_500_parallel_guesses_are_five(throat: Throat, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    code = (await mailed(throat, challenge)).replace("-", "")
    guesses = [f"{(int(code) + 1 + n) % 10**8:08d}" for n in range(500)]
    answers = Counter(await asyncio.gather(*(verify(throat, challenge, guess) for guess in guesses)))
    assert answers == {"login_refused": 500}
    assert ((await row(db, LoginChallenge)).attempts, await verify(throat, challenge, code)) == (5, "login_refused")
    assert await count(db, Session) == 0


async def test_200_parallel_correct_codes_are_one_session(throat: Throat, db: Database) -> None:
    challenge = await start(throat, "ada@example.org")
    code = await mailed(throat, challenge)
    answers = Counter(await asyncio.gather(*(verify(throat, challenge, code) for _ in range(200))))
    assert answers == {"ok": 1, "login_refused": 199}
    assert [await count(db, model) for model in (User, Session, RefreshToken)] == [1, 1, 1]
    assert (await row(db, LoginChallenge)).attempts == 1


async def test_two_first_sign_ins_at_once_are_one_user(throat: Throat, db: Database) -> None:
    await asyncio.gather(*(sign_in(throat) for _ in range(8)))
    assert (await count(db, User), await count(db, Session)) == (1, 8)
