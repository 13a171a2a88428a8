"""What KILO remembers: one module a noun."""

from kilo_gql.models.assets import Asset, AssetFile, AssetStatus, FileKind
from kilo_gql.models.auth import ApiToken, Delivery, LoginChallenge, RefreshToken, Session, SessionKind, User
from kilo_gql.models.base import Base, InGallery, InProject, InStudio, Owned, SystemTable
from kilo_gql.models.clusters import Cluster, ClusterKind, ClusterMember, Grouping, GroupingState, SetKind
from kilo_gql.models.culling import CullAction, CullKind, CullState
from kilo_gql.models.embeddings import AssetEmbedding, EmbeddingSpace, SpaceState
from kilo_gql.models.events import EventStream, OutboxEvent, ProjectEvent
from kilo_gql.models.exports import Export, ExportFile, ExportItem, ExportPreset, ExportStatus, ItemStatus
from kilo_gql.models.galleries import (
    DownloadPolicy,
    Gallery,
    GalleryAsset,
    GalleryFile,
    GalleryProposal,
    GalleryRendition,
    GallerySection,
)
from kilo_gql.models.guests import (
    ActivityKind,
    GalleryActivity,
    GalleryComment,
    GalleryFavorite,
    GalleryGuess,
    GalleryGuest,
    SelectedAsset,
    Selection,
    SelectionList,
)
from kilo_gql.models.idempotency import IdempotencyKey
from kilo_gql.models.installation import Installation
from kilo_gql.models.jobs import Job, JobStatus, Priority, Queue
from kilo_gql.models.projects import Invitation, Member, Project, ProjectStatus, Role
from kilo_gql.models.rankers import Consent, ConsentPurpose, Pick, PickBasis, Ranker, RankerState
from kilo_gql.models.ratings import Rating
from kilo_gql.models.signals import AssetSignals
from kilo_gql.models.studios import Studio, StudioMember
from kilo_gql.models.suggestions import Band, Suggestion
from kilo_gql.models.uploads import Upload, UploadStatus
from kilo_gql.models.webhooks import DeliveryStatus, Webhook, WebhookDelivery
from kilo_gql.models.weights import ModelInUse

__all__ = [
    "ActivityKind",
    "ApiToken",
    "Asset",
    "AssetEmbedding",
    "AssetFile",
    "AssetSignals",
    "AssetStatus",
    "Band",
    "Base",
    "Cluster",
    "ClusterKind",
    "ClusterMember",
    "Consent",
    "ConsentPurpose",
    "CullAction",
    "CullKind",
    "CullState",
    "Delivery",
    "DeliveryStatus",
    "DownloadPolicy",
    "EmbeddingSpace",
    "EventStream",
    "Export",
    "ExportFile",
    "ExportItem",
    "ExportPreset",
    "ExportStatus",
    "FileKind",
    "Gallery",
    "GalleryActivity",
    "GalleryAsset",
    "GalleryComment",
    "GalleryFavorite",
    "GalleryFile",
    "GalleryGuess",
    "GalleryGuest",
    "GalleryProposal",
    "GalleryRendition",
    "GallerySection",
    "Grouping",
    "GroupingState",
    "IdempotencyKey",
    "InGallery",
    "InProject",
    "InStudio",
    "Installation",
    "Invitation",
    "ItemStatus",
    "Job",
    "JobStatus",
    "LoginChallenge",
    "Member",
    "ModelInUse",
    "OutboxEvent",
    "Owned",
    "Pick",
    "PickBasis",
    "Priority",
    "Project",
    "ProjectEvent",
    "ProjectStatus",
    "Queue",
    "Ranker",
    "RankerState",
    "Rating",
    "RefreshToken",
    "Role",
    "SelectedAsset",
    "Selection",
    "SelectionList",
    "Session",
    "SessionKind",
    "SetKind",
    "SpaceState",
    "Studio",
    "StudioMember",
    "Suggestion",
    "SystemTable",
    "Upload",
    "UploadStatus",
    "User",
    "Webhook",
    "WebhookDelivery",
]
