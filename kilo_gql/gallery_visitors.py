"""Who stands before a client gallery's page: the same answer for the page, its pictures and what it listens to."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection

from kilo_gql import guest_tokens
from kilo_gql.access import Anonymous
from kilo_gql.authenticate import Proof
from kilo_gql.errors import Unauthorized
from kilo_gql.services import Services

#: Holds a guest's session of one gallery; its path is that gallery's.
COOKIE: Final = "kilo_guest"


async def proof(house: Services, connection: HTTPConnection) -> Proof:
    """Who is asking, and until when that is certain: a bearer, a guest's cookie, a member's session, or nobody.

    A cookie that is no longer good makes nobody of its bearer, for a page must open and say what it asks for; a bearer
    that is not good is refused, as everywhere. Raises Unauthorized, or Forbidden ``origin_not_allowed``.
    """
    if "authorization" in connection.headers:
        return await house.proof(connection)
    try:
        if (cookie := connection.cookies.get(COOKIE)) is not None and cookie.startswith(guest_tokens.PREFIX):
            return await house.authenticator.bearer(cookie)
    except Unauthorized:
        pass
    try:
        return await house.proof(connection)
    except Unauthorized:
        return Proof(Anonymous(), None)
