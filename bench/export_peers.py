"""The two that ``bench.export`` compares, each a process: the child's function, and libvips alone making the same file.

Reads paths, one a line; answers each with an empty line when its file lies in the folder of the second argument.

    python -m bench.export_peers ours|libvips FOLDER none|screen
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyvips

from ml import profiles
from ml.exporting import still
from ml.exporting.still import Still
from ml.profiles import Space

LONG_EDGE_PX, QUALITY = 2048, 82
_WORDS: Final = {"creator": "Jana Nováková", "copyright": "© 2026 Jana Nováková"}


def web(sharpen: str) -> dict[str, Any]:
    """The plan of the preset ``web``."""
    return {
        "format": "jpeg",
        "quality": QUALITY,
        "long_edge_px": LONG_EDGE_PX,
        "sharpen": sharpen,
        "metadata": "copyright",
        "fields": _WORDS,
    }


def ours(path: str, out: Path, sharpen: str) -> None:
    """As a worker's child does it."""
    [made] = still.render(path, str(out), "ours", web(sharpen))
    assert isinstance(made, Still)


def libvips(path: str, out: Path, sharpen: str) -> None:
    """The fewest calls of libvips for the same file: its thumbnail, its sharpen, its JPEG with a profile."""
    image = pyvips.Image.thumbnail(path, LONG_EDGE_PX, height=LONG_EDGE_PX, size="down")
    if sharpen != "none":
        image = image.sharpen(sigma=0.8)
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profiles.icc(Space.SRGB))
    data = image.jpegsave_buffer(Q=QUALITY, optimize_coding=True, keep="icc")
    (out / "libvips.jpg").write_bytes(data)
    hashlib.sha256(data).hexdigest()
    zlib.crc32(data)


def main(run: Callable[[str, Path, str], None], out: Path, sharpen: str) -> None:
    """Serve until the input ends."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    for line in sys.stdin:
        run(line.rstrip("\n"), out, sharpen)
        print(flush=True)


if __name__ == "__main__":
    main({"ours": ours, "libvips": libvips}[sys.argv[1]], Path(sys.argv[2]), sys.argv[3])
