"""Identity as GraphQL shows it. Secrets appear once, in the payload of the mutation that made them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from kilo_gql import models
from schema.base import Node, bounded, receipt, shows, text, value

strawberry.enum(models.Delivery, description="How the proof of a sign-in reaches its address.")
strawberry.enum(models.SessionKind, description="Programs hold a token pair, browsers a cookie.")
Delivery = models.Delivery
SessionKind = models.SessionKind


@shows(models.User)
@strawberry.type(description="A person.")
class User(Node):
    """A user row."""

    email: str = text("The address the person signs in with.")
    display_name: str = text("What others see.")
    created_at: datetime = text("When the person first signed in.")


@shows(models.Session)
@strawberry.type(description="A signed-in device.")
class Session(Node):
    """A session row."""

    kind: SessionKind = text("What the device holds.")
    user_agent: str | None = text("What the device says it is.")
    created_at: datetime = text("When it signed in.")
    last_seen_at: datetime = text("When it last renewed its tokens.")
    expires_at: datetime = text("When it must sign in again.")


@shows(models.ApiToken)
@strawberry.type(description="A long-lived bearer for a program.")
class ApiToken(Node):
    """An API token row; the secret itself is never shown again."""

    name: str = text("What it is for.")
    scopes: list[str] = bounded("What it may do.", 50)
    created_at: datetime = text("When it was made.")
    last_used_at: datetime | None = text("When it was last used, to the minute.")
    expires_at: datetime | None = text("When it stops working.")


@strawberry.type(description="A sign-in that waits for its code.")
class LoginStarted:
    """The answer is the same whether the address is known or not."""

    challenge_id: str = text("Send it back with the code.")
    delivery: Delivery = text("How the code was sent.")


@strawberry.type(description="A token pair and whose it is.")
class SignedIn:
    """Shown once."""

    access_token: str = text("A bearer for 15 minutes.")
    refresh_token: str = text("Exchange it for the next pair; it works once.")
    user: User = text("Who signed in.")


@strawberry.type(description="A new API token with its secret.")
class NewApiToken:
    """Shown once."""

    secret: str = text("The bearer. It cannot be read again.")
    token: ApiToken = text("The token's description.")


@strawberry.type(description="A started sign-in.")
class LoginPayload:
    """What `startLogin` answers."""

    login: LoginStarted = value("Where to send the code.", LoginStarted)


@strawberry.type(description="A completed sign-in or a renewed pair.")
class SignedInPayload:
    """What `verifyLogin` and `refreshTokens` answer."""

    signed_in: SignedIn = value("The tokens.", SignedIn)


@strawberry.type(description="A user after a mutation.")
class UserPayload:
    """What `updateMe` answers."""

    user: User = value("The user as they are now.", User)
    receipt: None = receipt()


@strawberry.type(description="A new API token.")
class ApiTokenPayload:
    """What `createApiToken` answers."""

    api_token: NewApiToken = value("The token and its secret.", NewApiToken)


@strawberry.type(description="Done; there is nothing to show.")
class DonePayload:
    """What mutations answer that only take something away."""

    receipt: None = receipt()


@strawberry.input(description="What an API token is to be.")
class CreateApiTokenInput:
    """Input of `createApiToken`."""

    name: str = text("What it is for: 1 to 100 characters.")
    scopes: list[str] = text("Permissions such as `project.read`, or `project.*`, or `*`.")
    expires_at: datetime | None = strawberry.field(default=None, description="When it stops working; none: never.")
