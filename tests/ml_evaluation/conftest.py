"""A folder of drawn photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kilo_gql.sample_scenes import lake, meadow, street, table

SIZE = (420, 280)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos, one of them in a folder of its own, one too small and one that is none."""
    made = tmp_path_factory.mktemp("photos")
    (made / "more").mkdir()
    scenes = [draw(*SIZE, seed) for seed in range(3) for draw in (lake, street, meadow)]
    for n, light in enumerate([*scenes, table(*SIZE, 0.5)]):
        pixels = (np.clip(light, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(made / ("more" if n == 9 else ".") / f"{n:02d}.jpg", quality=92)
    Image.new("RGB", (400, 200), "grey").save(made / "small.png")
    (made / "broken.jpg").write_bytes(b"\xff\xd8 nothing more")
    return made
