"""Projects full of photos, as ingest leaves their rows: one is written, the database copies it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import asyncpg

from kilo_gql.access import UserActor
from kilo_gql.models import Asset, AssetFile, FileKind, Project, Rating
from tests.support.make import Make

#: What is different in the copies of an asset ($1, of which there shall be $2), of its files, and of its rating.
_OWN: Final = {
    "id": "uuidv7()",
    "filename": "'SEED' || n || '.JPG'",
    "stem": "'seed' || n",
    "captured_at": "captured_at + n * interval '2 seconds'",
}
_OWN_OF_FILES: Final = {
    "id": "uuidv7()",
    "asset_id": "copy.id",
    "key": "concat_ws('/', project_id, copy.id, kind)",
    "sha256": "encode(sha256(convert_to(copy.id::text || kind, 'UTF8')), 'hex')",
}
_OWN_OF_RATINGS: Final = {
    "asset_id": "copy.id",
    "rating": "1 + copy.n % 5",
    "picked": "CASE copy.n % 3 WHEN 1 THEN true END",
}
#: Every third copy ($1 is what was copied, $2 the project) stays unrated.
_COPIES: Final = """
WITH copy AS (
    SELECT id, row_number() OVER (ORDER BY sort_at) AS n FROM assets WHERE project_id = $2 AND id <> $1
)
"""


async def seed(connection: asyncpg.Connection, make: Make, project: Project, owner: UserActor, photos: int) -> None:
    """So many photos in a project: ready, two seconds apart, with their renditions and the owner's ratings."""
    template = await make.asset(
        project, "SEED1.JPG", captured_at=make.db.house.clock() - timedelta(days=1),
        captured_local="2026-06-20T09:00:00", width_px=6000, height_px=4000, camera_make="KILO",
        camera_model="Sample One", lens_model="KILO 24-70mm F2.8", iso=200, aperture=5.6,
        exif={"ExposureProgram": "Aperture-priority AE"}, thumbhash="HBkSHYSIeHiPiHh8eJd4eTN0EEQG",
        average_color=0x808080,
    )  # fmt: skip
    for kind in (FileKind.ORIGINAL, FileKind.PREVIEW, FileKind.THUMBNAIL, FileKind.MICRO):
        await make.file(template, kind)
    await make.rating(template, owner, rating=3)
    await connection.execute(
        f"{_copying(Asset, _OWN)} FROM assets, generate_series(2, $2) AS n WHERE id = $1", template.id, photos
    )
    for model, own, which in ((AssetFile, _OWN_OF_FILES, "true"), (Rating, _OWN_OF_RATINGS, "copy.n % 3 > 0")):
        copying = f"{_copying(model, own)} FROM {model.__tablename__}, copy WHERE asset_id = $1 AND {which}"
        await connection.execute(_COPIES + copying, template.id, project.id)
    await connection.execute("ANALYZE")


def _copying(model: Any, own: dict[str, str]) -> str:
    """The beginning of a statement that writes rows like those it reads, but for some columns."""
    table = model.__table__
    columns = [column.name for column in table.columns if column.computed is None]
    values = [own.get(name, f"{table.name}.{name}") for name in columns]
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)}"
