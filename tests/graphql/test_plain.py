"""Readers of columns answer exactly what graphql-core's executor answers, errors included."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import strawberry
from graphql import GraphQLSchema, parse
from graphql.execution import experimental_execute_incrementally

from kilo_gql.graphql.executor import answer
from kilo_gql.graphql.plain import PlainExecutor
from schema.build import build, core

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@strawberry.enum
class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass
class Extent:
    width: Any = 3
    unit: Any = None


@dataclass
class Row:
    id: Any = ID
    title: Any = "one"
    count: Any = 1
    ratio: Any = 0.5
    happy: Any = True
    mood: Any = Mood.GOOD
    at: Any = datetime(2026, 6, 20, 12, tzinfo=UTC)
    day: Any = date(2026, 6, 20)
    tags: Any = ("a", "b")
    note: Any = None
    size: Any = field(default_factory=Extent)
    frame: Any = None


@strawberry.type(description="How large.")
class Size:
    width: int
    unit: str | None

    @strawberry.field
    def area(parent: strawberry.Parent[Extent]) -> int:
        return int(parent.width**2)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Extent)


@strawberry.type(description="A thing.")
class Thing:
    id: UUID
    title: str
    count: int
    ratio: float
    happy: bool
    mood: Mood
    at: datetime
    day: date
    tags: list[str]
    note: str | None
    size: Size
    frame: Size | None

    @strawberry.field
    def shout(parent: strawberry.Parent[Row]) -> str:
        return parent.title.upper()

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Row)


ROWS: list[Any] = []


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[Thing])
    def things(self) -> Any:
        return ROWS

    @strawberry.field(graphql_type=list[Thing | None])
    def some(self) -> Any:
        return ROWS

    @strawberry.field(graphql_type=Thing | None)
    def thing(self) -> Any:
        return ROWS[0] if ROWS else None


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core(build(Query, None, None, []))


COLUMNS = "id title count ratio happy mood at day tags note"
DOCUMENTS = [
    f"{{ things {{ {COLUMNS} }} }}",
    "{ things { title } }",
    "{ things { __typename title b: title } }",
    "{ things { title shout } }",
    "{ thing { id mood } }",
    "{ things { ... on Thing { title } ...F } } fragment F on Thing { count title }",
    "{ some { title count } }",
    "{ things { title @include(if: false) count } }",
    "{ things { title @skip(if: true) } }",
    "{ things { title size { width unit } } }",
    "{ things { frame { width } s: size { width } size { unit } } }",
    "{ things { size { __typename w: width } frame { __typename } } }",
    "{ things { title size { area } } }",
    "{ thing { size { ...S } frame { ...S } } } fragment S on Size { unit width }",
]
#: What can be wrong with a row: each must take the long way, and end as it does there.
FAULTS = [
    {},
    {"title": None},
    {"title": 5},
    {"count": 2**40},
    {"count": "7"},
    {"count": True},
    {"mood": "sideways"},
    {"mood": "bad"},
    {"happy": 1},
    {"ratio": 3},
    {"at": "yesterday"},
    {"tags": ["a", None]},
    {"tags": None},
    {"tags": 7},
    {"note": "said"},
    {"id": str(ID)},
    {"size": None},
    {"size": "large"},
    {"size": Extent(width=None)},
    {"size": Extent(width="wide")},
    {"frame": Extent(unit="px")},
    {"frame": Extent(width=None)},
    {"frame": 7},
]


def run(schema: GraphQLSchema, text: str, **options: Any) -> Any:
    result: Any = experimental_execute_incrementally(schema, parse(text), **options)
    return answer(result, "request")


def written(value: Any) -> Any:
    """As JSON would have it: the encoder writes what a reader leaves as it is."""
    if isinstance(value, dict):
        return [(key, written(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_readers_answer_as_the_executor_does(schema: GraphQLSchema, text: str, fault: dict[str, Any]) -> None:
    ROWS[:] = [Row(), Row(**fault), Row(title="three")]
    fast, slow = run(schema, text, executor_class=PlainExecutor), run(schema, text)
    assert written(fast) == written(slow)


@pytest.mark.parametrize("items", [[], [None], ["no row"], [Row(), None]], ids=str)
def test_lists_that_hold_no_rows(schema: GraphQLSchema, items: list[Any]) -> None:
    ROWS[:] = items
    for text in ("{ things { title count } }", "{ some { title count } }", "{ thing { title count } }"):
        assert written(run(schema, text, executor_class=PlainExecutor)) == written(run(schema, text))


def test_a_selection_of_columns_calls_no_resolver(schema: GraphQLSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    ROWS[:] = [Row() for _ in range(50)]
    calls = 0

    def count(self: PlainExecutor, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(self, *arguments)

    original = PlainExecutor.execute_field
    monkeypatch.setattr(PlainExecutor, "execute_field", count)
    for text in (DOCUMENTS[0], "{ things { title size { width unit } frame { unit } } }"):
        calls = 0
        run(schema, text, executor_class=PlainExecutor)
        assert calls == 1
