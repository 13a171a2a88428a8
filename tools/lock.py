#!/usr/bin/env python3
"""Write constraints.txt: the exact versions of everything that base, dev, ml and faces install.

``tools/lock.py`` keeps each pin that still fits; ``--upgrade`` resolves all anew; ``--upgrade NAME ...`` only these.
Run by the oldest Python supported, because every pin must exist for it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "constraints.txt"
FLOOR = (3, 11)
EXTRAS = "dev,faces,ml"
HEADER = """\
# Exact versions of everything KILO can install (base, and the extras dev, ml, faces). Written by `make lock`.
# Used as  pip install -c constraints.txt -e '.[dev]'  : a constraint installs nothing that is not asked for.
#
# No hashes: pip's hash mode refuses an editable install, and one version of torch has a CPU build, CUDA builds and a
# build for each system, so a list of hashes would turn away machines that a version serves.
# aioboto3 fixes aiobotocore, boto3 and botocore: these four move together or not at all.
# torchvision fixes torch; both stay until ml/ is tested on the next pair. The CUDA libraries of a CUDA build of torch
# are not listed: torch's own metadata pins each of them exactly.
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str) -> dict[str, str]:
    """The ``name==version`` lines of a constraints file."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {canonical(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def resolve(keep: dict[str, str]) -> dict[str, str]:
    """What pip would install into an empty environment, given the pins to keep."""
    with tempfile.TemporaryDirectory() as scratch:
        constraints, report = Path(scratch, "keep.txt"), Path(scratch, "report.json")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in keep.items()))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--constraint", str(constraints), "--report", str(report), f"{ROOT}[{EXTRAS}]"]
        subprocess.run(command, check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    # a local version such as 2.13.0+cpu names one build of a release, and other machines have another
    return {canonical(item["name"]): item["version"].split("+")[0] for item in found}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--upgrade", nargs="*", metavar="NAME", help="names to resolve anew; none given: all")
    upgrade = arguments.parse_args().upgrade
    if sys.version_info[:2] != FLOOR:
        sys.exit(
            f"Run this with Python {'.'.join(map(str, FLOOR))}: each pin must exist for the oldest Python supported."
        )

    old = pinned(LOCK.read_text()) if LOCK.exists() else {}
    loose = set(old) if upgrade == [] else {canonical(name) for name in upgrade or ()}
    new = resolve({name: version for name, version in old.items() if name not in loose})
    new.pop("kilo")
    LOCK.write_text(HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(new.items())))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            print(f"{name}: {old.get(name, '(new)')} -> {new.get(name, '(gone)')}")
    print(f"{LOCK.name}: {len(new)} packages")


if __name__ == "__main__":
    main()
