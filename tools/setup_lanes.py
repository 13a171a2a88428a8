#!/usr/bin/env python3
"""Install what some tests need from outside Python, and print which lanes must be left out, as pytest's -m takes it.

A lane is a pytest marker. A missing program is installed where that is possible (root, and apt-get present); else its
lane is left out by name, and with CI=true that is an error. People read stderr; stdout carries the expression alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# lane (pytest marker) -> (the program it runs, the Debian package that has it)
LANES = {
    "scale": ("redis-server", "redis-server"),
}


def missing() -> dict[str, str]:
    """The lanes whose program is not there, with the package that has it."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # Debian's servers live there, a plain user's PATH may not
    return {lane: package for lane, (program, package) in LANES.items() if not shutil.which(program, path=path)}


def install(packages: list[str]) -> None:
    """Best effort: whether it worked is read off the machine afterwards."""
    # RUNLEVEL=1: packages start no service of their own; each test starts its server on a port of its own
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    print(f"Installing {', '.join(packages)} ...", file=sys.stderr, flush=True)
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            print(done.stderr.decode(errors="replace"), file=sys.stderr)


def main() -> None:
    lanes = missing()
    if lanes and os.geteuid() == 0 and shutil.which("apt-get"):
        install(sorted(set(lanes.values())))
        lanes = missing()
    for lane, package in lanes.items():
        print(f"Left out: the tests marked '{lane}' (install {package} to run them).", file=sys.stderr)
    if lanes and os.environ.get("CI") == "true":
        sys.exit("CI leaves no lane out.")
    print(" and ".join(f"not {lane}" for lane in lanes))


if __name__ == "__main__":
    main()
