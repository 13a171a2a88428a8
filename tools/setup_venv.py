#!/usr/bin/env python3
"""Make .venv ready: the locked packages and KILO itself, editable. Quick when nothing changed since the last time.

Only the standard library, and no syntax newer than Python 3.6, so that an old `python3` can say what is wrong.
``EXTRAS`` (default ``dev``) names the optional dependencies, for example ``EXTRAS=dev,ml``.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "kilo.stamp"
FLOOR = (3, 11)
# the Python behind an activated .venv: that one would delete itself
PYTHON = os.path.realpath(sys.executable)


def use_a_new_enough_python() -> None:
    """Start over with a newer Python of this machine where `python3` is too old."""
    if sys.version_info >= FLOOR:
        return
    for minor in range(14, FLOOR[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)  # noqa: UP031
        # a version manager's shim can be on PATH with nothing behind it
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(found, [found, *sys.argv])  # noqa: S606
    sys.exit("KILO needs Python 3.11 or newer and found only %s.%s." % sys.version_info[:2])  # noqa: UP031


def fingerprint(extras: str) -> str:
    """Everything a finished .venv depends on; the folder too, because an editable install remembers it."""
    import tomllib  # not at the top: an older Python must get as far as saying that it is too old

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # the settings of the linters and of pytest need no new install
    relevant = [project["build-system"], project["project"], project["tool"]["hatch"]]
    parts = [extras, str(ROOT), PYTHON, sys.version, json.dumps(relevant), (ROOT / "constraints.txt").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def create() -> None:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments. Install what is missing, then try again:\n"
            "  Debian, Ubuntu:  apt-get install python3-venv\n"
            "or name another Python:  make PYTHON=/path/to/python3 ..."
        )
    subprocess.check_call([PYTHON, "-m", "venv", "--clear", str(VENV)])


def install(extras: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", "--editable", ".[" + extras + "]"]
    if subprocess.call(command, cwd=str(ROOT)):
        sys.exit("Installing failed; pip says why above. Once mended, run the same command again.")


def main() -> None:
    use_a_new_enough_python()
    extras = os.environ.get("EXTRAS") or "dev"
    wanted = fingerprint(extras)
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Setting up .venv (once; about a minute) ...", flush=True)
    started = time.monotonic()
    # always from nothing: what an older lock installed must not linger
    create()
    install(extras)
    STAMP.write_text(wanted)
    print(".venv is ready after {:.0f} s.".format(time.monotonic() - started), flush=True)  # noqa: UP032


if __name__ == "__main__":
    main()
