"""A peer of ``bench.ingest``: libvips alone, one thread, making of a JPEG the two renditions that a cull needs.

Reads paths, one a line; answers each with an empty line when its renditions lie in the folder of its argument. They
are encoded as ``ml.renditions`` does, so the pixels cost the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyvips

from ml.renditions import PREVIEW_PX, THUMBNAIL_PX


def main(out: Path) -> None:
    """Serve until the input ends."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    for line in sys.stdin:
        preview = pyvips.Image.thumbnail(line.rstrip("\n"), PREVIEW_PX, height=PREVIEW_PX, size="down").copy_memory()
        preview.jpegsave(str(out / "preview.jpg"), Q=85, keep="none", interlace=False, optimize_coding=False)
        thumbnail = preview.thumbnail_image(THUMBNAIL_PX, height=THUMBNAIL_PX, size="down")
        thumbnail.webpsave(str(out / "thumbnail.webp"), Q=78, effort=2, keep="none")
        print(flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
