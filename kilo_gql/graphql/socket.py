"""GraphQL over a websocket: the ``graphql-transport-ws`` protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md).

Close codes: 1009 message too large, 1012 restarting, 4400 not understood, 4401 not initialised, 4403 not (or no longer)
allowed, 4406 another subprotocol, 4408 not initialised in time, 4409 operation id in use, 4413 reads too slowly,
4429 too many. Clients retry after 1012, 4403 and 4413; the others are their faults.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from kilo_gql.access import Actor, Anonymous
from kilo_gql.graphql.connection import Connection, Refused
from kilo_gql.graphql.fanout import Fanout
from kilo_gql.graphql.documents import Prepared
from kilo_gql.graphql.executor import Ask
