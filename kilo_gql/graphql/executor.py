"""Runs a prepared document against the schema: limits first, then graphql-core directly.

Strawberry defines the schema; its per-request machinery (extensions, a second validation, a wrapped context) is
left out, since documents are parsed, validated and costed once and kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLSchema, OperationType
from graphql.execution import (
    ExperimentalIncrementalExecutionResults,
    SubsequentIncrementalExecutionResult,
    experimental_execute_incrementally,
)

from kilo_gql.errors import BadRequest
from kilo_gql.graphql.context import Context
from kilo_gql.graphql.documents import Documents, Prepared
from kilo_gql.graphql.errors import format_error
from kilo_gql.graphql.limits import Cost
from kilo_gql.graphql.plain import PlainExecutor
from kilo_gql.limits import Limiter, payer, spend

#: Costs that are remembered, and the bytes of variables up to which they are.
_COSTS: Final = 1_000
_COST_VARIABLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: a document, or the hash of a trusted one, with its variables."""

    query: str | None
    variables: Mapping[str, Any]
    operation_name: str | None
    sha256: str | None

    @classmethod
    def parse(cls, payload: Any) -> Ask:
        """From a request's JSON. Raises BadRequest."""
        if not isinstance(payload, dict):
            raise BadRequest("Send one JSON object with `query`; batches are not taken.", code="graphql_bad_request")
        query, name = payload.get("query"), payload.get("operationName")
        variables, extensions = _object(payload, "variables"), _object(payload, "extensions")
        persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
        sha256 = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
        texts = all(value is None or isinstance(value, str) for value in (query, name, sha256))
        if not texts or not isinstance(variables, dict) or (query is None and sha256 is None):
            raise BadRequest(
                "`query` and `operationName` are strings, `variables` is an object.", code="graphql_bad_request"
            )
        return cls(query, variables, name, sha256)


class Executor:
    """The schema behind its limits. ``points`` is the budget of an actor per minute."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, limiter: Limiter, points: int) -> None:
        self.schema = schema
        self.documents = documents
        self._limiter = limiter
        self._points = points
        self._costs: dict[tuple[str, str | None, bytes], Cost] = {}

    def prepare(self, ask: Ask) -> Prepared:
        """The document, parsed and validated. Raises KiloError."""
        if ask.sha256 is not None:
            return self.documents.prepare_trusted(ask.sha256)
        assert ask.query is not None
        return self.documents.prepare(ask.query)

    async def run(
        self, ask: Ask, context: Context, *, incremental: bool = False
    ) -> dict[str, Any] | AsyncIterator[dict[str, Any]]:
        """The answer to a query or mutation, or its parts if it defers some. Raises KiloError if it is not run."""
        prepared = self.prepare(ask)
        if prepared.operation(ask.operation_name).operation is OperationType.SUBSCRIPTION:
            raise BadRequest("Subscriptions are served over a websocket at the same path.", code="graphql_bad_request")
        if not incremental and _defers(prepared):
            raise BadRequest(
                "@defer and @stream need an answer in parts.",
                code="graphql_bad_request",
                remediation=["Send `Accept: multipart/mixed`, or leave the directives out."],
            )
        await self.charge(prepared, ask, payer(context.actor, context.address))
        # graphql-core's plain ``execute`` refuses every document of a schema that knows @defer
        result = experimental_execute_incrementally(
            self.schema,
            prepared.document,
            context_value=context,
            variable_values=dict(ask.variables),
            operation_name=ask.operation_name,
            hide_suggestions=not self.documents.limits.suggestions,
            executor_class=PlainExecutor,
        )
        if isawaitable(result):
            result = await result
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            return _parts(result, context)
        return answer(result, context.request_id)

    async def charge(self, prepared: Prepared, ask: Ask, pays: str) -> None:
        """Take a document's points from a budget: see ``limits.payer``. Raises TooLarge or RateLimited."""
        cost = self._cost(prepared, ask)
        await spend(self._limiter, f"points:{pays}", cost.points, self._points, "GraphQL points")

    def _cost(self, prepared: Prepared, ask: Ask) -> Cost:
        variables = orjson.dumps(ask.variables, option=orjson.OPT_SORT_KEYS)
        if len(variables) > _COST_VARIABLES:
            return prepared.cost(ask.variables, ask.operation_name)
        key = prepared.source_hash, ask.operation_name, variables
        cost = self._costs.pop(key, None) or prepared.cost(ask.variables, ask.operation_name)
        self._costs[key] = cost
        if len(self._costs) > _COSTS:
            del self._costs[next(iter(self._costs))]
        return cost


def _defers(prepared: Prepared) -> bool:
    """Does the document ask for parts? A word in a string counts as well: the answer then only needs the header."""
    text = prepared.document.loc.source.body if prepared.document.loc else ""
    return "@defer" in text or "@stream" in text


def answer(result: ExecutionResult, request_id: str) -> dict[str, Any]:
    """An execution result as JSON data."""
    made: dict[str, Any] = {"data": result.data}
    if result.errors:
        made["errors"] = [format_error(error, request_id) for error in result.errors]
    return made


async def _parts(results: ExperimentalIncrementalExecutionResults, context: Context) -> AsyncIterator[dict[str, Any]]:
    initial = results.initial_result
    first = answer(ExecutionResult(initial.data, initial.errors), context.request_id)
    yield {**first, "pending": [item.formatted for item in initial.pending], "hasNext": initial.has_next}
    async for part in results.subsequent_results:
        yield _masked(part, context.request_id)


def _masked(part: SubsequentIncrementalExecutionResult, request_id: str) -> dict[str, Any]:
    """A later part; its errors speak or are masked like those of a whole answer."""
    made: dict[str, Any] = dict(part.formatted)
    for name, results in (("incremental", part.incremental), ("completed", part.completed)):
        for shown, result in zip(made.get(name, ()), results or (), strict=True):
            if result.errors:
                shown["errors"] = [format_error(error, request_id) for error in result.errors]
    return made


def _object(payload: dict[str, Any], name: str) -> Any:
    value = payload.get(name)
    return {} if value is None else value
