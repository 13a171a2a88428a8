"""What can be asked of identity."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from kilo_gql.domain import api_tokens, auth, sessions, users
from resolvers.arguments import IdempotencyKey
from resolvers.binding import ask, ask_list, change
from schema.auth import (
    ApiToken,
    ApiTokenPayload,
    CreateApiTokenInput,
    Delivery,
    DonePayload,
    LoginPayload,
    Session,
    SignedInPayload,
    User,
    UserPayload,
)
from schema.base import Info

Email = Annotated[str, strawberry.argument(description="An email address.")]
Locale = Annotated[str | None, strawberry.argument(description="The language of the mail, such as en-US.")]
HowDelivered = Annotated[Delivery, strawberry.argument(description="A code to type, or a link to open.")]
ChallengeId = Annotated[str, strawberry.argument(description="From `startLogin`.")]
Code = Annotated[str, strawberry.argument(description="The code of the mail; dashes and spaces do not matter.")]
RefreshToken = Annotated[str, strawberry.argument(description="The refresh token of the present pair.")]
SessionId = Annotated[UUID, strawberry.argument(description="The session's id.")]
TokenId = Annotated[UUID, strawberry.argument(description="The token's id.")]
DisplayName = Annotated[str, strawberry.argument(description="What others see.")]
TokenInput = Annotated[CreateApiTokenInput, strawberry.argument(description="What the token is to be.")]


@strawberry.type
class AuthQuery:
    """Root fields about oneself."""

    @ask(users.me, User)
    async def me(self, info: Info) -> Any:
        return await info.context.read(users.me)

    @ask_list(sessions.list_sessions, Session, bound=sessions.LIST_MAX)
    async def sessions(self, info: Info) -> Any:
        return await info.context.read(sessions.list_sessions)

    @ask_list(api_tokens.list_api_tokens, ApiToken, bound=api_tokens.TOKENS_MAX)
    async def api_tokens(self, info: Info) -> Any:
        return await info.context.read(api_tokens.list_api_tokens)


@strawberry.type
class AuthMutation:
    """Root fields that sign in and out and hand out tokens."""

    @change(auth.start_login, LoginPayload)
    async def start_login(
        self, info: Info, email: Email, locale: Locale = None, delivery: HowDelivered = Delivery.EMAIL_CODE
    ) -> Any:
        return await info.context.run(auth.start_login, email, locale, delivery)

    @change(auth.verify_login, SignedInPayload)
    async def verify_login(self, info: Info, challenge_id: ChallengeId, code: Code) -> Any:
        return await info.context.run(auth.verify_login, challenge_id, code, info.context.user_agent)

    @change(sessions.refresh, SignedInPayload)
    async def refresh_tokens(self, info: Info, refresh_token: RefreshToken) -> Any:
        return await info.context.run(sessions.refresh, refresh_token)

    @change(sessions.sign_out, DonePayload)
    async def sign_out(self, info: Info, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(sessions.sign_out, idempotency_key=idempotency_key)

    @change(sessions.revoke_session, DonePayload)
    async def revoke_session(self, info: Info, id: SessionId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(sessions.revoke_session, id, idempotency_key=idempotency_key)

    @change(users.update_me, UserPayload)
    async def update_me(self, info: Info, display_name: DisplayName, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(users.update_me, display_name, idempotency_key=idempotency_key)

    @change(api_tokens.create_api_token, ApiTokenPayload)
    async def create_api_token(self, info: Info, input: TokenInput) -> Any:
        return await info.context.run(api_tokens.create_api_token, input.name, input.scopes, input.expires_at)

    @change(api_tokens.revoke_api_token, DonePayload)
    async def revoke_api_token(self, info: Info, id: TokenId, idempotency_key: IdempotencyKey = None) -> Any:
        return await info.context.run(api_tokens.revoke_api_token, id, idempotency_key=idempotency_key)
