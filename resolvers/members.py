"""What can be asked of the people in projects and studios."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import invitations, members, studios
from kilo_gql.domain.members import MEMBERS_MAX
from resolvers.arguments import After, First, IdempotencyKey, ProjectId, page
from resolvers.binding import ask, ask_list, change
from schema.auth import DonePayload
from schema.base import Info
from schema.members import (
    Invitation,
    InvitationPayload,
    Member,
    MemberPayload,
    Role,
    Studio,
    StudioConnection,
    StudioMember,
    StudioMemberPayload,
    StudioPayload,
)

Email = Annotated[str, strawberry.argument(description="An email address.")]
UserId = Annotated[UUID, strawberry.argument(description="The person's id.")]
StudioId = Annotated[UUID, strawberry.argument(description="The studio's id.")]
StudioName = Annotated[str, strawberry.argument(description="What the studio is called.")]
InvitationId = Annotated[UUID, strawberry.argument(description="The invitation's id.")]
InvitationCode = Annotated[str, strawberry.argument(description="From the link of the invitation mail.")]
GivenRole = Annotated[Role, strawberry.argument(description="What they may do.")]


@strawberry.type
class MemberQuery:
    """Root fields that read who is in what."""

    @ask_list(members.list_members, Member, bound=MEMBERS_MAX)
    async def members(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(members.list_members, project_id)

    @ask_list(invitations.list_invitations, Invitation, bound=MEMBERS_MAX)
    async def invitations(self, info: Info, project_id: ProjectId) -> Any:
        return await info.context.read(invitations.list_invitations, project_id)

    @ask(studios.get_studio, Studio)
    async def studio(self, info: Info, id: StudioId) -> Any:
        return await info.context.read(studios.get_studio, id)

    @ask_list(studios.list_studio_members, StudioMember, bound=MEMBERS_MAX)
    async def studio_members(self, info: Info, studio_id: StudioId) -> Any:
        return await info.context.read(studios.list_studio_members, studio_id)

    @ask(studios.list_studios, StudioConnection)
    async def studios(self, info: Info, first: First = 50, after: After = None) -> Any:
        return await info.context.read(studios.list_studios, page(first, after))


@strawberry.type
class MemberMutation:
    """Root fields that change who is in what."""

    @change(members.set_member_role, MemberPayload)
    async def set_member_role(
        self,
        info: Info,
        project_id: ProjectId,
        user_id: UserId,
        role: GivenRole,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        return await info.context.run(
            members.set_member_role, project_id, user_id, role, idempotency_key=idempotency_key
        )

    @change(members.remove_member, DonePayload)
    async def remove_member(
        self, info: Info, project_id: ProjectId, user_id: UserId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(members.remove_member, project_id, user_id, idempotency_key=idempotency_key)

    @change(invitations.invite_member, InvitationPayload)
    async def invite_member(
        self, info: Info, project_id: ProjectId, email: Email, role: GivenRole, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            invitations.invite_member, project_id, email, role, idempotency_key=idempotency_key
        )

    @change(invitations.revoke_invitation, DonePayload)
    async def revoke_invitation(self, info: Info, id: InvitationId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(invitations.revoke_invitation, id, idempotency_key=idempotency_key)

    @change(invitations.accept_invitation, MemberPayload)
    async def accept_invitation(self, info: Info, code: InvitationCode, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(invitations.accept_invitation, code, idempotency_key=idempotency_key)

    @change(studios.create_studio, StudioPayload)
    async def create_studio(self, info: Info, name: StudioName, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(studios.create_studio, name, idempotency_key=idempotency_key)

    @change(studios.rename_studio, StudioPayload)
    async def rename_studio(
        self, info: Info, id: StudioId, name: StudioName, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(studios.rename_studio, id, name, idempotency_key=idempotency_key)

    @change(studios.add_studio_member, StudioMemberPayload)
    async def add_studio_member(
        self, info: Info, studio_id: StudioId, email: Email, role: GivenRole, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            studios.add_studio_member, studio_id, email, role, idempotency_key=idempotency_key
        )

    @change(studios.set_studio_role, StudioMemberPayload)
    async def set_studio_role(
        self, info: Info, studio_id: StudioId, user_id: UserId, role: GivenRole, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(
            studios.set_studio_role, studio_id, user_id, role, idempotency_key=idempotency_key
        )

    @change(studios.remove_studio_member, DonePayload)
    async def remove_studio_member(
        self, info: Info, studio_id: StudioId, user_id: UserId, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await info.context.run(studios.remove_studio_member, studio_id, user_id, idempotency_key=idempotency_key)
