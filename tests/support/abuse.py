"""Bearers that must all be refused: each is a good access token with one thing wrong, or another proof in its place.

Where the flaw is in the header or the claims, the signature over it is made with the *right* key, so nothing but the
flaw can be what refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kilo_gql import tokens

Raw = dict[str, Any] | str | bytes


@dataclass(frozen=True)
class Proofs:
    """What an attacker may have: one good proof of each kind (``other`` is a second access token), and the moment."""

    key: bytes
    access: str
    other: str
    refresh: str
    api: str
    cookie: str
    invitation: str
    now: int

    @property
    def claims(self) -> dict[str, Any]:
        return json.loads(_unb64(self.access.split(".")[1]))


def corpus(good: Proofs) -> Iterator[tuple[str, str, str]]:
    """(what is wrong, the bearer, the code of the refusal)."""
    cases = (*_algorithms(good), *_headers(good), *_claims(good), *_signatures(good), *_shapes(good), *_others(good))
    for name, bearer in cases:
        yield name, bearer, "token_expired" if name.startswith("expired") else "token_invalid"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _raw(value: Raw) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode()


def sign(key: bytes, header: Raw, payload: Raw, hashing: str = "sha256") -> str:
    """A token with any header and payload, and the right signature over them."""
    signed = f"{b64(_raw(header))}.{b64(_raw(payload))}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), hashing))}"


_HEADER = {"alg": "HS256", "typ": "at+jwt"}


def _algorithms(good: Proofs) -> Iterator[tuple[str, str]]:
    _, body, signature = good.access.split(".")
    for alg in ("none", "None", "NONE", "nOnE"):
        yield f"alg {alg}, no signature", f"{b64(_raw(_HEADER | {'alg': alg}))}.{body}."
    yield "alg none, signature kept", f"{b64(_raw(_HEADER | {'alg': 'none'}))}.{body}.{signature}"
    for alg in ("HS384", "HS512"):
        yield f"alg {alg}", sign(good.key, _HEADER | {"alg": alg}, good.claims, f"sha{alg[2:]}")
    for alg in ("RS256", "PS256", "ES256", "EdDSA"):
        yield f"{alg} said, HMAC done", sign(good.key, _HEADER | {"alg": alg}, good.claims)
    for alg in ("hs256", " HS256", None, ["HS256"], 256, {"HS256": 1}):
        yield f"alg {alg!r}", sign(good.key, _HEADER | {"alg": alg}, good.claims)
    yield "no alg", sign(good.key, {"typ": "at+jwt"}, good.claims)


def _headers(good: Proofs) -> Iterator[tuple[str, str]]:
    mine = b"k" * 32
    jwk = {"kty": "oct", "k": b64(mine), "alg": "HS256"}
    yield "kid traversal to an empty key", sign(b"", _HEADER | {"kid": "../../../dev/null"}, good.claims)
    yield "kid traversal", sign(good.key, _HEADER | {"kid": "../../../../etc/passwd"}, good.claims)
    yield "kid SQL", sign(good.key, _HEADER | {"kid": "x' UNION SELECT 'k' --"}, good.claims)
    yield "kid", sign(good.key, _HEADER | {"kid": "access-token"}, good.claims)
    yield "jwk of my own", sign(mine, _HEADER | {"jwk": jwk}, good.claims)
    yield "jku", sign(mine, _HEADER | {"jku": "http://127.0.0.1:1/keys"}, good.claims)
    yield "x5u", sign(mine, _HEADER | {"x5u": "http://127.0.0.1:1/cert"}, good.claims)
    yield "x5c", sign(mine, _HEADER | {"x5c": [b64(mine)]}, good.claims)
    yield "crit exp", sign(good.key, _HEADER | {"crit": ["exp"]}, good.claims)
    yield "crit unknown", sign(good.key, _HEADER | {"crit": ["x-kilo"], "x-kilo": 1}, good.claims)
    yield "b64 false", sign(good.key, _HEADER | {"b64": False, "crit": ["b64"]}, good.claims)
    yield "zip", sign(good.key, _HEADER | {"zip": "DEF"}, good.claims)
    yield "cty", sign(good.key, _HEADER | {"cty": "JWT"}, good.claims)
    yield "typ JWT", sign(good.key, _HEADER | {"typ": "JWT"}, good.claims)
    yield "no typ in the header", sign(good.key, {"alg": "HS256"}, good.claims)
    yield "alg twice", sign(good.key, '{"alg":"none","alg":"HS256","typ":"at+jwt"}', good.claims)
    yield "header is a list", sign(good.key, '["HS256","at+jwt"]', good.claims)


def _claims(good: Proofs) -> Iterator[tuple[str, str]]:
    claims, iat = good.claims, good.claims["iat"]

    def but(**changes: Any) -> str:
        return sign(good.key, _HEADER, claims | changes)

    for name in claims:
        yield f"no {name}", sign(good.key, _HEADER, {k: v for k, v in claims.items() if k != name})
    text = json.dumps(claims)
    yield "sub twice", sign(good.key, _HEADER, text.replace("{", '{"sub":"00000000-0000-7000-8000-000000000000",', 1))
    yield "exp twice", sign(good.key, _HEADER, text.replace("{", '{"exp":1,', 1))
    yield "aud of another", but(aud="gallery")
    yield "aud as a list", but(aud=["kilo"])
    yield "iss shortened", but(iss=claims["iss"][:-1])
    yield "iss lengthened", but(iss=claims["iss"] + ".evil.example")
    yield "iss with a slash", but(iss=claims["iss"] + "/")
    yield "iss as a list", but(iss=[claims["iss"]])
    yield "typ refresh", but(typ="refresh")
    yield "typ null", but(typ=None)
    yield "expired this second", but(iat=good.now - 900, exp=good.now)
    yield "expired a year ago", but(iat=iat - 31_536_000, exp=iat - 31_535_100)
    yield "nbf in the future", but(nbf=good.now + 3_600)
    yield "iat in the future", but(iat=good.now + 6, exp=good.now + 906)
    yield "lives for ten years", but(exp=iat + 315_360_000)
    yield "lives for a second more", but(exp=iat + 901)
    yield "ends before it begins", but(iat=iat, exp=iat - 1)
    for value in (
        str(claims["exp"]),
        claims["exp"] + 0.5,
        float(claims["exp"]),
        10**30,
        -(10**30),
        True,
        None,
        [claims["exp"]],
    ):
        yield f"exp {type(value).__name__} {value!r:.12}", but(exp=value)
    yield "exp NaN", sign(good.key, _HEADER, text.replace(f'"exp": {claims["exp"]}', '"exp": NaN'))
    yield "exp Infinity", sign(good.key, _HEADER, text.replace(f'"exp": {claims["exp"]}', '"exp": Infinity'))
    for value in ("ada@example.org", "1", 1, None, "", claims["sub"] + "0", "' OR 1=1 --", {"$ne": ""}):
        yield f"sub {value!r}", but(sub=value)
    yield "another's sub", but(sub=claims["sid"])
    yield "sid of nobody", but(sid=claims["sub"])
    yield "a scope of my own", but(scope="*")
    yield "admin", but(admin=True)
    yield "payload is a list", sign(good.key, _HEADER, "[]")
    yield "payload is nested deeply", sign(good.key, _HEADER, "[" * 1_400 + "]" * 1_400)
    yield "payload is not JSON", sign(good.key, _HEADER, "sub=1")
    yield "payload is not UTF-8", sign(good.key, _HEADER, b'{"iss":"\xff"}')


def _signatures(good: Proofs) -> Iterator[tuple[str, str]]:
    head, body, signature = good.access.split(".")
    last = "AEIMQUYcgkosw048"
    respelled = next(c for c in "BCDFGHJK" if c not in last)
    yield "no signature", f"{head}.{body}."
    yield "the signature of another", f"{head}.{body}.{good.other.split('.')[2]}"
    yield "the claims of another", f"{head}.{good.other.split('.')[1]}.{signature}"
    yield "another key", sign(b"x" * 32, _HEADER, good.claims)
    yield "an empty key", sign(b"", _HEADER, good.claims)
    yield "the key in hexadecimal", sign(good.key.hex().encode(), _HEADER, good.claims)
    yield "one bit", f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    yield "a second spelling", f"{head}.{body}.{signature[:-1]}{_same_bits(signature[-1]) or respelled}"
    yield "padding", good.access + "="
    yield "a plain digest", f"{head}.{body}.{b64(hashlib.sha256(f'{head}.{body}'.encode()).digest())}"


def _same_bits(char: str) -> str:
    """Another last character that decodes to the same 32 bytes: its two lowest bits are not looked at."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(char) ^ 1]


