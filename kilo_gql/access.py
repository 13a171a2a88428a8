"""Who acts, and what each permission asks of them.

Three answers, the same in every door: no actor is 401, not visible is 404, visible but not allowed is 403.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from kilo_gql.errors import Forbidden, Unauthorized
from kilo_gql.models.projects import Role


class Perm(StrEnum):
    """``noun.verb``; an operation declares exactly one."""

    PUBLIC = "public"
    ACCOUNT_READ = "account.read"
    ACCOUNT_MANAGE = "account.manage"
    PROJECT_READ = "project.read"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_MANAGE = "project.manage"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    INVITATION_ACCEPT = "invitation.accept"
    STUDIO_READ = "studio.read"
    STUDIO_CREATE = "studio.create"
    STUDIO_MANAGE = "studio.manage"
    ASSET_READ = "asset.read"
    ASSET_UPLOAD = "asset.upload"
    ASSET_UPDATE = "asset.update"
    ASSET_RATE = "asset.rate"
    ASSET_DELETE = "asset.delete"
    ASSET_PURGE = "asset.purge"
    CLUSTER_READ = "cluster.read"
    CLUSTER_UPDATE = "cluster.update"
    CULL_READ = "cull.read"
    CULL_APPLY = "cull.apply"
    RANKER_READ = "ranker.read"
    RANKER_MANAGE = "ranker.manage"
    GALLERY_READ = "gallery.read"
    GALLERY_MANAGE = "gallery.manage"
    EXPORT_READ = "export.read"
    EXPORT_CREATE = "export.create"
    WEBHOOK_MANAGE = "webhook.manage"
    JOB_READ = "job.read"
    JOB_RUN = "job.run"
    EVENT_READ = "event.read"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a permission asks: ``role`` in the project or studio concerned (None: being signed in is enough)."""

    role: Role | None
    #: May a scoped API token hold it? Never for what would let a token widen its own rights.
    token: bool = True
    #: Is it still allowed in an archived project?
    archived: bool = False


RULES: Final[dict[Perm, Rule]] = {
    Perm.ACCOUNT_READ: Rule(None, archived=True),
    Perm.ACCOUNT_MANAGE: Rule(None, token=False, archived=True),
    Perm.PROJECT_READ: Rule(Role.VIEWER, archived=True),
    Perm.PROJECT_CREATE: Rule(None),
    Perm.PROJECT_UPDATE: Rule(Role.EDITOR),
    Perm.PROJECT_MANAGE: Rule(Role.OWNER, archived=True),
    Perm.MEMBER_READ: Rule(Role.VIEWER, archived=True),
    Perm.MEMBER_MANAGE: Rule(Role.OWNER, token=False, archived=True),
    Perm.INVITATION_ACCEPT: Rule(None, token=False, archived=True),
    Perm.STUDIO_READ: Rule(Role.VIEWER),
    Perm.STUDIO_CREATE: Rule(None),
    Perm.STUDIO_MANAGE: Rule(Role.OWNER, token=False),
    Perm.ASSET_READ: Rule(Role.VIEWER, archived=True),
    Perm.ASSET_UPLOAD: Rule(Role.EDITOR),
    Perm.ASSET_UPDATE: Rule(Role.EDITOR),
    Perm.ASSET_RATE: Rule(Role.EDITOR),
    Perm.ASSET_DELETE: Rule(Role.EDITOR),
    Perm.ASSET_PURGE: Rule(Role.OWNER),
    Perm.CLUSTER_READ: Rule(Role.VIEWER, archived=True),
    Perm.CLUSTER_UPDATE: Rule(Role.EDITOR),
    Perm.CULL_READ: Rule(Role.VIEWER, archived=True),
    Perm.CULL_APPLY: Rule(Role.EDITOR),
    Perm.RANKER_READ: Rule(None, archived=True),
    Perm.RANKER_MANAGE: Rule(None, token=False, archived=True),
    Perm.GALLERY_READ: Rule(Role.VIEWER, archived=True),
    Perm.GALLERY_MANAGE: Rule(Role.EDITOR),
    Perm.EXPORT_READ: Rule(Role.VIEWER, archived=True),
    Perm.EXPORT_CREATE: Rule(Role.EDITOR, archived=True),
    Perm.WEBHOOK_MANAGE: Rule(Role.OWNER, archived=True),
    Perm.JOB_READ: Rule(Role.VIEWER, archived=True),
    Perm.JOB_RUN: Rule(Role.EDITOR),
    Perm.EVENT_READ: Rule(Role.VIEWER, archived=True),
}

#: What an API token may be given, beside the wildcards ``*`` and ``noun.*``.
SCOPES: Final = tuple(perm.value for perm, rule in RULES.items() if rule.token)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular."""

    @property
    def key(self) -> str:
        return "anonymous"


@dataclass(frozen=True, slots=True)
class UserActor:
    """A person who signed in; ``session_id`` is the device."""

    user_id: UUID
    session_id: UUID

    @property
    def key(self) -> str:
        return f"user:{self.user_id}"


@dataclass(frozen=True, slots=True)
class TokenActor:
    """A program that acts for a user within ``scopes``."""

    user_id: UUID
    token_id: UUID
    scopes: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"token:{self.token_id}"


@dataclass(frozen=True, slots=True)
class Guest:
    """A visitor of one client gallery: an actor with rights of its own, none of them outside that gallery.

    ``version``: of the gallery, when the visitor was let in; once the gallery has another one, this is nobody.
    """

    gallery_id: UUID
    guest_id: UUID
    version: int = 0

    @property
    def key(self) -> str:
        return f"guest:{self.guest_id}"


@dataclass(frozen=True, slots=True)
class System:
    """The house itself; ``reason`` says in logs and events why it acts."""

    reason: str

    @property
    def key(self) -> str:
        return f"system:{self.reason}"


Actor = Anonymous | UserActor | TokenActor | Guest | System
Account = UserActor | TokenActor


def admit(actor: Actor, perm: Perm) -> None:
    """Refuse an actor that could not hold ``perm`` anywhere. Raises Unauthorized or Forbidden."""
    if perm is Perm.PUBLIC or isinstance(actor, System):
        return
    if perm is Perm.SYSTEM:
        raise Forbidden("Only the system itself may do this.")
    if isinstance(actor, Anonymous):
        raise Unauthorized("Sign in first.", remediation=["Send a bearer token, or sign in with your email address."])
    if isinstance(actor, Guest):
        raise Forbidden("A gallery guest cannot do this.")
    if isinstance(actor, TokenActor) and not in_scope(actor.scopes, perm):
        raise Forbidden(
            f"This API token does not have the scope {perm.value}.",
            code="scope_missing",
            details={"scope": perm.value},
            remediation=["Create a token with this scope, or sign in."],
        )


def in_scope(scopes: tuple[str, ...], perm: Perm) -> bool:
    """Do the scopes of a token cover ``perm``? Permissions that no token may hold are covered by none."""
    return RULES[perm].token and any(fnmatchcase(perm.value, scope) for scope in scopes)


def user_id_of(actor: Actor) -> UUID | None:
    """The user behind an actor, if there is one."""
    return actor.user_id if isinstance(actor, UserActor | TokenActor) else None
