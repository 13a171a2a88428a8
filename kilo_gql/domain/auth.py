"""Signing in without a password: an address is proved by what was mailed to it.

``start_login`` does the same for every address, known or not. The job behind it derives the code, keeps its HMAC and
only then sends the mail: no secret is at rest, and a mail that is sent twice holds the same code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import DateTime, case, exists, func, literal, or_, select, update

from kilo_gql import tokens
from kilo_gql.access import Perm
from kilo_gql.db import House, Tx
from kilo_gql.domain.sessions import SignedIn, open_session
from kilo_gql.domain.users import user_with
from kilo_gql.errors import RateLimited, Unauthorized
from kilo_gql.jobs import JobType, NewJob, enqueue
from kilo_gql.models import Delivery, Invitation, LoginChallenge, Priority, SessionKind, User
from kilo_gql.models.base import uuid7
from kilo_gql.operations import operation
from kilo_gql.text import email_address, locale_tag

#: A code works for this long, once, and through this many guesses.
CODE_LIFETIME: Final = timedelta(minutes=10)
GUESSES: Final = 5
#: Challenges an address may be sent within ``WINDOW``: 50 guesses at 10^8 codes are odds of 5e-7 an hour.
CHALLENGES: Final = 10
WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LoginStarted:
    """A challenge on its way: ``verify_login`` takes its id and what the mail says."""

    challenge_id: UUID
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class LoginMail:
    """What the mail of a challenge says: ``secret`` is a code (EMAIL_CODE) or a link (MAGIC_LINK)."""

    email: str
    delivery: Delivery
    secret: str

    def __repr__(self) -> str:
        return f"LoginMail({self.delivery.value})"


@operation(Perm.PUBLIC, write=True, retention=None)
async def start_login(
    tx: Tx, email: str, locale: str | None = None, delivery: Delivery = Delivery.EMAIL_CODE
) -> LoginStarted:
    """Send a sign-in code, or a link, to an email address; the answer is the same whether it has an account or not.

    Raises BadRequest ``bad_email``, RateLimited ``too_many_logins`` after 10 an hour for one address.
    """
    address = email_address(email)
    with tx.trust("nobody is signed in yet"):
        await _leave_room(tx, address)
        challenge = await _challenge(tx, address, delivery, locale_tag(locale))
        arguments = {"challenge_id": str(challenge.id)}
        await enqueue(tx, NewJob(JobType.MAIL_LOGIN, arguments, None, priority=Priority.INTERACTIVE))
    return LoginStarted(challenge.id, delivery)


@operation(Perm.PUBLIC, write=True, retention=None)
async def verify_login(
    tx: Tx,
    challenge_id: str,
    code: str,
    user_agent: str | None = None,
    kind: SessionKind = SessionKind.TOKENS,
) -> SignedIn:
    """Sign in with the code of a login mail; the first time makes the account.

    Raises Unauthorized ``login_refused``: wrong, used, expired and unknown are one answer.
    """
    key, answer = _uuid(challenge_id), tokens.tidy_code(code)
    if key is None or answer is None:
        raise _refused()
    with tx.trust("a mailed code is its own proof"):
        challenge = await _guess(tx, key, answer)
        if challenge is None or challenge.consumed_at is None:
            return tx.refuse(_refused())  # type: ignore[no-any-return]
        user = await user_with(tx, challenge.email)
        return await open_session(tx, user, kind, user_agent)


@operation(Perm.SYSTEM, write=True, retention=None)
async def mint_link(tx: Tx, email: str) -> str:
    """Make a link that signs an address in, and its user if there is none: for whoever runs this installation."""
    user = await user_with(tx, email_address(email))
    challenge = await _challenge(tx, user.email, Delivery.MAGIC_LINK, None)
    return _arm(tx.house, challenge)


async def prepare_login_mail(tx: Tx, challenge_id: UUID) -> LoginMail | None:
    """Make a challenge answerable and say what its mail holds; None: there is nothing to send (any more)."""
    challenge: LoginChallenge | None = await tx.scalar(
        select(LoginChallenge).where(LoginChallenge.id == challenge_id).with_for_update()
    )
    if challenge is None or challenge.consumed_at is not None or challenge.expires_at <= tx.now:
        return None
    if not await _may_sign_in(tx, challenge.email):
        return None
    return LoginMail(challenge.email, challenge.delivery, _arm(tx.house, challenge))


async def _leave_room(tx: Tx, address: str) -> None:
    # one at a time for an address: ten that count at once would each find nine
    lock = int.from_bytes(hashlib.sha256(f"login {address}".encode()).digest()[:8], signed=True)
    await tx.scalar(select(func.pg_advisory_xact_lock(lock)))
    recent = select(func.count(), func.min(LoginChallenge.created_at)).where(
        LoginChallenge.email == address, LoginChallenge.created_at > tx.now - WINDOW
    )
    [(count, oldest)] = await tx.rows(recent)
    if count >= CHALLENGES:
        wait = (oldest + WINDOW - tx.now).total_seconds()
        raise RateLimited(
            "Too many sign-in mails were asked for this address.",
            code="too_many_logins",
            remediation=["Use the newest mail you have.", "Try again later."],
            retry_after=max(1.0, wait),
        )


async def _challenge(tx: Tx, address: str, delivery: Delivery, locale: str | None) -> LoginChallenge:
    challenge = tx.add(
        LoginChallenge(
            id=uuid7(),
            email=address,
            delivery=delivery,
            locale=locale,
            attempts=0,
            expires_at=tx.now + CODE_LIFETIME,
            created_at=tx.now,
        )
    )
    await tx.flush()
    return challenge


def _arm(house: House, challenge: LoginChallenge) -> str:
    """Derive a challenge's code, keep its proof, and return what the mail shows."""
    by_link = challenge.delivery is Delivery.MAGIC_LINK
    make = tokens.link_code if by_link else tokens.digits_code
    code = make(house.key("login-code"), challenge.id)
    challenge.proof_hash = tokens.code_proof(house.key("login-proof"), challenge.id, code)
    if not by_link:
        return f"{code[:4]}-{code[4:]}"
    return f"{house.base_url}/sign-in?{urlencode({'challenge': str(challenge.id), 'code': code})}"


