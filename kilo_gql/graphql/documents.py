"""From the text of a GraphQL document to one that may run: measured, parsed, measured again, validated, remembered.

Each step is safe only because the one before it refused the worst: brackets and tokens are counted before the parser
recurses, shapes through fragments before validation, which is worse than linear. The published bypasses of depth and
alias limiters were fragments and cycles (GHSA-fr49-mhgj-crfc, GHSA-qfwv-87qj-98xq): here every count goes through them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Generic, Literal, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from kilo_gql.errors import BadRequest, Forbidden, KiloError, NotFound, TooLarge
from kilo_gql.graphql.limits import Cost, CostModel, Limits, fragments_of
from kilo_gql.graphql.shape import Shape, measure, name_of, operations_of, too_deep, too_many

T = TypeVar("T")
Kind = Literal["query", "mutation", "subscription"]

#: Validation stops after this many errors; one more says that it stopped.
_MAX_ERRORS: Final = 4
_MESSAGE_LENGTH: Final = 160
#: Steps of graphql-core's field merging, about 10 ms here; its own default of 500,000 took 590 ms on 2.4 KB.
_MERGE_STEPS: Final = 10_000
#: Measured: a parsed document takes about 600 bytes a token.
_TOKEN_BYTES: Final = 600
_CACHE_BYTES: Final = 32 * 1024 * 1024
_FAILURES: Final = 256
_FAILURE_BYTES: Final = 2048
#: What the cheapest variable weighs, so that a million nulls are not free.
_VALUE_BYTES: Final = 32

#: Values of the document that graphql-core would repeat: they may be secrets, and the reader has them.
_ECHO: Final = re.compile(r"(cannot represent[^:]*|Expected value of type [^,]*)(?:: |, found ).*", re.DOTALL)
_HINT: Final = re.compile(r"[,\s]*did you mean.*", re.IGNORECASE | re.DOTALL)
#: One match a token, comments included; strings and comments are swallowed whole, so that no bracket in them counts.
#: Possessive: no document makes it backtrack.
_TOKEN: Final = re.compile(
    r"""\#[^\n\r]*+ | \"{3}(?:\\\"{3}|(?!\"{3}).)*+(?:\"{3}|\Z) | "(?:\\.|[^"\\\n\r])*+"?
    | (?P<open>[\[({]) | (?P<close>[\])}]) | [^\W\d]\w*+ | -?\d[\w.+-]*+ | \.\.\. | [^\s,\ufeff]""",
    re.DOTALL | re.VERBOSE,
)


def _scan(source: str, limits: Limits) -> int:
    """The number of tokens. Raises what the first limit says; nothing here recurses."""
    tokens = depth = 0
    for tokens, token in enumerate(_TOKEN.finditer(source), 1):
        if tokens > limits.max_tokens:
            raise too_many("graphql_too_large", "tokens", tokens, limits.max_tokens)
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
        if depth > limits.max_nesting:
            raise too_deep(depth, limits.max_nesting)
    return tokens


class _BoundedMerge(OverlappingFieldsCanBeMergedRule):
    """The one validation rule that is worse than linear, with a budget of our own."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = _MERGE_STEPS


_RULES: Final = tuple(_BoundedMerge if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules)


