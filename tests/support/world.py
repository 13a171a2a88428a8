"""Everything a permission can be about, once: a project and a studio with somebody of each role, and what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from kilo_gql import tokens
from kilo_gql.access import Perm, System, UserActor
from kilo_gql.db import Database
from kilo_gql.events import EventName
from kilo_gql.models import (
    ApiToken,
    Asset,
    AssetStatus,
    Base,
    Cluster,
    ClusterKind,
    ClusterMember,
    Delivery,
    DeliveryStatus,
    EventStream,
    ExportStatus,
    GalleryComment,
    GalleryGuest,
    GalleryProposal,
    GallerySection,
    Grouping,
    Invitation,
    Job,
    JobStatus,
    LoginChallenge,
    Member,
    Project,
    ProjectEvent,
    Queue,
    RefreshToken,
    Role,
    Selection,
    SelectionList,
    Session,
    SessionKind,
    Studio,
    StudioMember,
    Upload,
    UploadStatus,
    User,
    Webhook,
    WebhookDelivery,
)
from kilo_gql.models.base import uuid7
from tests.support.exports import export_rows
from tests.support.galleries import gallery_asset_row, gallery_row, gallery_slug
from tests.support.make import asset_row, signals_row
from tests.support.sharing import PASSWORD, PASSWORD_HASH

#: Who asks. ``guest`` is a visitor of a client gallery.
CALLERS: Final = ("anonymous", "stranger", "guest", "viewer", "editor", "owner")
_PEOPLE: Final = ("stranger", "viewer", "editor", "owner", "member", "colleague")
_ROLES: Final = {"viewer": Role.VIEWER, "editor": Role.EDITOR, "owner": Role.OWNER}
_HOUSE: Final = System("test")
_DIGEST: Final = "SELECT '{table}' AS name, count(*) AS n, md5(string_agg(t::text, '' ORDER BY t::text)) AS rows"


@dataclass
class World:
    """``things`` is what ``@name`` in the matrix stands for; ``people`` are those who can sign in."""

    things: dict[str, Any] = field(default_factory=dict)
    people: dict[str, UserActor] = field(default_factory=dict)
    photos: dict[str, Asset] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """A matrix cell's arguments with every ``@name`` replaced."""
        if isinstance(value, Mapping):
            return {name: self.fill(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return self.things[value[1:]] if isinstance(value, str) and value.startswith("@") else value

    def elsewhere(self) -> World:
        """The same people, in a world in which none of these things exists."""
        return World({name: _absent(name, thing) for name, thing in self.things.items()}, self.people)


def _absent(name: str, thing: Any) -> Any:
    """Another one of its kind that was never made."""
    if name.endswith("slug"):
        return gallery_slug()
    if isinstance(thing, str) and tokens.is_opaque(thing, tokens.INVITATION_PREFIX):
        return tokens.random_token(tokens.INVITATION_PREFIX)
    return uuid7() if isinstance(thing, UUID) else thing


async def make_world(db: Database) -> World:
    """A fresh world, written in one transaction."""
    world = World()
    rows: list[Base] = [*_people(world, db), *_project(world, db), *_studio(world, db), *_proofs(world, db)]
    async with db.transaction(_HOUSE, Perm.SYSTEM) as tx:
        for table in Base.metadata.sorted_tables:  # without relationships the session does not know who needs whom
            tx.session.add_all(row for row in rows if row.__table__ is table)
            await tx.flush()
        await tx.session.commit()
    return world


def _people(world: World, db: Database) -> list[Base]:
    now, rows = db.house.clock(), []
    for name in _PEOPLE:
        user = User(id=uuid7(), email=f"{name}-{uuid7().hex[-12:]}@example.org", display_name=name.title())
        session = _session(user.id, db)
        rows += [user, session]
        world.people[name] = UserActor(user.id, session.id)
        world.things |= {f"{name}_id": user.id, f"{name}_email": user.email}
    second = _session(world.people["owner"].user_id, db)
    token = ApiToken(
        id=uuid7(), user_id=second.user_id, name="backup", scopes=["*"],
        token_hash=tokens.digest(tokens.random_token(tokens.API_PREFIX)), created_at=now,
    )  # fmt: skip
    world.things |= {"session": second.id, "token": token.id}
    return [*rows, second, token]


def _session(user_id: UUID, db: Database) -> Session:
    now = db.house.clock()
    ends = now + timedelta(days=30)
    return Session(id=uuid7(), user_id=user_id, kind=SessionKind.TOKENS, last_seen_at=now, expires_at=ends)


def _project(world: World, db: Database) -> list[Base]:
    now, owner = db.house.clock(), world.people["owner"].user_id
    project = Project(id=uuid7(), owner_user_id=owner, title="Hidden wedding", created_at=now, updated_at=now)
    jobs = {
        f"{status.value}_job": Job(
            id=uuid7(), project_id=project.id, type="drill", queue=Queue.CPU, priority=10, turn=1, arguments={},
            status=status, created_at=now, updated_at=now,
        )
        for status in (JobStatus.QUEUED, JobStatus.FAILED)
    }  # fmt: skip
    secret = tokens.random_token(tokens.INVITATION_PREFIX)
    invitation = Invitation(
        id=uuid7(), project_id=project.id, email=world.things["stranger_email"], role=Role.EDITOR, invited_by=owner,
        proof_hash=tokens.digest(secret), expires_at=now + timedelta(days=7), created_at=now,
    )  # fmt: skip
    world.things |= {name: job.id for name, job in jobs.items()}
    world.things |= {"project": project.id, "invitation": invitation.id, "invitation_code": secret}
    roles = {**_ROLES, "member": Role.VIEWER}
    members = [Member(project_id=project.id, user_id=world.people[n].user_id, role=r) for n, r in roles.items()]
    return [
        project, *jobs.values(), invitation, *members, *_log(project, jobs["queued_job"], db),
        *_assets(world, project, db), *_clusters(world, project, db), *_uploads(world, project, db),
        *_exports(world, project),
        *_webhooks(world, project, db),
        *_galleries(world, project, db), *_proposals(world, project, db), *_shared(world, project, db),
    ]  # fmt: skip


def _assets(world: World, project: Project, db: Database) -> list[Base]:
    """A photo of each kind that an operation may be about."""
    now = db.house.clock()
    photo = asset_row(project, "hidden.jpg", now)
    raw = asset_row(project, "pair.cr3", now, format="cr3")
    jpeg = asset_row(project, "pair.jpg", now, parent_id=raw.id)
    single = asset_row(project, "single.dng", now, format="dng")
    bad = asset_row(project, "bad.jpg", now, status=AssetStatus.QUARANTINED, quarantine_code="truncated")
    trashed = asset_row(project, "trashed.jpg", now, trashed_at=now)
    names = {"asset": photo, "raw": raw, "jpeg": jpeg, "single": single, "bad": bad, "trashed": trashed}
    world.things |= {name: asset.id for name, asset in names.items()}
    world.photos = names
    return [*names.values(), signals_row(photo, now)]


def _galleries(world: World, project: Project, db: Database) -> list[Base]:
    """An open gallery at ``slug`` that shows ``asset`` under ``section``, and ``raw`` under none."""
    gallery = gallery_row(project, db.house.clock())
    section = GallerySection(
        id=uuid7(), project_id=project.id, gallery_id=gallery.id, title="Ceremony", position=0
    )  # fmt: skip
    shown = [
        gallery_asset_row(gallery, world.photos["asset"], 0, section_id=section.id),
        gallery_asset_row(gallery, world.photos["raw"], 1, changed_at=gallery.created_at),
    ]
    world.things |= {"gallery": gallery.id, "slug": gallery.share_slug, "section": section.id}
    return [gallery, section, *shown]


def _clusters(world: World, project: Project, db: Database) -> list[Base]:
    """Two moments: ``cluster`` holds ``asset`` and ``raw``, ``other_cluster`` holds ``single``."""
    now, rows = db.house.clock(), list[Base]()
    for name, photos in (("cluster", ("asset", "raw")), ("other_cluster", ("single",))):
        world.things[name] = uuid7()
        stamps = {"sort_at": now, "created_at": now, "updated_at": now}
        rows.append(
            Cluster(id=world.things[name], project_id=project.id, kind=ClusterKind.MOMENT, size=len(photos), **stamps)
        )
        for place, photo in enumerate(photos):
            rows.append(
                ClusterMember(
                    project_id=project.id, asset_id=world.things[photo], kind=ClusterKind.MOMENT,
                    cluster_id=world.things[name], place=place,
                )
            )  # fmt: skip
    clocks = {"c0ffee": {"label": "Camera", "asset_count": 3, "reference": True}}
    return [*rows, Grouping(project_id=project.id, revision=1, grouped_revision=1, clock_offsets=clocks)]


def _shared(world: World, project: Project, db: Database) -> list[Base]:
    """What galleries show to anybody: ``shared_asset`` at ``shared_slug``, and behind a password at ``locked_slug``.

    ``shared_guest`` was let in there, said ``shared_comment``, and has sent a choice for ``shared_list``.
    """
    now, guest_id = db.house.clock(), uuid7()
    photo = asset_row(project, "shared.jpg", now)
    galleries = {"shared": gallery_row(project, now), "locked": gallery_row(project, now, password_hash=PASSWORD_HASH)}
    shown = [gallery_asset_row(one, photo, 0, pinned_sha256="0" * 64) for one in galleries.values()]
    inside = {"project_id": project.id, "gallery_id": galleries["locked"].id}
    guest = GalleryGuest(id=guest_id, name="Grace", last_seen_at=now, created_at=now, **inside)
    comment = GalleryComment(id=uuid7(), asset_id=photo.id, guest_id=guest_id, text="Lovely", created_at=now, **inside)
    wanted = {name: SelectionList(id=uuid7(), title=name, position=0, created_at=now, **inside) for name in ("a", "b")}
    chosen = Selection(list_id=wanted["a"].id, guest_id=guest_id, submitted_at=now, updated_at=now, **inside)
    world.things |= {f"{name}_slug": one.share_slug for name, one in galleries.items()}
    world.things |= {
        "shared_asset": photo.id, "shared_gallery": galleries["locked"].id, "shared_guest": guest_id,
        "shared_comment": comment.id, "shared_list": wanted["a"].id, "shared_open_list": wanted["b"].id,
        "gallery_password": PASSWORD,
    }  # fmt: skip
    return [photo, *galleries.values(), *shown, guest, comment, *wanted.values(), chosen]


def _proposals(world: World, project: Project, db: Database) -> list[Base]:
    """A guest of the gallery favours ``raw`` over ``asset``."""
    row = GalleryProposal(
        id=uuid7(), project_id=project.id, gallery_id=world.things["gallery"], guest_id=uuid7(),
        cluster_id=world.things["cluster"], winner_asset_id=world.things["asset"],
        favored_asset_id=world.things["raw"], created_at=db.house.clock(),
    )  # fmt: skip
    world.things["proposal"] = row.id
    return [row]


def _webhooks(world: World, project: Project, db: Database) -> list[Base]:
    """A webhook, and a delivery that was given up."""
    now = db.house.clock()
    webhook = Webhook(
        id=uuid7(), project_id=project.id, created_by=project.owner_user_id, url="https://hooks.example.org/kilo",
        epoch=1, seq=1, created_at=now, updated_at=now,
    )  # fmt: skip
    delivery = WebhookDelivery(
        id=uuid7(), project_id=project.id, webhook_id=webhook.id, epoch=1, seq=1, event_name="job.done", body="{}",
        status=DeliveryStatus.DEAD, attempts=10, error="HTTP 500", created_at=now, updated_at=now,
    )  # fmt: skip
    world.things |= {"webhook": webhook.id, "delivery": delivery.id}
    return [webhook, delivery]


def _uploads(world: World, project: Project, db: Database) -> list[Base]:
    """The editor's: one that still receives, one that is to be finalized."""
    now, editor, rows = db.house.clock(), world.people["editor"].user_id, list[Base]()
    for name, status, received in (("begun", UploadStatus.RECEIVING, 0), ("sent", UploadStatus.STORED, 10)):
        asset = asset_row(project, f"{name}.jpg", now, status=AssetStatus.UPLOADING)
        upload = Upload(
            id=uuid7(), project_id=project.id, asset_id=asset.id, user_id=editor, status=status, byte_size=10,
            filename=asset.filename, received=received, key=f"{project.id}/{asset.id}/{name}.jpg",
            expires_at=now + timedelta(days=7), updated_at=now,
        )  # fmt: skip
        world.things |= {f"{name}_asset": asset.id, f"{name}_upload": upload.id}
        rows += [asset, upload]
    return rows


def _log(project: Project, job: Job, db: Database) -> list[Base]:
    """One event, numbered."""
    done = ProjectEvent(
        project_id=project.id, seq=1, name=EventName.JOB_DONE, ids=[job.id], changed={"status": "done"},
        created_at=db.house.clock(),
    )  # fmt: skip
    return [EventStream(project_id=project.id, first_seq=1, last_seq=1), done]


def _exports(world: World, project: Project) -> list[Base]:
    """Of ``asset`` and ``raw``: one that is done, one that failed, one that is still to be made."""
    photos, rows = [world.photos["asset"], world.photos["raw"]], list[Base]()
    for name, status in (("done", ExportStatus.DONE), ("failed", ExportStatus.FAILED), ("open", ExportStatus.QUEUED)):
        made = export_rows(project, photos, status)
        world.things[f"{name}_export"] = made[0].id
        rows += made
    return rows


def _studio(world: World, db: Database) -> list[Base]:
    id_ = uuid7()
    world.things["studio"] = id_
    roles = {**_ROLES, "colleague": Role.VIEWER}
    people = [StudioMember(studio_id=id_, user_id=world.people[n].user_id, role=r) for n, r in roles.items()]
    return [Studio(id=id_, studio_id=id_, name="Hidden studio", created_at=db.house.clock()), *people]


def _proofs(world: World, db: Database) -> list[Base]:
    """A challenge that was mailed, and a refresh token that was not used."""
    house, now, id_ = db.house, db.house.clock(), uuid7()
    code = tokens.digits_code(house.key("login-code"), id_)
    challenge = LoginChallenge(
        id=id_, email=f"new-{id_.hex[-12:]}@example.org", delivery=Delivery.EMAIL_CODE, attempts=0,
        proof_hash=tokens.code_proof(house.key("login-proof"), id_, code), expires_at=now + timedelta(minutes=10),
        created_at=now,
    )  # fmt: skip
    secret = tokens.random_token(tokens.REFRESH_PREFIX)
    link = RefreshToken(
        id=uuid7(), session_id=world.people["member"].session_id, token_hash=tokens.digest(secret), created_at=now
    )
    world.things |= {"challenge": id_, "code": code, "refresh_token": secret}
    return [challenge, link]


async def wipe(db: Database) -> None:
    """Empty every table but the one about the installation."""
    names = ", ".join(name for name in Base.metadata.tables if name != "installation")
    async with db.transaction(_HOUSE, Perm.SYSTEM) as tx:
        await tx.unchecked(text(f"TRUNCATE {names}"))
        await tx.session.commit()


async def state(db: Database) -> dict[str, Any]:
    """What the database holds. Events count wherever they are: the relay moves them on its own."""
    moving = ("outbox", "events", "event_streams")
    tables = [name for name in Base.metadata.tables if name not in moving]
    parts = [_DIGEST.format(table=name) + f" FROM {name} AS t" for name in tables]
    told = "(SELECT count(*) FROM outbox) + (SELECT count(*) FROM events)"
    statement = " UNION ALL ".join([*parts, f"SELECT 'told', {told}, NULL"])
    async with db.transaction(_HOUSE, Perm.SYSTEM, write=False) as tx:
        return {row.name: (row.n, row.rows) for row in await tx.unchecked(text(statement))}
