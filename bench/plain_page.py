"""The peer of ``bench.api``: the same page, written by hand on Starlette and asyncpg, with the same rights."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_PAGE = """
SELECT id, studio_id, owner_user_id, title, description, shoot_date, timezone, status, created_at, updated_at
  FROM projects
 WHERE status <> 'deleted' AND id IN (SELECT project_id FROM project_grants WHERE user_id = $1)
 ORDER BY id DESC LIMIT $2
"""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["PLAIN_DATABASE"], min_size=4, max_size=12)
    app.state.known = {}
    yield
    await app.state.pool.close()


async def page(request: Request) -> Response:
    token = request.headers["authorization"].removeprefix("Bearer ").encode()
    known = request.app.state.known
    async with request.app.state.pool.acquire() as connection:
        hashed = sha256(token).digest()
        if (user_id := known.get(hashed)) is None:
            user_id = await connection.fetchval("SELECT user_id FROM api_tokens WHERE token_hash = $1", hashed)
            known[hashed] = user_id
        limit = int(request.query_params["limit"])
        rows = await connection.fetch(_PAGE, user_id, limit + 1)
    items = [
        {
            "id": str(row["id"]),
            "studioId": row["studio_id"] and str(row["studio_id"]),
            "ownerUserId": str(row["owner_user_id"]),
            "title": row["title"],
            "description": row["description"],
            "shootDate": row["shoot_date"],
            "timezone": row["timezone"],
            "status": row["status"],
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
        }
        for row in rows[:limit]
    ]
    cursor = items[-1]["id"] if len(rows) > limit else None
    return Response(orjson.dumps({"items": items, "pageInfo": {"nextCursor": cursor}}), media_type="application/json")


async def ready(request: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/projects", page), Route("/readyz", ready)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", access_log=False)
