"""Versions with known holes are refused at boot: better a clear sentence than a quiet risk."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Floor:
    """The oldest safe version of a package, and what is wrong with older ones."""

    package: str
    oldest: str
    why: str


FLOORS: Final = (
    Floor("starlette", "1.3.1", "paths that move the authority (PYSEC-2026-248), Range in O(n²), Host poisoning"),
    Floor("strawberry-graphql", "0.327.2", "websocket authentication and subscription limits"),
    Floor("pillow", "13.0.0", "heap overflow in the JPEG decoder (CVE-2026-112403)"),
    Floor("pillow-heif", "1.8.0", "libheif before 1.23 (CVE-2026-32740, CVE-2026-32741, CVE-2026-28231)"),
    Floor("rawpy", "0.28.0", "LibRaw before 0.22.2 (CVE-2026-20889, CVE-2026-20911, CVE-2026-21413)"),
    Floor("pyvips-binary", "8.18.0", "decoders bundled with older libvips"),
    Floor("pyjwt", "2.15.0", "algorithm allow-list bypass, ignored crit header"),
    Floor("python-multipart", "0.0.27", "denial of service in form parsing (CVE-2026-40347)"),
)


@dataclass(frozen=True, slots=True)
class Below:
    """An installed package that is too old."""

    floor: Floor
    installed: str

    def __str__(self) -> str:
        return f"{self.floor.package} {self.installed} is older than {self.floor.oldest}: {self.floor.why}"


def below() -> list[Below]:
    """The installed packages below their floor."""
    found = ((floor, version(floor.package)) for floor in FLOORS)
    return [Below(floor, installed) for floor, installed in found if Version(installed) < Version(floor.oldest)]


def check() -> None:
    """Refuse to boot on a package with known holes. Raises RuntimeError naming each."""
    if old := below():
        raise RuntimeError("; ".join(map(str, old)) + ". Install with the project's constraints.txt.")
