"""Settings: read once from ``KILO_*`` variables, passed down, never imported by the domain."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kilo_gql.errors import BadRequest


class Environment(StrEnum):
    """Development opens GraphiQL, introspection and suggestions; production closes them."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """Everything that can be turned from outside. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix="KILO_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path("~/.kilo"), description="Holds everything embedded: database, secret, mailbox, objects."
    )
    environment: Environment = Environment.DEVELOPMENT
    database_url: SecretStr | None = Field(
        default=None, description="postgresql://… of your own server; unset: the embedded PostgreSQL in KILO_HOME."
    )
    redis_url: SecretStr | None = Field(
        default=None, description="redis://host/db of its own; unset: one machine, bells ring through PostgreSQL."
    )
    objects: Path | None = Field(
        default=None, description="Folder of the stored files; unset: KILO_HOME/objects. Not used with KILO_S3_BUCKET."
    )
    s3_bucket: str | None = Field(default=None, description="Files are stored in this bucket; unset: in a folder.")
    s3_endpoint_url: str | None = Field(default=None, description="Of an S3 service other than AWS.")
    s3_public_url: str | None = Field(
        default=None, description="Where browsers reach the S3 service; unset: the API hands out the files itself."
    )
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = Field(default=None, description="Unset: found as the AWS tools find theirs.")
    s3_secret_access_key: SecretStr | None = None
    smtp_url: SecretStr | None = Field(
        default=None, description="smtp[s]://user:password@host:port; unset: mail is written to KILO_HOME/mailbox."
    )
    mail_from: str = "KILO <no-reply@localhost>"
    secret_key: SecretStr | None = Field(
        default=None, description="At least 32 characters; unset: made once and kept in KILO_HOME/secret."
    )
    base_url: str = Field(default="http://127.0.0.1:8400", description="Where browsers reach the API.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Further browser origins that may use cookies and websockets, comma separated."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of your reverse proxies, comma separated: their X-Forwarded-For is "
        "believed. Unset: behind a proxy all callers share one rate, and their guesses at a gallery's password.",
    )
    host: str = "127.0.0.1"
    port: int = 8400
    signup: Literal["open", "invited"] = Field(default="open", description="Who may become a user by signing in.")
    build: str = Field(default="dev", description="Printed in the Kilo-Build header of every answer.")
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer for /metrics; unset: metrics are served in development only."
    )
    log_format: Literal["console", "json"] = "console"

    max_file_size: int = Field(default=4 << 30, ge=1, description="Bytes a single upload may have.")
    database_pool: int = Field(default=12, ge=2, description="Connections a process keeps for operations.")
    worker_slots: int = Field(default=2, ge=1, description="Jobs a worker process runs at a time, for each queue.")
    model_device: Literal["cpu", "cuda"] = Field(default="cpu", description="Where workers run learned models.")
    worker_processes: int = Field(default=1, ge=1)
    job_lease: float = Field(default=30.0, gt=0, description="A worker that stays silent this long has lost its job.")
    job_claims: int = Field(default=3, ge=1, description="More claims than this and the job fails.")
    reconcile_every: float = Field(default=3.0, gt=0)
    event_retention: float = Field(default=86_400.0, description="Events stay at least this long …")
    event_retention_count: int = Field(default=10_000, description="… and at least this many a project.")
    event_far_behind: int = Field(default=10_000, description="Further behind than this, a reader is reset.")
    events_heartbeat: float = 15.0
    stream_lifetime: float = Field(default=3_600.0, description="An SSE stream ends after this; clients reconnect.")
    socket_connections_per_actor: int = 20
    socket_subscriptions: int = Field(default=100, description="Subscriptions a websocket may hold.")
    graphql_points_per_minute: int = 50_000
    webhook_private_addresses: bool = Field(
        default=False, description="May webhooks lead into your own network? Only where you trust all who make them."
    )
    requests_per_minute: int = Field(default=6_000, description="REST and GraphQL requests an actor may make.")
    trusted_documents: Path | None = Field(
        default=None, description="JSON file {sha256: document}: persisted queries; see trusted_documents_only."
    )
    trusted_documents_only: bool = False

    @field_validator("home", "objects")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def origins(self) -> frozenset[str]:
        """Browser origins that may use a session cookie or open a websocket."""
        return frozenset((self.base_url.rstrip("/"), *self.allowed_origins))

    @property
    def object_root(self) -> Path:
        """The folder of the object store, where no bucket is set."""
        return self.objects or self.home / "objects"

    @cached_property
    def _secret(self) -> bytes:
        if self.secret_key is not None:
            value = self.secret_key.get_secret_value().encode()
            if len(value) < 32:
                raise BadRequest("KILO_SECRET_KEY must have at least 32 characters.", code="weak_secret_key")
            return value
        path = self.home / "secret"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            # link() of a finished file: two processes that start together must end up with one secret
            draft = path.with_name(f"secret.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip().encode()

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HMAC-SHA256 as a PRF over the master secret), so no two purposes share one."""
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()
