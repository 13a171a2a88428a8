"""From where a request comes: the address that connects, or the one that a trusted proxy names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.support.api_process import ApiProcess
from tests.support.processes import environment


async def _asked(server: ApiProcess, address: str) -> int:
    async with httpx.AsyncClient() as client:
        headers = {"x-forwarded-for": address}
        answer = await client.get(f"http://127.0.0.1:{server.port}/v1/share/nowhere", headers=headers)
        return answer.status_code


@pytest.mark.parametrize(("trusted", "second"), [("127.0.0.1", 404), ("", 429)])
async def test_rates_count_by_the_callers_address(database_url: str, tmp_path: Path, trusted: str, second: int) -> None:
    """Two may ask once a minute each. Without trust the proxy is the caller, whatever a header says."""
    server = ApiProcess(environment(database_url, home=tmp_path), tmp_path / "api.log")
    await server.start(requests_per_minute=1, trusted_proxies=trusted)
    try:
        assert await _asked(server, "203.0.113.1") == 404
        assert await _asked(server, "203.0.113.1") == 429
        assert await _asked(server, "203.0.113.2") == second
    finally:
        await asyncio.to_thread(server.stop)
