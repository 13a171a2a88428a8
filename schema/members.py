"""People in projects and studios, as GraphQL shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from kilo_gql import models
from schema.auth import User
from schema.base import Connection, Info, Node, receipt, shows, text, value

strawberry.enum(models.Role, description="A viewer reads, an editor works, an owner decides who else may.")
Role = models.Role


@shows(models.Member)
@strawberry.type(description="A person's role in a project.")
class Member:
    """A member row."""

    project_id: UUID = text("The project.")
    user_id: UUID = text("The person.")
    role: Role = text("What they may do.")
    created_at: datetime = text("When they joined.")

    @strawberry.field(description="The person; null if they have left.", graphql_type=User | None)
    async def user(parent: strawberry.Parent[models.Member], info: Info) -> Any:
        return await info.context.load.users_by_id.load(parent.user_id)


@shows(models.Invitation)
@strawberry.type(description="An offer of a role, sent by mail.")
class Invitation(Node):
    """An invitation row."""

    project_id: UUID = text("The project.")
    email: str = text("Where it was sent.")
    role: Role = text("The role that is offered.")
    created_at: datetime = text("When it was made.")
    expires_at: datetime = text("When it stops working.")


@shows(models.Studio)
@strawberry.type(description="A team that owns projects; its members hold their role in each of them.")
class Studio(Node):
    """A studio row."""

    name: str = text("What the studio is called.")
    created_at: datetime = text("When it was made.")


@shows(models.StudioMember)
@strawberry.type(description="A person's role in a studio.")
class StudioMember:
    """A studio member row."""

    studio_id: UUID = text("The studio.")
    user_id: UUID = text("The person.")
    role: Role = text("What they may do in the studio's projects.")
    created_at: datetime = text("When they joined.")


@strawberry.type(description="A member after a mutation.")
class MemberPayload:
    """What member mutations answer."""

    member: Member = value("The member as they are now.", Member)
    receipt: None = receipt()


@strawberry.type(description="An invitation after a mutation.")
class InvitationPayload:
    """What `inviteMember` answers."""

    invitation: Invitation = value("The invitation.", Invitation)
    receipt: None = receipt()


@strawberry.type(description="A studio after a mutation.")
class StudioPayload:
    """What studio mutations answer."""

    studio: Studio = value("The studio as it is now.", Studio)
    receipt: None = receipt()


@strawberry.type(description="A studio member after a mutation.")
class StudioMemberPayload:
    """What `setStudioMember` answers."""

    member: StudioMember = value("The member as they are now.", StudioMember)
    receipt: None = receipt()


StudioConnection = Connection[Studio]
