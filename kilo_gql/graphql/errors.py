"""GraphQL errors: expected ones speak, the others are logged and masked."""

from __future__ import annotations

from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.exceptions import StrawberryGraphQLError

from kilo_gql.errors import KiloError

log = structlog.get_logger("kilo.graphql")


def extensions(error: KiloError, request_id: str) -> dict[str, Any]:
    """What a program needs to act on an expected failure."""
    made: dict[str, Any] = {
        "code": error.code,
        "details": error.details,
        "remediation": error.remediation,
        "requestId": request_id,
    }
    if error.retry_after is not None:
        made["retryAfter"] = error.retry_after
    return made


def format_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """One error of an answer. Anything but a KiloError or a fault in the caller's values is a bug of ours."""
    cause = error.original_error
    made: dict[str, Any] = {"message": error.message}
    if isinstance(cause, KiloError):
        made["extensions"] = extensions(cause, request_id)
    elif _is_callers(error):
        made["extensions"] = {"code": "graphql_invalid", "details": {}, "remediation": [], "requestId": request_id}
    else:
        log.error("resolver_failed", request_id=request_id, path=error.path, exc_info=cause)
        made["message"] = "Something went wrong on our side."
        made["extensions"] = {
            "code": "internal",
            "details": {},
            "remediation": ["Try again; if it stays, report the request id."],
            "requestId": request_id,
        }
    if error.locations:
        made["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        made["path"] = list(error.path)
    return made


def _is_callers(error: GraphQLError) -> bool:
    """Is the fault in the caller's values? Those are checked before execution (no path), point at an argument (nodes),
    or are what Strawberry cannot coerce; anything else was raised where a value of ours did not fit its type.
    """
    cause = error.original_error
    if cause is None or isinstance(cause, StrawberryGraphQLError):
        return True
    return isinstance(cause, GraphQLError) and (error.path is None or bool(cause.nodes))


def refusal(error: KiloError, request_id: str) -> dict[str, Any]:
    """The answer to a request that was not executed."""
    return {"errors": [{"message": error.message, "extensions": extensions(error, request_id)}]}
