"""Who may look into a client gallery: the one way in, for every operation on the guests' side.

A wrong, an expired and an unpublished address answer alike, and so does one whose project was deleted. Behind a
password, nothing but the title is told to whoever was not let in. Members of the project look at any gallery of theirs
as a preview; what guests do there is for guests alone.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import select

from kilo_gql.access import Actor, Guest, Perm, TokenActor, in_scope, user_id_of
from kilo_gql.db import Tx
from kilo_gql.errors import Forbidden, Unauthorized, not_found
from kilo_gql.models import Gallery, Project, ProjectStatus
from kilo_gql.models.base import grants

#: In an open gallery, whoever brings no session is this guest, so that the documented paths work without one.
_NOBODY: Final = "nobody"
#: What can be an address at all; a NUL, say, cannot even be asked for.
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{8,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody stands in a gallery. ``preview``: it is a member of the project, who looks and does nothing.

    ``known``: the guest brought a session of this gallery.
    """

    gallery: Gallery
    guest: Guest
    preview: bool
    known: bool


def nobody(gallery_id: UUID) -> UUID:
    """The id of an open gallery's guest without a session."""
    return uuid5(gallery_id, _NOBODY)


async def find(tx: Tx, slug: str) -> tuple[Gallery, bool]:
    """The gallery at an address, and whether the actor is a member of its project.

    Raises NotFound, alike for everything that a guest cannot open. A member finds closed galleries too.
    """
    if not _SLUG.fullmatch(slug):
        raise not_found("gallery")
    with tx.trust("a guest knows a gallery by its address alone, and sees nothing before it is let in"):
        statement = select(Gallery, Project.status).join(Project, Project.id == Gallery.project_id)
        found = (await tx.session.execute(statement.where(Gallery.share_slug == slug))).one_or_none()
        if found is None or not hmac.compare_digest(found[0].share_slug, slug) or found[1] == ProjectStatus.DELETED:
            raise not_found("gallery")
        gallery: Gallery = found[0]
        member = await _is_member(tx, gallery.project_id)
    if not member and not is_open(gallery, tx):
        raise not_found("gallery")
    return gallery, member


def is_open(gallery: Gallery, tx: Tx) -> bool:
    """Is it published, and not over?"""
    return gallery.published_at is not None and (gallery.expires_at is None or gallery.expires_at > tx.now)


def let_in(gallery: Gallery, actor: object) -> bool:
    """Does the actor hold a session of this gallery, as the gallery is now?"""
    return isinstance(actor, Guest) and (actor.gallery_id, actor.version) == (gallery.id, gallery.version)


async def enter(tx: Tx, slug: str, *, acting: bool = False) -> Entered:
    """Let the actor into a gallery: from here on this transaction sees and writes as its guest, and nothing else.

    ``acting``: to do something there, not only to look. Raises NotFound, Unauthorized ``gallery_locked`` where a
    password is asked for, or Forbidden ``preview_only`` for a member who acts.
    """
    gallery, member = await find(tx, slug)
    return step_in(tx, gallery, member, acting=acting)


def step_in(tx: Tx, gallery: Gallery, member: bool, *, acting: bool = False) -> Entered:
    """``enter`` for who has found the gallery already; raises as it does, but for NotFound."""
    known = let_in(gallery, tx.actor)
    if gallery.password_hash is not None and not known and not member:
        raise Unauthorized(
            "This gallery asks for a password.",
            code="gallery_locked",
            remediation=["Enter the gallery's password, and send the token you get."],
        )
    if member and acting:
        raise Forbidden(
            "This is your own gallery: you see it as a preview.",
            code="preview_only",
            remediation=["Open the link in a private window to try it as a guest."],
        )
    guest = (
        tx.actor if known and isinstance(tx.actor, Guest) else Guest(gallery.id, nobody(gallery.id), gallery.version)
    )
    tx.act_as(guest)
    return Entered(gallery, guest, preview=member, known=known)


def member_id(actor: Actor) -> UUID | None:
    """Whose memberships count for this actor. To a program without the scope a gallery is a link like any other."""
    if isinstance(actor, TokenActor) and not in_scope(actor.scopes, Perm.GALLERY_READ):
        return None
    return user_id_of(actor)


async def _is_member(tx: Tx, project_id: UUID) -> bool:
    user_id = member_id(tx.actor)
    if user_id is None:
        return False
    mine = select(grants.c.role).where(grants.c.project_id == project_id, grants.c.user_id == user_id).limit(1)
    return await tx.scalar(mine) is not None
