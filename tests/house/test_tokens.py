"""The primitives: how much is random, what is derived, and how strictly it is read."""

from __future__ import annotations

import asyncio
import base64
import threading
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest

from kilo_gql import tokens
from kilo_gql.errors import Unauthorized

KEY, OTHER = b"a" * 32, b"b" * 32
ISSUER = "http://127.0.0.1:8400"
USER, SESSION = UUID("01930000-0000-7000-8000-000000000001"), UUID("01930000-0000-7000-8000-000000000002")
NOW = datetime(2027, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def access(**changes) -> str:
    return tokens.access_token(**{
        "key": KEY, "issuer": ISSUER, "user_id": USER, "session_id": SESSION, "issued": NOW, "pair": "krt_x", **changes,
    })  # fmt: skip


def test_random_tokens() -> None:
    made = {tokens.random_token("kpat_") for _ in range(1_000)}
    assert (len(made), {len(token) for token in made}, {token[:5] for token in made}) == (1_000, {48}, {"kpat_"})
    assert {len(base64.urlsafe_b64decode(token[5:] + "=")) for token in made} == {32}
    assert all(tokens.is_opaque(token, "kpat_") and not tokens.is_opaque(token, "krt_") for token in made)


def test_derived_tokens() -> None:
    first = tokens.derived_token("krt_", KEY, "seed")
    assert first == "krt_jRI2RWFQIEknF1_lxqk44VXcdOfe4MoTJbhhG8k_Mrg"
    assert tokens.derived_token("krt_", KEY, "seed") == first
    assert len({first, tokens.derived_token("krt_", KEY, "seee"), tokens.derived_token("krt_", OTHER, "seed")}) == 3
    assert tokens.is_opaque(first, "krt_")


def test_codes() -> None:
    ids = [UUID(int=n) for n in range(2_000)]
    digits, links = [tokens.digits_code(KEY, i) for i in ids], [tokens.link_code(KEY, i) for i in ids]
    assert {(len(code), code.isdigit()) for code in digits} == {(8, True)}
    assert {len(code) for code in links} == {12}
    assert set("".join(links)) == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert set("".join(digits)) == set("0123456789")
    assert (len(set(digits)), len(set(links))) == (2_000, 2_000)
    assert digits == [tokens.digits_code(KEY, i) for i in ids]
    assert tokens.digits_code(OTHER, ids[0]) != digits[0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1234-5678", "12345678"), (" 12 34 56 78 ", "12345678"), ("abcd-efgh-jkmn", "ABCDEFGHJKMN"),
        ("oOiIlL12", "00111112"), ("", None), ("1234567", None), ("1" * 13, None), ("U2345678", None),
        ("1234567\n8", None), ("１２３４５６７８", None), ("1" * 10**6, None), ("\ud8001234567", None),
        ("ſtraße12", None),
    ],
)  # fmt: skip
def test_typed_codes(typed: str, meant: str | None) -> None:
    assert tokens.tidy_code(typed) == meant


def test_a_proof_is_bound_to_its_challenge_and_key() -> None:
    proofs = {tokens.code_proof(k, i, c) for k in (KEY, OTHER) for i in (USER, SESSION) for c in ("1", "2")}
    assert (len(proofs), {len(proof) for proof in proofs}) == (8, {32})


def test_an_access_token_is_read_as_it_was_written() -> None:
    token = access()
    assert token == access()
    claims = tokens.read_access_token(KEY, ISSUER, token, NOW)
    iat = int(NOW.timestamp())
    assert (claims.sub, claims.sid, claims.iat, claims.exp, claims.iss) == (USER, SESSION, iat, iat + 900, ISSUER)
    assert (claims.aud, claims.typ, len(claims.jti)) == ("kilo", "access", 22)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt"}
    jtis = {jwt.decode(access(pair=p), options={"verify_signature": False})["jti"] for p in ("a", "b")}
    assert len(jtis) == 2
    assert len(token) < 450


def test_it_is_refused_elsewhere() -> None:
    for key, issuer in ((OTHER, ISSUER), (KEY, ISSUER + "/"), (KEY, "http://127.0.0.1:840"), (KEY, "")):
        with pytest.raises(Unauthorized) as refused:
            tokens.read_access_token(key, issuer, access(), NOW)
        assert refused.value.code == "token_invalid"


async def test_passwords() -> None:
    hashed = await tokens.hash_password("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != await tokens.hash_password("correct horse")
    assert await tokens.password_matches(hashed, "correct horse") is True
    assert await tokens.password_matches(hashed, "correct horsf") is False
    assert await tokens.password_matches("not a hash", "correct horse") is False


async def test_four_passwords_are_hashed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(4, timeout=5)

    def slow(hashed: str, password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait()
        with lock:
            running -= 1
        full.wait()
        return True

    monkeypatch.setattr(tokens, "_matches", slow)
    assert await asyncio.gather(*(tokens.password_matches("", "") for _ in range(16))) == [True] * 16
    assert most == 4
