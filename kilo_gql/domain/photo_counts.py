"""How many photos a project's list shows, and what the viewer said of them, without a walk over all of them.

Three small counts make one: the photos shown (their index is enough), the viewer's ratings in the project, and what is
aside, which has an index of its own and is subtracted. Only a project with as many photos aside as shown (RAW+JPEG
pairs) takes as long as a join of the two tables would: 3 ms for 20,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Uuid, and_, bindparam, func, literal_column, or_, select, text

from kilo_gql.models import Asset, Project, Rating
from kilo_gql.models.assets import ASIDE, SHOWN

# Plain tables: they join to a project by its id, so whoever may see the project may see these counts of it. Ratings
# are the viewer's alone: the parameter ``me``.
_ASSETS: Final[Any] = Asset.__table__
_RATINGS: Final[Any] = Rating.__table__
_ME: Final = bindparam("me", type_=Uuid())
_SAID: Final[dict[str, Any]] = {
    "picked": _RATINGS.c.picked,
    "rejected": _RATINGS.c.rejected,
    "starred": _RATINGS.c.starred,
    "rated": _RATINGS.c.rating.is_not(None),
    "decided": or_(_RATINGS.c.picked, _RATINGS.c.rejected),
}
#: What can be counted of what the viewer said.
WORDS: Final = tuple(_SAID)


def beside_project(statement: Any, name: str) -> Any:
    """What a statement finds for each project."""
    return statement.correlate(Project).lateral(name)


#: ``n``: the photos that lists show.
PHOTOS: Final = beside_project(
    select(func.count().label("n")).select_from(_ASSETS).where(_ASSETS.c.project_id == Project.id, text(SHOWN)),
    "photos",
)


def words(*names: str) -> Any:
    """How many photos the viewer has picked, and so on, by name; those that are not shown as well."""
    counts = [func.count().filter(_SAID[name]).label(name) for name in names]
    own = _RATINGS.c.project_id == Project.id, _RATINGS.c.user_id == _ME
    return beside_project(select(*counts).where(*own), "words")


def aside(*names: str) -> Any:
    """``processing``: shown, but not ready; ``quarantined``; and, of what is not shown, the same counts by name."""
    counts = [func.count().filter(_SAID[name], text(f"NOT ({SHOWN})")).label(name) for name in names]
    return beside_project(
        select(
            func.count().filter(text(SHOWN)).label("processing"),
            func.count()
            .filter(_ASSETS.c.status == literal_column("'quarantined'"), _ASSETS.c.trashed_at.is_(None))
            .label("quarantined"),
            *counts,
        )
        .select_from(_ASSETS)
        .outerjoin(_RATINGS, and_(_RATINGS.c.asset_id == _ASSETS.c.id, _RATINGS.c.user_id == _ME))
        .where(_ASSETS.c.project_id == Project.id, text(f"({ASIDE})")),
        "aside",
    )


def shown_words(said: Any, hidden: Any, names: Sequence[str]) -> list[Any]:
    """Of the photos that lists show, how many the viewer has picked, and so on."""
    return [(said.c[name] - hidden.c[name]).label(name) for name in names]
