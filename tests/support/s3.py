"""An S3 endpoint over HTTP: moto's server, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from kilo_gql.config import Settings


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of the server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(s3_endpoint: str, tmp_path: Path) -> Settings:
    """A bucket of its own."""
    bucket = f"kilo-{uuid4().hex}"
    httpx.put(f"{s3_endpoint}/{bucket}").raise_for_status()
    return Settings(
        home=tmp_path / "home",
        s3_endpoint_url=s3_endpoint,
        s3_bucket=bucket,
        s3_access_key_id=SecretStr("someone"),
        s3_secret_access_key=SecretStr("something"),
        secret_key=SecretStr("a test secret of 32 characters!!"),
    )