def _shapes(good: Proofs) -> Iterator[tuple[str, str]]:
    head, body, signature = good.access.split(".")
    yield "nothing", ""
    yield "truncated", good.access[:-10]
    yield "cut in the claims", good.access[: len(head) + 20]
    yield "64 KB", good.access + "A" * 65_536
    yield "64 KB of claims", sign(good.key, _HEADER, good.claims | {"jti": "x" * 65_536})
    yield "4 KB of white space in the claims", sign(good.key, _HEADER, json.dumps(good.claims) + " " * 4_096)
    yield "64 KB of dots", "." * 65_536
    yield "two parts", f"{head}.{body}"
    yield "five parts", f"{head}..{body}.{signature}.{signature}"
    yield "JSON serialization", json.dumps({"payload": body, "protected": head, "signature": signature})
    yield "white space around", f" {good.access}"
    yield "white space within", good.access.replace(".", ". ", 1)
    yield "a line break", good.access + "\n"
    yield "NUL", good.access + "\x00"
    yield "unicode", good.access.replace(".", "․", 1)
    yield "full width", "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in good.access)
    yield "a lone surrogate", good.access + "\ud800"
    yield "Bearer twice", f"Bearer {good.access}"
    yield "quoted", f'"{good.access}"'
    yield "standard base64", f"{head}.{body}.{signature[:-2]}+/"


def _others(good: Proofs) -> Iterator[tuple[str, str]]:
    yield "a refresh token", good.refresh
    yield "a cookie", good.cookie
    yield "an invitation", good.invitation
    yield "an API token that was never made", tokens.random_token(tokens.API_PREFIX)
    yield "an API token, mangled", good.api[:-1] + ("A" if good.api[-1] != "A" else "B")
    yield "an API token, cut", good.api[:-1]
    yield "an API token, upper case", good.api.upper()
    yield "an API token without its prefix", good.api.removeprefix(tokens.API_PREFIX)
    yield "an API token with another prefix", "krt_" + good.api.removeprefix(tokens.API_PREFIX)
    yield "the hash of an API token", tokens.API_PREFIX + b64(tokens.digest(good.api))
    yield "a refresh token as an API token", good.refresh.replace("krt_", "kpat_")
