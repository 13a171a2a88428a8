"""Who signs in, and with what proof. No secret is stored as it was handed out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, Uuid, select
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from kilo_gql.models.base import (
    Base,
    Enumerated,
    Identified,
    Owned,
    Stamped,
    SystemTable,
    Viewer,
    grants,
    studio_grants,
)


class Delivery(StrEnum):
    """How the proof of a login challenge reaches its address."""

    EMAIL_CODE = "email_code"
    MAGIC_LINK = "magic_link"


class SessionKind(StrEnum):
    """Programs hold a token pair, browsers a cookie."""

    TOKENS = "tokens"
    COOKIE = "cookie"


class User(Identified, Stamped, Base, Owned):
    """A person. ``email`` is kept in lower case and is unique."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]

    @property
    def user_id(self) -> UUID:  # type: ignore[override]
        return self.id

    @classmethod
    def visible_to(cls, user_id: Viewer) -> ColumnElement[bool]:
        """Oneself, and the people one shares a project or a studio with."""
        projects = select(grants.c.project_id).where(grants.c.user_id == user_id)
        studios = select(studio_grants.c.studio_id).where(studio_grants.c.user_id == user_id)
        return (
            (cls.id == user_id)
            | cls.id.in_(select(grants.c.user_id).where(grants.c.project_id.in_(projects)))
            | cls.id.in_(select(studio_grants.c.user_id).where(studio_grants.c.studio_id.in_(studios)))
        )


class LoginChallenge(Identified, Stamped, Base, SystemTable):
    """One attempt to sign in. ``proof_hash`` is set by the job that sends the mail, which alone knows the code."""

    __tablename__ = "login_challenges"
    __table_args__ = (Index("ix_login_challenges_email_created_at", "email", "created_at"),)

    email: Mapped[str]
    delivery: Mapped[Delivery] = mapped_column(Enumerated(Delivery))
    locale: Mapped[str | None]
    proof_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


class Session(Identified, Stamped, Base, Owned):
    """A signed-in device; its refresh tokens form one family."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[SessionKind] = mapped_column(Enumerated(SessionKind))
    user_agent: Mapped[str | None]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RefreshToken(Identified, Stamped, Base, SystemTable):
    """One link of a session's chain. ``rotated_at`` marks it used; its successor is derived, not stored."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_session_id", "session_id"),)

    session_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("sessions.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    rotated_at: Mapped[datetime | None]


class ApiToken(Identified, Stamped, Base, Owned):
    """A long-lived bearer for programs, limited to ``scopes``."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("ix_api_tokens_user_id", "user_id"),)

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    scopes: Mapped[list[str]]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
