"""All measurements, one after the other: ``make bench``. Each is also a command of its own: ``python -m bench.api``."""

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
)


def main() -> int:
    """Run every command; the worst exit status."""
    worst = 0
    for command in COMMANDS:
        print(f"\n=== {' '.join(command)}", flush=True)
        worst = max(
            worst, subprocess.run([sys.executable, "-m", f"bench.{command[0]}", *command[1:]], check=False).returncode
        )
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
