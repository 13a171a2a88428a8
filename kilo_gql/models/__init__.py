"""What KILO remembers: one module a noun."""

from kilo_gql.models.assets import Asset, AssetFile, AssetStatus, FileKind
from kilo_gql.models.auth import ApiToken, Delivery, LoginChallenge, RefreshToken, Session, SessionKind, User
from kilo_gql.models.base import Base, InProject, InStudio, Owned, SystemTable
from kilo_gql.models.events import EventStream, OutboxEvent, ProjectEvent
from kilo_gql.models.idempotency import IdempotencyKey
from kilo_gql.models.installation import Installation
from kilo_gql.models.jobs import Job, JobStatus, Priority, Queue
from kilo_gql.models.projects import Invitation, Member, Project, ProjectStatus, Role
from kilo_gql.models.ratings import Rating
from kilo_gql.models.studios import Studio, StudioMember
from kilo_gql.models.uploads import Upload, UploadStatus

__all__ = [
    "ApiToken",
    "Asset",
    "AssetFile",
    "AssetStatus",
    "Base",
    "Delivery",
    "EventStream",
    "FileKind",
    "IdempotencyKey",
    "InProject",
    "InStudio",
    "Installation",
    "Invitation",
    "Job",
    "JobStatus",
    "LoginChallenge",
    "Member",
    "OutboxEvent",
    "Owned",
    "Priority",
    "Project",
    "ProjectEvent",
    "ProjectStatus",
    "Queue",
    "Rating",
    "RefreshToken",
    "Role",
    "Session",
    "SessionKind",
    "Studio",
    "StudioMember",
    "SystemTable",
    "Upload",
    "UploadStatus",
    "User",
]
