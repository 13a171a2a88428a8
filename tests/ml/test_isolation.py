"""As the worker runs it: in a child that may not fork, with its memory limited."""

from __future__ import annotations

from pathlib import Path

from tasks.child import Children
from tests.support import pictures


async def test_findings_and_refusals_cross_the_border(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(pictures.heic())
    bad.write_bytes(pictures.jpeg(pictures.noise(96, 64))[:3000])
    async with Children(1, preload=["ml.ingest"]) as children, children.slot() as child:
        found = await child.call("ml.ingest:develop", path=str(good), out=str(tmp_path), filename="a.heic", full=False)
        refused = await child.call("ml.ingest:develop", path=str(bad), out=str(tmp_path), filename="a.jpg")
    assert (found["format"], found["width"], found["height"], found["source"]) == ("heic", 96, 64, "decode")
    assert [one["kind"] for one in found["renditions"]] == ["preview", "thumbnail", "micro"]
    assert (refused["refused"], refused["byte_offset"]) == ("truncated", 3000)
    assert children.counters.spawned == 1
