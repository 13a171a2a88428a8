"""The GraphQL door: what it refuses before running anything, and what it charges for the rest."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from graphql import GraphQLError, build_schema, get_introspection_query

from kilo_gql.errors import BadRequest, Forbidden, KiloError, NotFound, TooLarge
from kilo_gql.graphql.documents import Documents, Prepared, _Lru
from kilo_gql.graphql.limits import Cost, Limits, lint_bounds
from tests.graphql.attacks import WORDS, Attack, attacks, make_schema

SCHEMA = make_schema()
ATTACKS = attacks(WORDS)


class Counted(Documents):
    """Counts the documents that were really worked on."""

    worked = 0

    def _prepare(self, key: str, source: str) -> Prepared:
        self.worked += 1
        return super()._prepare(key, source)


def documents(**changes: Any) -> Documents:
    return Documents(SCHEMA, replace(Limits(), **changes))


def cost(source: str, variables: dict[str, Any] | None = None, **changes: Any) -> Cost:
    return documents(**changes).prepare(source).cost(variables)


def refusal(source: str, variables: dict[str, Any] | None = None, **changes: Any) -> KiloError:
    with pytest.raises(KiloError) as caught:
        cost(source, variables, **changes)
    return caught.value


# --- attacks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_for_what_it_is(attack: Attack) -> None:
    door = documents()
    started = time.process_time()
    with pytest.raises(KiloError) as caught:
        door.prepare(attack.source).cost(attack.variables, attack.operation_name)
    sys.stdout.write(f"{attack.name}: {(time.process_time() - started) * 1e3:.2f} ms\n")
    error = caught.value
    assert error.code == attack.code
    assert error.status in {400, 403, 413}
    assert error.remediation
    assert len(error.message) <= 160
    assert len(repr(error.details)) < 2048


def test_the_corpus_is_large_and_its_names_are_distinct() -> None:
    assert len(ATTACKS) == 211
    assert len({attack.name for attack in ATTACKS}) == 211


@pytest.mark.parametrize(
    ("change", "source", "code"),
    [
        ({"max_depth": 3}, "{ me { projects { nodes { id } } } }", "graphql_too_deep"),
        ({"max_aliases": 1}, "{ a: me { b: id } }", "graphql_too_many_aliases"),
        ({"max_directives": 1}, "{ me @skip(if: false) { id @skip(if: false) } }", "graphql_too_many_directives"),
        ({"max_root_fields": 1}, "{ me { id } users { totalCount } }", "graphql_too_many_root_fields"),
        ({"max_selections": 2}, "{ me { id name } }", "graphql_too_many_selections"),
        ({"max_operations": 1}, "query A { me { id } } query B { me { id } }", "graphql_too_many_operations"),
        ({"max_tokens": 5}, "{ me { id } }", "graphql_too_large"),
        ({"max_bytes": 12}, "{ me { id } }", "graphql_too_large"),
        ({"max_nodes": 50}, "{ users { nodes { id } } }", "graphql_too_costly"),
    ],
)
def test_a_limit_is_the_last_value_allowed(change: dict[str, int], source: str, code: str) -> None:
    ((name, limit),) = change.items()
    with pytest.raises(KiloError) as caught:
        documents(**change).prepare(source).cost()
    assert caught.value.code == code
    ready = documents(**{name: limit + 1}).prepare(source)
    ready.cost(operation_name=next(iter(ready.operations)))


def test_a_refusal_says_how_much_is_allowed() -> None:
    error = refusal("{ users(first: 200) { nodes { projects(first: 100) { nodes { id } } } } }")
    assert isinstance(error, TooLarge)
    assert error.details == {"nodes": 1 + 200 * (1 + 1 + 100), "limit": 10_000}
    assert refusal("{ me { a: id b: id } }", max_aliases=1).details == {"value": 2, "limit": 1}
    error = refusal("{ users(first: 201) { nodes { id } } }")
    assert isinstance(error, BadRequest)
    assert (error.code, error.details) == ("page_too_large", {"limit": 201, "max": 200})


def test_brackets_in_strings_and_comments_are_no_nesting() -> None:
    brackets = "{[(" * 100
    source = f'# {brackets}\n{{ search(text: "{brackets} \\" {brackets}", first: 1) {{ __typename }} }}'
    block = f'{{ search(text: """{brackets} \\""" {brackets} " """, first: 1) {{ __typename }} }}'
    assert cost(source) == cost(block) == Cost(nodes=1, points=2, depth=2)


