"""Signing in and out, sessions, and the tokens of programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kilo_gql.models.base import uuid7
from tests.support.clock import Clock
from tests.support.doors import Door
from tests.support.login import mailed
from tests.support.make import Make
from tests.support.traces import queued

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def signed_in(door: Door, email: str | None = None) -> dict[str, Any]:
    """Somebody who has just typed the code of the mail."""
    started = (await door.call("start_login", None, email=email or f"ada-{uuid7()}@example.org")).ok
    code = await mailed(door.api.services.throat, UUID(started["challengeId"]))
    return (await door.call("verify_login", None, challengeId=started["challengeId"], code=code)).ok


async def test_signing_in(door: Door, make: Make) -> None:
    email = f"Ada-{uuid7()}@Example.org"
    started = (await door.call("start_login", None, email=email)).ok
    assert started == {"challengeId": started["challengeId"], "delivery": "email_code"}
    assert {"challenge_id": started["challengeId"]} in await queued(make.db, "mail.login")
    code = await mailed(door.api.services.throat, UUID(started["challengeId"]))
    wrong = f"{(int(code.replace('-', '')) + 1) % 10**8:08d}"
    answer = await door.call("verify_login", None, challengeId=started["challengeId"], code=wrong)
    assert (answer.code, answer.status) == ("login_refused", {"rest": 401, "graphql": 200}[door.name])
    made = (await door.call("verify_login", None, challengeId=started["challengeId"], code=code.lower())).ok
    assert made.keys() == {"accessToken", "refreshToken", "user"}
    assert (made["user"]["email"], made["user"]["displayName"]) == (email.lower(), email.lower().partition("@")[0])
    assert (await door.call("me", made["accessToken"])).ok == made["user"]
    again = await door.call("verify_login", None, challengeId=started["challengeId"], code=code)
    assert again.code == "login_refused"
    assert (await signed_in(door, email))["user"]["id"] == made["user"]["id"]


async def test_a_pair_is_renewed_and_used_once(door: Door, make: Make, clock: Clock) -> None:
    first = await signed_in(door)
    second = (await door.call("refresh", None, refreshToken=first["refreshToken"])).ok
    assert second["user"] == first["user"]
    assert second["refreshToken"] != first["refreshToken"]
    assert (await door.call("refresh", None, refreshToken=first["refreshToken"])).ok == second
    assert (await door.call("me", second["accessToken"])).ok == first["user"]
    clock.advance(11)
    assert (await door.call("refresh", None, refreshToken=first["refreshToken"])).code == "refresh_reused"
    assert (await door.call("refresh", None, refreshToken=second["refreshToken"])).code == "session_revoked"
    answer = await door.call("me", second["accessToken"])
    assert answer.code == "session_revoked"
    assert answer.status == 401


async def test_access_ends_after_a_quarter_of_an_hour(door: Door, make: Make, clock: Clock) -> None:
    made = await signed_in(door)
    clock.advance(899)
    assert (await door.call("me", made["accessToken"])).ok == made["user"]
    clock.advance(2)
    answer = await door.call("me", made["accessToken"])
    assert (answer.status, answer.code) == (401, "token_expired")


async def test_signing_out_ends_one_session(door: Door, make: Make) -> None:
    email = f"ada-{uuid7()}@example.org"
    phone, laptop = await signed_in(door, email), await signed_in(door, email)
    sessions = (await door.call("list_sessions", laptop["accessToken"])).ok
    assert [session["kind"] for session in sessions] == ["tokens", "tokens"]
    assert (await door.call("sign_out", phone["accessToken"])).ok is None
    assert (await door.call("me", phone["accessToken"])).code == "session_revoked"
    assert (await door.call("refresh", None, refreshToken=phone["refreshToken"])).code == "session_revoked"
    [left] = (await door.call("list_sessions", laptop["accessToken"])).ok
    assert left in sessions
    assert (await door.call("revoke_session", laptop["accessToken"], sessionId=left["id"])).ok is None
    assert (await door.call("me", laptop["accessToken"])).code == "session_revoked"


async def test_a_device_is_called_what_it_says_it_is(door: Door, make: Make) -> None:
    made = await signed_in(door)
    [session] = (await door.call("list_sessions", made["accessToken"])).ok
    assert session["userAgent"] == door.api.client.headers["user-agent"]
    assert session["expiresAt"] - session["createdAt"] == timedelta(days=30)


async def test_ones_name(door: Door, make: Make) -> None:
    ada = await make.user()
    assert (await door.call("update_me", ada, displayName="  Ada L. ")).ok["displayName"] == "Ada L."
    for name in ("", "x" * 101, "two\nlines"):
        answer = await door.call("update_me", ada, displayName=name)
        assert (answer.code, answer.error and answer.error["details"]["field"]) == ("bad_request", "displayName")
    assert (await door.call("me", ada)).ok["displayName"] == "Ada L."


async def test_a_token_does_what_its_scopes_say(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    made = (await door.call("create_api_token", ada, name="backup", scopes=["project.read", "job.*"])).ok
    assert made["token"] == {
        "id": made["token"]["id"],
        "name": "backup",
        "scopes": ["job.*", "project.read"],
        "createdAt": made["token"]["createdAt"],
        "lastUsedAt": None,
        "expiresAt": None,
    }
    bearer = made["secret"]
    assert (await door.call("get_project", bearer, projectId=project.id)).ok["id"] == str(project.id)
    assert (await door.call("retry_failed_jobs", bearer, projectId=project.id)).ok == {"count": 0}
    answer = await door.call("update_project", bearer, projectId=project.id, title="x")
    assert answer.error == {
        "code": "scope_missing",
        "message": "This API token does not have the scope project.update.",
        "details": {"scope": "project.update"},
        "remediation": ["Create a token with this scope, or sign in."],
        "requestId": answer.headers["x-request-id"],
    }
    assert answer.status == {"rest": 403, "graphql": 200}[door.name]
    assert (await door.call("get_project", ada, projectId=project.id)).ok["title"] == "Wedding"
    [listed] = (await door.call("list_api_tokens", ada)).ok
    assert listed == {**made["token"], "lastUsedAt": listed["lastUsedAt"]}
    assert listed["lastUsedAt"] is not None


async def test_one_call_may_ask_for_more_than_its_operation(door: Door, make: Make) -> None:
    ada = await make.user()
    project = await make.project(ada)
    bearer = (await door.call("create_api_token", ada, name="editor", scopes=["project.update"])).ok["secret"]
    assert (await door.call("update_project", bearer, projectId=project.id, title="x")).ok["title"] == "x"
    answer = await door.call("update_project", bearer, projectId=project.id, status="archived")
    assert (answer.code, answer.error and answer.error["details"]) == ("scope_missing", {"scope": "project.manage"})


WIDENING = (
    ("create_api_token", {"name": "more", "scopes": ["*"]}, "account.manage"),
    ("revoke_api_token", {"tokenId": uuid7()}, "account.manage"),
    ("update_me", {"displayName": "x"}, "account.manage"),
    ("sign_out", {}, "account.manage"),
    ("revoke_session", {"sessionId": uuid7()}, "account.manage"),
    ("invite_member", {"projectId": uuid7(), "email": "m@example.org", "role": "owner"}, "member.manage"),
    ("accept_invitation", {"code": "x"}, "invitation.accept"),
    ("rename_studio", {"studioId": uuid7(), "name": "x"}, "studio.manage"),
)


@pytest.mark.parametrize(("operation", "arguments", "scope"), WIDENING, ids=[case[0] for case in WIDENING])
async def test_no_token_widens_its_rights(
    door: Door, make: Make, operation: str, arguments: dict[str, Any], scope: str
) -> None:
    ada = await make.user()
    bearer = (await door.call("create_api_token", ada, name="all", scopes=["*"])).ok["secret"]
    answer = await door.call(operation, bearer, **arguments)
    assert (answer.code, answer.error and answer.error["details"]) == ("scope_missing", {"scope": scope})
    assert len((await door.call("list_api_tokens", ada)).ok) == 1


async def test_a_revoked_token_is_none(door: Door, make: Make) -> None:
    ada = await make.user()
    made = (await door.call("create_api_token", ada, name="backup", scopes=["*"])).ok
    assert (await door.call("me", made["secret"])).ok["id"] == str(ada.user_id)
    assert (await door.call("revoke_api_token", ada, tokenId=made["token"]["id"])).ok is None
    answer = await door.call("me", made["secret"])
    assert (answer.status, answer.code) == (401, "token_invalid")
    assert (await door.call("list_api_tokens", ada)).ok == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "x", "scopes": []}, "unknown_scope"),
        ({"name": "x", "scopes": ["project.fly"]}, "unknown_scope"),
        ({"name": "x", "scopes": ["account.manage"]}, "unknown_scope"),
        ({"name": "", "scopes": ["*"]}, "bad_request"),
        ({"name": "x", "scopes": ["*"], "expiresAt": "2020-01-01T00:00:00Z"}, "bad_request"),
        ({"name": "x", "scopes": ["*"], "expiresAt": "2999-01-01T00:00:00"}, "bad_request"),
    ],
)
async def test_tokens_that_cannot_be(door: Door, make: Make, arguments: dict[str, Any], code: str) -> None:
    ada = await make.user()
    assert (await door.call("create_api_token", ada, **arguments)).code == code
    assert (await door.call("list_api_tokens", ada)).ok == []


@pytest.mark.parametrize("bearer", ["", "x", "kpat_" + "a" * 43, "a.b.c"])
async def test_bearers_that_are_none(door: Door, make: Make, bearer: str) -> None:
    answer = await door.call("me", bearer)
    assert (answer.status, answer.code) == (401, "token_invalid")


async def test_nobody_is_told_to_sign_in(door: Door, make: Make) -> None:
    answer = await door.call("me", None)
    assert answer.error == {
        "code": "unauthorized",
        "message": "Sign in first.",
        "details": {},
        "remediation": ["Send a bearer token, or sign in with your email address."],
        "requestId": answer.headers["x-request-id"],
    }
