"""Hostile GraphQL documents, built from pairs: the published bypasses of limiters were always combinations.

``attacks`` speaks the vocabulary of any schema with a connection inside a connection, so the same corpus is fired at
the test schema here and at the real one over HTTP. Every attack names the code it must be refused with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final

from graphql import GraphQLObjectType, GraphQLSchema, build_schema


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a schema: ``Query.root`` is a connection of ``type``, ``type.nested`` one whose nodes have ``leaf``
    too; both take ``first``.
    """

    root: str
    type: str
    nested: str
    leaf: str


@dataclass(frozen=True, slots=True)
class Attack:
    """A document to be refused with ``code``."""

    name: str
    source: str
    variables: Mapping[str, Any]
    operation_name: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A document under construction: ``inner`` is selected on the nodes of the root list, ``roots`` beside it."""

    inner: str
    first: int = 2
    roots: str = ""
    fragments: str = ""
    tail: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)

    def source(self, words: Vocabulary) -> str:
        page = f"{words.root}(first: {self.first}) {{ nodes {{ {self.inner} }} }}"
        return f"query A {{ {page} {self.roots} }} {self.fragments} {self.tail}"


Family = Callable[[Draft, Vocabulary], Draft]


def megabyte(draft: Draft, _words: Vocabulary) -> Draft:
    return replace(draft, tail=draft.tail + "\n#" + "x" * 1024 * 1024)


def nesting(draft: Draft, words: Vocabulary) -> Draft:
    deep = f"{words.nested} {{ nodes {{ " * 30 + draft.inner + " }" * 60
    return replace(draft, inner=deep)


def literals(draft: Draft, words: Vocabulary) -> Draft:
    deep = f"{words.nested}(first: {'[' * 60}{']' * 60}) {{ nodes {{ {words.leaf} }} }}"
    return replace(draft, inner=f"{deep} {draft.inner}")


def repetition(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, inner=draft.inner + f" {words.leaf}" * 10_000)


def syntax(draft: Draft, _words: Vocabulary) -> Draft:
    return replace(draft, roots=draft.roots + " ;")


def operations(draft: Draft, words: Vocabulary) -> Draft:
    more = " ".join(f"query B{n} {{ {words.root} {{ nodes {{ {words.leaf} }} }} }}" for n in range(20))
    return replace(draft, tail=f"{more} {draft.tail}")


def cycle(draft: Draft, words: Vocabulary) -> Draft:
    circle = (
        f"fragment C0 on {words.type} {{ ...C1 {draft.inner} }} "
        f"fragment C1 on {words.type} {{ ... {{ ...C2 }} }} fragment C2 on {words.type} {{ ...C0 }} "
    )
    return replace(draft, inner="...C0", fragments=circle + draft.fragments)


def chain(draft: Draft, words: Vocabulary) -> Draft:
    links = "".join(f"fragment L{n} on {words.type} {{ ...L{n + 1} }} " for n in range(60))
    last = f"fragment L60 on {words.type} {{ {draft.inner} }} "
    return replace(draft, inner="...L0", fragments=links + last + draft.fragments)


def introspection(draft: Draft, _words: Vocabulary) -> Draft:
    deep = "fields { type { " * 8 + "name" + " } }" * 8
    return replace(draft, roots=f"{draft.roots} __schema {{ types {{ {deep} }} }}")


def depth(draft: Draft, words: Vocabulary) -> Draft:
    deep = f"{words.nested} {{ nodes {{ " * 7 + draft.inner + " }" * 14
    return replace(draft, inner=deep)


def aliases(draft: Draft, words: Vocabulary) -> Draft:
    bomb = " ".join(f"a{n}: {words.nested}(first: 1) {{ nodes {{ {words.leaf} }} }}" for n in range(31))
    return replace(draft, inner=f"{draft.inner} {bomb}")


def directives(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, inner=draft.inner + f" {words.leaf} @include(if: true)" * 51)


def roots(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, roots=draft.roots + f" {words.root}(first: 2) {{ nodes {{ {words.leaf} }} }}" * 21)


def amplification(draft: Draft, words: Vocabulary) -> Draft:
    doubled = "".join(f"fragment F{n} on {words.type} {{ ...F{n - 1} ...F{n - 1} }} " for n in range(1, 24))
    base = f"fragment F0 on {words.type} {{ {draft.inner} }} "
    return replace(draft, inner="...F23", fragments=doubled + base + draft.fragments)


def merging(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, inner=draft.inner + f" {words.nested}(first: 200) {{ nodes {{ {words.leaf} }} }}" * 90)


def guessing(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, inner=f"{draft.inner} {words.leaf}z")


def ten_megabytes(draft: Draft, _words: Vocabulary) -> Draft:
    return replace(draft, variables={"text": "x" * 10 * 1024 * 1024})


def huge_page(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, roots=f"{draft.roots} huge: {words.root}(first: 100000) {{ nodes {{ {words.leaf} }} }}")


def pages(draft: Draft, words: Vocabulary) -> Draft:
    return replace(draft, first=200, inner=f"{draft.inner} {words.nested}(first: 200) {{ nodes {{ {words.leaf} }} }}")


#: The order is that of the checks: of two families the earlier one is what a document is refused for.
FAMILIES: Final[Mapping[Family, str]] = {
    megabyte: "graphql_too_large",
    nesting: "graphql_too_deep",
    literals: "graphql_too_deep",
    repetition: "graphql_too_large",
    syntax: "graphql_syntax",
    operations: "graphql_too_many_operations",
    chain: "graphql_too_deep",
    cycle: "graphql_fragment_cycle",
    introspection: "introspection_off",
    depth: "graphql_too_deep",
    aliases: "graphql_too_many_aliases",
    directives: "graphql_too_many_directives",
    roots: "graphql_too_many_root_fields",
    amplification: "graphql_too_many_selections",
    merging: "graphql_too_many_selections",
    guessing: "graphql_invalid",
    ten_megabytes: "graphql_too_large",
    huge_page: "page_too_large",
    pages: "graphql_too_costly",
}


def _loud(words: Vocabulary) -> list[Attack]:
    """Every pair of families: the later one is built first and the earlier one wraps it."""
    made = []
    for outer, inner in combinations(FAMILIES, 2):
        draft = outer(inner(Draft(words.leaf), words), words)
        name = f"{outer.__name__}+{inner.__name__}"
        made.append(Attack(name, draft.source(words), draft.variables, "A", FAMILIES[outer]))
    return made


def _page(words: Vocabulary, selection: str, first: int | str = 2) -> str:
    return f"{words.root}(first: {first}) {{ nodes {{ {selection} }} }}"


def _fragment(selection: str, on: str, name: str = "F") -> str:
    return f" fragment {name} on {on} {{ {selection} }}"


def _quiet(words: Vocabulary) -> Iterator[tuple[str, str, str]]:
    """Pairs of which each half would be allowed: name, code, source."""
    kind, leaf = words.type, words.leaf
    half = f"{words.nested} {{ nodes {{ " * 3
    eight = " ".join(f"a{n}: {leaf}" for n in range(8))
    source = f"{{ {_page(words, '...F ' * 4)} }}" + _fragment(eight, kind)
    yield "aliases through spreads", "graphql_too_many_aliases", source
    source = f"{{ {_page(words, half + '...F' + ' } }' * 3)} }}" + _fragment(half + leaf + " } }" * 3, kind)
    yield "depth through a spread", "graphql_too_deep", source
    noted = _fragment(f"{leaf} @include(if: true) " * 9, kind)
    source = f"{{ {_page(words, '...F @include(if: true) ' * 6)} }}" + noted
    yield "directives through spreads", "graphql_too_many_directives", source
    source = "{ ...F ...F ...F ...F }" + _fragment(f"{_page(words, leaf)} " * 6, "Query")
    yield "roots through spreads", "graphql_too_many_root_fields", source
    writes = "a: write b: write c: write"
    source = "mutation { ...F ...F }" + _fragment(writes, "Mutation")
    yield "mutations through spreads", "graphql_too_many_root_fields", source
    source = f"mutation {{ {writes} d: write e: write f: write }}"
    yield "mutations by alias", "graphql_too_many_root_fields", source
    source = "{ ...F }" + _fragment("__schema { types { name } }", "Query")
    yield "introspection in a fragment", "introspection_off", source
    yield "introspection by alias", "introspection_off", '{ ... on Query { a: __type(name: "Query") { name } } }'
    source = f"{{ {_page(words, leaf)} }}" + _fragment("...F", kind)
    yield "unused cycle", "graphql_fragment_cycle", source
    empty = "".join(_fragment(f"...F{n - 1} ...F{n - 1}", kind, f"F{n}") for n in range(1, 24))
    source = f"{{ {_page(words, '...F23')} }}" + empty + _fragment("", kind, "F0")
    yield "amplified nothing", "graphql_too_many_selections", source
    one = f"{words.nested}(first: 1) {{ nodes {{ {leaf} }} }}"
    many = "".join(_fragment(one, kind, f"F{n}") for n in range(90))
    source = f"{{ {_page(words, ' '.join(f'...F{n}' for n in range(90)))} }}" + many
    yield "many fragments to merge", "graphql_too_many_selections", source
    unused = "".join(_fragment(f"{leaf} " * 3, kind, f"F{n}") for n in range(170))
    yield "many unused fragments", "graphql_too_many_selections", f"{{ {_page(words, leaf)} }}" + unused


def _multiplied(words: Vocabulary) -> Iterator[Attack]:
    """Pages that are each allowed and too many together, and pages that are none."""
    leaf, costly = words.leaf, "graphql_too_costly"

    def nested(first: int | str) -> str:
        return f"{words.nested}(first: {first}) {{ nodes {{ {leaf} }} }}"

    ten = " ".join(f"a{n}: {_page(words, nested(10), 200)}" for n in range(10))
    spread = f"{{ {_page(words, '...F ' * 6, 50)} }}" + _fragment(nested(40), words.type)
    unsure = nested(200).replace(" {", " @include(if: $no) {", 1)
    variable = _page(words, nested("$n"), "$n")
    for name, code, source in (
        ("pages by alias", costly, f"{{ {ten} }}"),
        ("pages through spreads", costly, spread),
        ("pages by repetition", costly, f"{{ {f'{_page(words, nested(20), 200)} ' * 5} }}"),
        ("pages by default", costly, f"query($n: Int = 200) {{ {variable} }}"),
        ("pages behind a variable", costly, f"query($no: Boolean = false) {{ {_page(words, unsure, 200)} }}"),
        ("negative page", "bad_request", f"{{ {_page(words, leaf, -200)} }}"),
        ("page of 5000 digits", "graphql_invalid", f"{{ {_page(words, leaf, '9' * 5000)} }}"),
        ("default of 5000 digits", "graphql_invalid", f"query($n: Int = {'9' * 5000}) {{ {variable} }}"),
    ):
        yield Attack(name, source, {}, None, code)
    for name, code, value in (
        ("float", costly, 200.0),
        ("string", costly, "200"),
        ("boolean", costly, True),
        ("infinite", costly, float("inf")),
        ("large", "page_too_large", 5000),
        ("endless", "page_too_large", 10**400),
        ("negative", "bad_request", -200),
    ):
        yield Attack(f"page by {name} variable", f"query($n: Int) {{ {variable} }}", {"n": value}, None, code)


def _odd(words: Vocabulary) -> Iterator[Attack]:
    """Texts, operations and variables that are no question."""
    small = f"{{ {_page(words, words.leaf)} }}"
    bomb = " ".join(f"a{n}: {words.leaf}" for n in range(31))
    for name, code, source, operation in (
        ("another operation", "graphql_too_many_aliases", f"query A {small} query B {{ {_page(words, bomb)} }}", "A"),
        ("unknown operation", "graphql_operation_unknown", f"query A {small}", "Z"),
        ("unnamed operation", "graphql_operation_unknown", f"query A {small} query B {small}", None),
        ("type definition", "graphql_invalid", f"{small} type X {{ a: Int }}", None),
        ("comments", "graphql_too_large", "#\n" * 2001 + small, None),
        ("wide characters", "graphql_too_large", f"{small} #" + "𝕏" * 17_000, None),
        ("lone surrogate", "graphql_syntax", f"{small} \ud800", None),
        ("unterminated block string", "graphql_syntax", f'{small} """' + '\\"""{[(' * 8_000, None),
        ("nothing", "graphql_syntax", "", None),
    ):
        yield Attack(name, source, {}, operation, code)
    nest: list[Any] = []
    for _ in range(60):
        nest = [nest]
    yield Attack("deep variables", small, {"v": nest}, None, "graphql_too_deep")
    yield Attack("many variables", small, {"v": [None] * 1_000_000}, None, "graphql_too_large")
    yield Attack("many names", small, {f"v{n}": n for n in range(200_000)}, None, "graphql_too_large")
    yield Attack("many objects", small, {"v": [[{"k": "v"}] * 100] * 10_000}, None, "graphql_too_large")


def attacks(words: Vocabulary) -> list[Attack]:
    """The whole corpus; codes are those of the default ``Limits``."""
    quiet = [Attack(name, source, {}, None, code) for name, code, source in _quiet(words)]
    return [*_loud(words), *quiet, *_multiplied(words), *_odd(words)]


WORDS: Final = Vocabulary(root="users", type="User", nested="projects", leaf="id")

SDL: Final = """
interface Node { id: ID! }
type PageInfo { endCursor: String hasNextPage: Boolean! }
type User implements Node {
  id: ID!
  name: String!
  tags: [String!]!
  projects(first: Int, last: Int, after: String): ProjectConnection!
}
type UserConnection { nodes: [User!]! edges: [UserEdge!]! pageInfo: PageInfo! totalCount: Int! }
type UserEdge { cursor: String! node: User! }
type Project implements Node {
  id: ID!
  title: String!
  owner: User!
  members: [User!]!
  photos(first: Int = 10): [Photo!]!
  grid: [[Photo!]!]!
}
type ProjectConnection { nodes: [Project!]! edges: [ProjectEdge!]! pageInfo: PageInfo! totalCount: Int! }
type ProjectEdge { cursor: String! node: Project! }
type Photo implements Node { id: ID! width: Int! histogram: String! }
union Hit = User | Project | Photo
type Query {
  me: User
  users(first: Int, last: Int, after: String): UserConnection!
  projects(first: Int, after: String): ProjectConnection!
  node(id: ID!): Node
  search(text: String!, first: Int!): [Hit!]!
}
type Mutation { rename(id: ID!, title: String!): Project }
type Subscription { changed: Project }
"""


def make_schema() -> GraphQLSchema:
    """Users with projects with photos; ``Project.grid`` alone says nothing of its size."""
    schema = build_schema(SDL)
    for name, extensions in (
        ("User.tags", {"bound": 20}),
        ("Project.members", {"bound": 5, "cost": 3}),
        ("Photo.histogram", {"cost": 7}),
    ):
        kind, _, item = name.partition(".")
        owner = schema.type_map[kind]
        assert isinstance(owner, GraphQLObjectType)
        owner.fields[item].extensions = extensions
    return schema