async def _guess(tx: Tx, challenge_id: UUID, code: str) -> LoginChallenge | None:
    """Evaluate a guess: one statement counts, compares and consumes, so parallel guesses cannot slip past the count."""
    proof = tokens.code_proof(tx.house.key("login-proof"), challenge_id, code)
    right = case((LoginChallenge.proof_hash == proof, literal(tx.now, DateTime(timezone=True))))
    statement = (
        update(LoginChallenge)
        .where(
            LoginChallenge.id == challenge_id,
            LoginChallenge.attempts < GUESSES,
            LoginChallenge.consumed_at.is_(None),
            LoginChallenge.expires_at > tx.now,
        )
        .values(attempts=LoginChallenge.attempts + 1, consumed_at=right)
        .returning(LoginChallenge)
        .execution_options(synchronize_session=False)
    )
    return await tx.scalar(statement)  # type: ignore[no-any-return]


async def _may_sign_in(tx: Tx, address: str) -> bool:
    if tx.house.signup_open:
        return True
    known = exists().where(User.email == address)
    invited = exists().where(
        Invitation.email == address,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > tx.now,
    )
    return bool(await tx.scalar(select(or_(known, invited))))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, AttributeError):
        return None


def _refused() -> Unauthorized:
    return Unauthorized(
        "This code is wrong, was used, or has expired.",
        code="login_refused",
        remediation=[
            "Type the code of the newest mail.",
            f"Start again: a code works once, for 10 minutes and {GUESSES} tries.",
        ],
    )
