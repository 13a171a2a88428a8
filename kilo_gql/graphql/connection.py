"""One websocket of ``graphql-transport-ws``: what it may say when, and what runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Protocol
from uuid import uuid4

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from kilo_gql.access import Actor, Anonymous
from kilo_gql.errors import BadRequest, KiloError, RateLimited
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.errors import extensions
from kilo_gql.graphql.executor import Ask
from kilo_gql.graphql.fanout import Fanout, Subscription
from kilo_gql.graphql.frames import MAX_MESSAGE
from kilo_gql.graphql.outlets import Outlet, outlet

log = structlog.get_logger("kilo.graphql")

SUBPROTOCOL: Final = "graphql-transport-ws"
#: Refused operations for each one allowed, after which a connection is closed.
_PATIENCE: Final = 10
_LONGEST_ID: Final = 128
#: Seconds: no timer is set further ahead, as clocks may be corrected.
_LONGEST_TIMER: Final = 3_600.0


class Close(IntEnum):
    """Why a connection ends. Clients of the reference implementation come back after 1012, 4403 and 4413."""

    TOO_LARGE = 1009
    RESTARTING = 1012
    NOT_UNDERSTOOD = 4400
    NOT_INITIALISED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    ID_IN_USE = 4409
    TOO_SLOW = 4413
    TOO_MANY = 4429


class Closing(Exception):
    """Ends a connection with a code and a reason."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
