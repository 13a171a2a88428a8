"""Proofs of identity: how they are made, derived, hashed and read. No database here.

Random tokens carry 256 bits and are kept as SHA-256; short codes are derived with a keyed PRF and are kept as HMAC,
so that neither the database nor a backup of it lets anybody in. Access tokens are JWTs (RFC 9068 by shape, HS256).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import jwt
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kilo_gql.errors import Unauthorized

REFRESH_PREFIX: Final = "krt_"
API_PREFIX: Final = "kpat_"
COOKIE_PREFIX: Final = "kst_"
INVITATION_PREFIX: Final = "kinv_"

#: Seconds an access token is good for.
ACCESS_SECONDS: Final = 900
#: Seconds by which the clock of another of our machines may be ahead.
_LEEWAY: Final = 5
_MAX_BYTES: Final = 4096
_ALGORITHM: Final = "HS256"
_HEADER: Final = {"alg": _ALGORITHM, "typ": "at+jwt"}
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_CODE: Final = re.compile(rf"[{_CROCKFORD}]{{8,12}}", re.ASCII)
_OPAQUE: Final = re.compile(r"(k[a-z]{2,3}_)[A-Za-z0-9_-]{43}", re.ASCII)

# --- opaque tokens -----------------------------------------------------------------------------------------------


def random_token(prefix: str) -> str:
    """A prefix and 43 characters: 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def derived_token(prefix: str, key: bytes, seed: str) -> str:
    """As a random one to everybody without the key, but the same whenever it is made from the same seed."""
    return prefix + _b64(_prf(key, seed))


def is_opaque(token: str, prefix: str) -> bool:
    """Does this look like a token of ours with ``prefix``?"""
    match = _OPAQUE.fullmatch(token)
    return match is not None and match[1] == prefix


def digest(token: str) -> bytes:
    """What is kept of a token that has 256 bits of its own."""
    return hashlib.sha256(token.encode()).digest()


# --- short codes -------------------------------------------------------------------------------------------------


def digits_code(key: bytes, challenge_id: UUID) -> str:
    """The 8 digits (26.5 bits) that answer a challenge sent as a code."""
    return f"{int.from_bytes(_prf(key, f'digits {challenge_id}')) % 10**8:08d}"


def link_code(key: bytes, challenge_id: UUID) -> str:
    """The 12 characters (60 bits, Crockford base32) that answer a challenge sent as a link."""
    bits = int.from_bytes(_prf(key, f"link {challenge_id}"))
    return "".join(_CROCKFORD[bits >> 5 * place & 31] for place in range(12))


def tidy_code(text: str) -> str | None:
    """A typed code in the spelling it was made in; None if it cannot be one."""
    code = text[:64].upper().translate(_LOOK_ALIKES)
    return code if text.isascii() and _CODE.fullmatch(code) else None


def code_proof(key: bytes, challenge_id: UUID, code: str) -> bytes:
    """What is kept of a short code: worthless without the key, and without its challenge."""
    return _prf(key, f"{challenge_id} {code}")


# --- access tokens -----------------------------------------------------------------------------------------------


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an access token says, in the order it is written. Times are whole seconds since 1970."""

    iss: str
    aud: Literal["kilo"]
    typ: Literal["access"]
    sub: UUID
    sid: UUID
    iat: int
    exp: int
    jti: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22}$")]


def access_token(key: bytes, issuer: str, user_id: UUID, session_id: UUID, issued: datetime, pair: str) -> str:
    """A signed access token. It is the same whenever it is made for the same refresh token ``pair`` and moment."""
    iat = int(issued.timestamp())
    jti = _b64(_prf(key, f"jti {pair}")[:16])
    claims = Claims(issuer, "kilo", "access", user_id, session_id, iat, iat + ACCESS_SECONDS, jti)
    return jwt.encode(msgspec.to_builtins(claims), key, algorithm=_ALGORITHM, headers=_HEADER)


def read_access_token(key: bytes, issuer: str, token: str, now: datetime) -> Claims:
    """The claims of a token that we made and that is good at ``now``.

    Raises Unauthorized ``token_invalid`` or ``token_expired``.
    """
    try:
        claims = _parsed(key, token)
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
        # the cause quotes parts of the token: it stays here
        raise invalid_token() from None
    seconds = now.timestamp()
    lifetime = claims.exp - claims.iat
    if claims.iss != issuer or not 0 < lifetime <= ACCESS_SECONDS or claims.iat > seconds + _LEEWAY:
        raise invalid_token()
    if claims.exp <= seconds:
        raise Unauthorized(
            "This access token has expired.", code="token_expired", remediation=["Refresh it with your refresh token."]
        )
    return claims


def invalid_token() -> Unauthorized:
    """The one answer to every token that is not ours, whatever is wrong with it."""
    return Unauthorized("This token is not valid.", code="token_invalid", remediation=["Sign in again."])


def _parsed(key: bytes, token: str) -> Claims:
    if len(token) > _MAX_BYTES or not token.isascii() or token.count(".") != 2:
        raise ValueError("not a token of ours")
    # equality, not a list of refusals: no kid, jku, jwk, x5u, crit or other algorithm can come through it
    if _object(_unb64(token.split(".")[0])) != _HEADER:
        raise ValueError("not our header")
    if any(_b64(_unb64(part)) != part for part in token.split(".")):
        raise ValueError("a second spelling of the same bytes")
    payload: bytes = jwt.PyJWS(algorithms=[_ALGORITHM]).decode(token, key, algorithms=[_ALGORITHM])
    return msgspec.convert(_object(payload), Claims)


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data, object_pairs_hook=_once)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


# --- what people choose ------------------------------------------------------------------------------------------

#: OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
_ARGON2: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: Four threads are the limit on how much of the machine guessing can take.
_HASHING: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="argon2")


async def hash_password(password: str) -> str:
    """The argon2id hash (PHC string) of something a person chose; takes some 40 ms in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_HASHING, _ARGON2.hash, password)


async def password_matches(hashed: str, password: str) -> bool:
    """Was ``hashed`` made from this password?"""
    return await asyncio.get_running_loop().run_in_executor(_HASHING, _matches, hashed, password)


def _matches(hashed: str, password: str) -> bool:
    try:
        return _ARGON2.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _prf(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
