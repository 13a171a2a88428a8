"""What KILO remembers: one module a noun."""

from kilo_gql.models.auth import ApiToken, Delivery, LoginChallenge, RefreshToken, Session, SessionKind, User
from kilo_gql.models.base import Base, InProject, InStudio, Owned, SystemTable
from kilo_gql.models.events import EventStream, OutboxEvent, ProjectEvent
from kilo_gql.models.idempotency import IdempotencyKey
from kilo_gql.models.installation import Installation
from kilo_gql.models.jobs import Job, JobStatus, Priority, Queue
from kilo_gql.models.projects import Invitation, Member, Project, ProjectStatus, Role
from kilo_gql.models.studios import Studio, StudioMember

__all__ = [
    "ApiToken",
    "Base",
    "Delivery",
    "EventStream",
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
    "RefreshToken",
    "Role",
    "Session",
    "SessionKind",
    "Studio",
    "StudioMember",
    "SystemTable",
    "User",
]