def test_variables_that_fit_pass() -> None:
    ready = documents().prepare("{ me { id } }")
    assert ready.cost({"text": "x" * 1_000_000, "list": [{"key": None}] * 100}).nodes == 1


# --- cost ------------------------------------------------------------------------------------------------------------

EDGES = "{ users(first: 10) { edges { node { id } } pageInfo { hasNextPage } } }"
NESTED = "{ users(first: 10) { totalCount nodes { id projects(first: 5) { nodes { title owner { name } } } } } }"
SPREAD_TWICE = "{ a: me { ...F } b: me { ...F } } fragment F on User { projects(first: 3) { nodes { id } } }"
PAGED_BY_SITE = (
    "{ a: users(first: 7) { ...P } b: users(first: 9) { ...P } } fragment P on UserConnection { nodes { id } }"
)
UNION = """{ search(text: "x", first: 10) {
  ... on User { projects(first: 2) { nodes { id } } }
  ... on Project { owner { id } members { id } }
  ... on Node { id }
} }"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{ __typename }", Cost(0, 0, 1)),
        ("{ me { id name } }", Cost(1, 2, 2)),
        ("{ users { nodes { id } } }", Cost(51, 53, 3)),
        ("{ users(first: 3, last: 8) { nodes { id } } }", Cost(9, 11, 3)),
        ("{ users(first: null) { nodes { id } } }", Cost(51, 53, 3)),
        (EDGES, Cost(22, 35, 4)),
        (NESTED, Cost(121, 193, 6)),
        ("{ me { ... on User { ... { projects(first: 3) { nodes { id } } } } } }", Cost(5, 8, 4)),
        (SPREAD_TWICE, Cost(10, 16, 4)),
        (PAGED_BY_SITE, Cost(18, 22, 3)),
        ("{ me { projects(first: 1) { nodes { photos { id } } } } }", Cost(13, 17, 5)),  # ten by the schema's default
        ("{ projects(first: 1) { nodes { members { tags } } } }", Cost(7, 17, 4)),  # bounded by 5, three a call
        ('{ node(id: "1") { ... on Photo { histogram width } } }', Cost(1, 9, 2)),
        (UNION, Cost(70, 111, 4)),
        ("{ me { id projects(first: 9) @skip(if: true) { nodes { id } } } }", Cost(1, 2, 4)),
        ("{ me { id projects(first: 9) @include(if: false) { nodes { id } } } }", Cost(1, 2, 4)),
        ("{ me { id projects(first: 9) @include(if: true) { nodes { id } } } }", Cost(11, 14, 4)),
        ('mutation { rename(id: "1", title: "x") { id } }', Cost(1, 2, 2)),
        ("subscription { changed { owner { id } } }", Cost(2, 4, 3)),
    ],
)
def test_an_answer_has_a_known_size(source: str, expected: Cost) -> None:
    assert cost(source) == expected


@pytest.mark.parametrize(
    ("variables", "nodes"), [({}, 5), ({"n": 9}, 10), ({"n": 9.0}, 10), ({"n": None}, 51), ({"n": "9"}, 201)]
)
def test_a_page_may_come_from_a_variable(variables: dict[str, Any], nodes: int) -> None:
    source = "query($n: Int = 4) { ...R } fragment R on Query { users(first: $n) { nodes { id } } }"
    assert cost(source, variables).nodes == nodes


def test_a_list_that_says_nothing_of_its_size_is_as_long_as_the_longest_page() -> None:
    grid = '{ node(id: "1") { ... on Project { grid { id } } } }'
    assert refusal(grid).details == {"nodes": 1 + 200 * 200, "limit": 10_000}
    assert cost(grid, max_page=9, default_page=9).nodes == 82


def test_each_operation_of_a_document_has_its_own_cost_and_kind() -> None:
    ready = documents().prepare('query A { me { id } } mutation B { rename(id: "1", title: "x") { owner { id } } }')
    assert (ready.cost(operation_name="A"), ready.kind("A")) == (Cost(1, 2, 2), "query")
    assert (ready.cost(operation_name="B"), ready.kind("B")) == (Cost(2, 4, 3), "mutation")
    assert list(ready.operations) == ["A", "B"]
    for name in ("C", None, ""):
        with pytest.raises(BadRequest, match="operation") as caught:
            ready.operation(name)
        assert caught.value.code == "graphql_operation_unknown"
    only = documents().prepare("query A { me { id } }")
    assert only.operation() is only.operation("") is only.operation("A")


# --- errors ----------------------------------------------------------------------------------------------------------


def test_validation_errors_are_few_short_and_without_the_values_of_the_document() -> None:
    error = refusal("{ me { " + " ".join(f"wrong{n}" for n in range(100)) + " } }")
    assert (error.code, len(error.details["errors"])) == ("graphql_invalid", 5)
    assert error.details["errors"][0] == {
        "message": "Cannot query field 'wrong0' on type 'User'.",
        "line": 1,
        "column": 8,
    }
    error = refusal("{ me { " + "x" * 5000 + " } }")
    assert len(error.details["errors"][0]["message"]) == 160
    for value in ('"hunter2"', "hunter2", "{hunter2: 1}"):
        assert "hunter2" not in repr(refusal(f"{{ users(first: {value}) {{ nodes {{ id }} }} }}").details)


def test_a_syntax_error_says_where_and_does_not_carry_the_document() -> None:
    error = refusal("{ me {\n  id secret( } }")
    assert error.code == "graphql_syntax"
    assert error.message == "Syntax Error: Expected Name, found '}'."
    assert error.details == {"errors": [{"message": error.message, "line": 2, "column": 14}]}
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not isinstance(error, GraphQLError)


@pytest.mark.parametrize(
    "source", ["{ userz { id } }", "{ users(frist: 1) { totalCount } }", "{ me { ...F } } fragment F on Usr { id }"]
)
def test_suggestions_are_for_those_who_may_have_them(source: str) -> None:
    assert "ean" not in repr(refusal(source).details)
    assert "Did you mean" in repr(refusal(source, suggestions=True).details)


# --- introspection ---------------------------------------------------------------------------------------------------


def test_introspection_is_refused_unless_allowed_and_then_costs_half_of_everything() -> None:
    standard = get_introspection_query()
    assert isinstance(refusal(standard), Forbidden)
    assert cost(standard, introspection=True) == Cost(5000, 5000, 1)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", "graphql_invalid"),
        ('{ __type(name: "User") { ' + "ofType { " * 15 + "name" + " }" * 17, "graphql_too_deep"),
        (
            "{ "
            + " ".join(f"a{n}: __schema {{ ...S }}" for n in range(12))
            + " } fragment S on __Schema { types { fields { args { type { "
            + "ofType { " * 8
            + "name"
            + " }" * 13,
            "graphql_too_costly",
        ),
    ],
)
def test_introspection_that_is_allowed_is_limited(source: str, code: str) -> None:
    assert refusal(source, introspection=True).code == code


# --- caches and trust ------------------------------------------------------------------------------------------------


def test_a_document_is_worked_on_once() -> None:
    door = Counted(SCHEMA, Limits(), size=2)
    first = door.prepare("{ me { id } }")
    assert first.source_hash == sha256(b"{ me { id } }").hexdigest()
    assert door.prepare("{ me { id } }") is first
    assert door.worked == 1
    door.prepare("{ me { name } }")
    door.prepare("{ me { tags } }")
    assert door.prepare("{ me { id } }") is not first
    assert door.worked == 4


def test_a_refusal_is_worked_on_once_and_raised_afresh() -> None:
    door = Counted(SCHEMA, Limits())
    raised = []
    for _ in range(3):
        with pytest.raises(BadRequest) as caught:
            door.prepare("{ userz { id } }")
        raised.append(caught.value)
    assert door.worked == 1
    assert len({id(error) for error in raised}) == 3
    assert len({(error.code, error.message, repr(error.details)) for error in raised}) == 1


def test_many_refusals_are_forgotten() -> None:
    door = Counted(SCHEMA, Limits())
    for n in range(257):
        with pytest.raises(BadRequest):
            door.prepare(f"{{ wrong{n} }}")
    with pytest.raises(BadRequest):
        door.prepare("{ wrong256 }")
    assert door.worked == 257
    with pytest.raises(BadRequest):
        door.prepare("{ wrong0 }")
    assert door.worked == 258


def test_what_is_kept_is_bounded_in_number_and_in_weight() -> None:
    held: _Lru[str] = _Lru(3, 10)
    for key in "abc":
        held.put(key, key.upper(), 3)
    assert held.get("a") == "A"
    held.put("d", "D", 3)
    assert (held.get("b"), held.get("a"), len(held), held.weight) == (None, "A", 3, 9)
    held.put("e", "E", 7)
    assert (held.get("a"), held.get("e"), len(held), held.weight) == ("A", "E", 2, 10)
    held.put("f", "F", 11)
    assert (len(held), held.weight) == (0, 0)


def test_trusted_documents_are_kept_for_good_and_found_by_their_hash() -> None:
    source = "{ me { id } }"
    key = sha256(source.encode()).hexdigest()
    door = Counted(SCHEMA, Limits(), size=1, trusted={key: source})
    ready = door.prepare_trusted(key.upper())
    door.prepare("{ me { name } }")
    door.prepare("{ me { tags } }")
    assert door.prepare_trusted(key) is ready
    assert door.prepare(source) is ready
    assert door.worked == 3
    with pytest.raises(NotFound) as caught:
        door.prepare_trusted("0" * 64)
    assert caught.value.code == "graphql_document_unknown"
    with pytest.raises(ValueError, match="another SHA-256"):
        Documents(SCHEMA, Limits(), trusted={"0" * 64: source})


def test_where_only_trusted_documents_run_any_other_is_refused() -> None:
    source = "{ me { id } }"
    key = sha256(source.encode()).hexdigest()
    door = Counted(SCHEMA, Limits(), trusted={key: source}, trusted_only=True)
    assert door.prepare(source) is door.prepare_trusted(key)
    with pytest.raises(Forbidden) as caught:
        door.prepare("{ me { name } }")
    assert caught.value.code == "graphql_document_not_trusted"
    with pytest.raises(Forbidden) as caught:
        door.prepare_trusted("0" * 64)
    assert caught.value.code == "graphql_document_not_trusted"
    assert door.worked == 1


# --- lint ------------------------------------------------------------------------------------------------------------


def test_the_lint_names_every_list_of_unknown_size() -> None:
    assert lint_bounds(SCHEMA) == ["Project.grid"]
    unsized = build_schema("""
      interface Named { names: [String!]! }
      type A implements Named { names: [String!]! edges: [A] all: AConnection! some(first: Int): AConnection }
      type AConnection { nodes: [A!]! edges: [A!]! others: [A!]! }
      type Query { a: A list(first: Int): [A!]! after(last: Int): [A!]! }
    """)
    assert lint_bounds(unsized) == ["A.all", "A.edges", "A.names", "AConnection.others", "Named.names", "Query.after"]
    query = unsized.query_type
    assert query is not None
    for wrong in (0, -1, True, "5", None):
        query.fields["after"].extensions = {"bound": wrong}
        assert "Query.after" in lint_bounds(unsized)
    query.fields["after"].extensions = {"bound": 5}
    assert "Query.after" not in lint_bounds(unsized)