def _parse(source: str, limits: Limits) -> DocumentNode:
    try:
        return parse(source, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
    except GraphQLError as error:
        problem = error
    # Raised outside of the except: an error that carries its cause would log the document with it.
    told = _told(problem, limits)
    raise BadRequest(
        told["message"],
        code="graphql_syntax",
        details={"errors": [told]},
        remediation=["Correct the document at the given line and column."],
    )


def _validate(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
    errors = validate(schema, document, _RULES, max_errors=_MAX_ERRORS, hide_suggestions=not limits.suggestions)
    if not errors:
        return
    if len(errors) <= _MAX_ERRORS and isinstance(errors[-1], ValidationAbortedError):
        raise TooLarge(
            "This document selects the same fields too often to be compared.",
            code="graphql_too_many_selections",
            remediation=["Select each field once, and spread each fragment once at a level."],
        )
    raise BadRequest(
        "This document does not fit the schema.",
        code="graphql_invalid",
        details={"errors": [_told(error, limits) for error in errors]},
        remediation=["Check it against schema/schema.graphql."],
    )


def _told(error: GraphQLError, limits: Limits) -> dict[str, Any]:
    message = _ECHO.sub(r"\1", error.message)
    if not limits.suggestions:
        message = _HINT.sub("", message)
    if len(message) > _MESSAGE_LENGTH:
        message = message[: _MESSAGE_LENGTH - 1] + "…"
    return {"message": message, **(error.locations[0].formatted if error.locations else {})}


def _check_variables(variables: Mapping[str, Any], limits: Limits, most: int) -> None:
    """Refuses variables over ``most`` bytes (about: keys and strings by length, 32 for each value) or nested deeper
    than ``max_nesting``. Layer by layer, and not a step beyond the limit.
    """
    weight, level = _VALUE_BYTES * len(variables), 0
    if weight > most:
        raise too_many("graphql_too_large", "bytes of variables", weight, most)
    layer: list[object] = list(variables.values())
    while layer:
        level += 1
        if level > limits.max_nesting:
            raise too_deep(level, limits.max_nesting)
        below: list[object] = []
        for value in layer:
            if isinstance(value, str):
                weight += len(value)
            elif isinstance(value, dict | list):
                weight += _VALUE_BYTES * len(value)
                if weight <= most:
                    weight += sum(map(len, value)) if isinstance(value, dict) else 0
                    below.extend(value.values() if isinstance(value, dict) else value)
            if weight > most:
                raise too_many("graphql_too_large", "bytes of variables", weight, most)
        layer = below


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that passed everything that can be known without its variables."""

    source_hash: str
    document: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    _shapes: Mapping[str | None, Shape]
    _fragments: Mapping[str, FragmentDefinitionNode]
    _model: CostModel

    def operation(self, name: str | None = None) -> OperationDefinitionNode:
        """The operation to run. Raises BadRequest unless ``name`` (or its absence) means exactly one."""
        found = self.operations.get(name or None)
        if found is None and not name and len(self.operations) == 1:
            found = next(iter(self.operations.values()))
        if found is None:
            raise BadRequest(
                "This document does not have the operation asked for." if name else "Which operation shall run?",
                code="graphql_operation_unknown",
                remediation=["Set `operationName` to the name of one operation of the document."],
            )
        return found

    def kind(self, operation_name: str | None = None) -> Kind:
        """What the operation does. Raises like ``operation``."""
        return self.operation(operation_name).operation.value

    def cost(self, variables: Mapping[str, Any] | None = None, operation_name: str | None = None) -> Cost:
        """What the operation may cost with these variables; linear in the document.

        Raises BadRequest (``page_too_large``, ``graphql_operation_unknown``) or TooLarge (``graphql_too_costly``, and
        for the variables themselves ``graphql_too_large`` and ``graphql_too_deep``).
        """
        operation = self.operation(operation_name)
        given, limits = variables or {}, self._model.limits
        _check_variables(given, limits, limits.max_bulk_bytes if self._bulk(operation) else limits.max_variables_bytes)
        return self._model.cost(operation, self._fragments, given, self._shapes[name_of(operation)].depth)

    def _bulk(self, operation: OperationDefinitionNode) -> bool:
        root = self._model.schema.get_root_type(operation.operation)
        chosen = operation.selection_set.selections
        if root is None or len(chosen) != 1 or not isinstance(chosen[0], FieldNode):
            return False
        field = root.fields.get(chosen[0].name.value)
        return field is not None and bool(field.extensions.get("bulk"))


class _Lru(Generic[T]):
    """The entries used last, bounded in number and in weight."""

    def __init__(self, entries: int, weight: int) -> None:
        self._entries, self._weight = entries, weight
        self._held: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> T | None:
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    def put(self, key: str, value: T, weight: int) -> None:
        self._held[key] = (value, weight)
        self.weight += weight
        while len(self._held) > self._entries or self.weight > self._weight:
            self.weight -= self._held.popitem(last=False)[1][1]


class Documents:
    """Documents by the SHA-256 of their text, prepared once; refusals are remembered too.

    ``trusted`` maps that hash (hex) to a source: those are kept for good, and with ``trusted_only`` nothing else is
    accepted. One for each event loop: not for use from several threads.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        size: int = 1000,
        *,
        trusted: Mapping[str, str] | None = None,
        trusted_only: bool = False,
    ) -> None:
        self.schema = schema
        self.limits = limits
        self._trusted = dict(trusted or {})
        for key, source in self._trusted.items():
            if key != sha256(source.encode()).hexdigest():
                raise ValueError(f"the trusted document {key} has another SHA-256")
        self._trusted_only = trusted_only
        self._kept: dict[str, Prepared] = {}
        self._recent: _Lru[Prepared] = _Lru(size, _CACHE_BYTES)
        self._refused: _Lru[KiloError] = _Lru(_FAILURES, _FAILURES * _FAILURE_BYTES)
        self._model = CostModel(schema, limits)

    def prepare(self, source: str) -> Prepared:
        """The document ready to run. Raises a KiloError for one that may not, at no cost the second time."""
        key = sha256(self._text(source)).hexdigest()
        if self._trusted_only and key not in self._trusted:
            raise _not_trusted()
        ready = self._kept.get(key) or self._recent.get(key)
        if ready is not None:
            return ready
        refused = self._refused.get(key)
        if refused is not None:
            raise _again(refused)
        try:
            return self._prepare(key, source)
        except KiloError as error:
            self._refused.put(key, _again(error), _FAILURE_BYTES)
            raise

    def prepare_trusted(self, source_hash: str) -> Prepared:
        """The persisted document of this hash. Raises Forbidden or NotFound for an unknown one."""
        source = self._trusted.get(source_hash.lower())
        if source is not None:
            return self.prepare(source)
        if self._trusted_only:
            raise _not_trusted()
        raise NotFound(
            "No document is stored under this hash.",
            code="graphql_document_unknown",
            remediation=["Send the document itself."],
        )

    def _text(self, source: str) -> bytes:
        size = len(source)  # no text has fewer bytes than characters: what is far too long is not even encoded
        if size <= self.limits.max_bytes:
            text = source.encode("utf-8", "surrogatepass")
            size = len(text)
            if size <= self.limits.max_bytes:
                return text
        raise too_many("graphql_too_large", "bytes", size, self.limits.max_bytes)

    def _prepare(self, key: str, source: str) -> Prepared:
        tokens = _scan(source, self.limits)
        document = _parse(source, self.limits)
        shapes = measure(document, self.limits)
        _validate(self.schema, document, self.limits)
        operations = {name_of(node): node for node in operations_of(document)}
        prepared = Prepared(key, document, operations, shapes, fragments_of(document), self._model)
        if key in self._trusted:
            self._kept[key] = prepared
        else:
            self._recent.put(key, prepared, tokens * _TOKEN_BYTES + 4 * len(source))
        return prepared


def _not_trusted() -> Forbidden:
    return Forbidden(
        "Only documents that were registered beforehand run here.",
        code="graphql_document_not_trusted",
        remediation=["Use one of the published documents, or sign in and use the full API."],
    )


def _again(error: KiloError) -> KiloError:
    """The same refusal afresh: a raised exception collects frames, and those hold the document."""
    return type(error)(error.message, code=error.code, details=error.details, remediation=error.remediation)
