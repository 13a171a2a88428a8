"""All measurements, one after the other: ``make bench``, or some: ``make bench ARGS='grid ingest'``.

Each is also a command of its own: ``python -m bench.api``.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

#: In this order, since each wants the machine for itself.
COMMANDS: Final = (
    ("startup",),
    ("api",),
    ("subscriptions",),
    ("events",),
    ("jobs",),
    ("idempotency",),
    ("login",),
    ("graphql_attacks",),
    ("grid",),
    ("cull",),
    ("gallery",),
    ("gallery_page",),
    ("ingest",),
    ("ingest", "--grown", "20000"),
    ("ingest", "--memory", "5000"),
    ("export",),
    ("zip_stream",),
)


def main() -> int:
    """Run every command, or those named; the worst exit status."""
    worst, named = 0, sys.argv[1:]
    for command in [command for command in COMMANDS if not named or command[0] in named]:
        print(f"\n=== {' '.join(command)}", flush=True)
        worst = max(
            worst, subprocess.run([sys.executable, "-m", f"bench.{command[0]}", *command[1:]], check=False).returncode
        )
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
