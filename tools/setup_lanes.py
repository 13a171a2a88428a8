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

# lane (pytest marker) -> the programs it runs, each with the Debian package that has it
LANES = {
    "scale": {"redis-server": "redis-server"},
    "browser": {"chromium": "chromium", "node": "nodejs", "npm": "npm"},
    "exiftool": {"exiftool": "libimage-exiftool-perl", "pdftotext": "poppler-utils", "unzip": "unzip"},
}


def missing() -> dict[str, list[str]]:
    """The lanes that lack a program, with the packages that have what they lack."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # Debian's servers live there, a plain user's PATH may not
    wanted = {
        lane: [package for program, package in programs.items() if not shutil.which(program, path=path)]
        for lane, programs in LANES.items()
    }
    return {lane: packages for lane, packages in wanted.items() if packages}


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
        install(sorted({package for packages in lanes.values() for package in packages}))
        lanes = missing()
    for lane, packages in lanes.items():
        print(f"Left out: the tests marked '{lane}' (install {', '.join(packages)} to run them).", file=sys.stderr)
    if lanes and os.environ.get("CI") == "true":
        sys.exit("CI leaves no lane out.")
    print(" and ".join(f"not {lane}" for lane in lanes))


if __name__ == "__main__":
    main()
