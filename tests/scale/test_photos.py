"""The sample shoot through the whole stack and into a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilo_gql.sample_shoot import render
from tests.scale.photos import import_into_bucket

pytestmark = pytest.mark.scale


async def test_a_shoot_goes_into_a_bucket(tmp_path: Path) -> None:
    render(tmp_path / "sample", 400)
    (tmp_path / "home").mkdir()
    found = await import_into_bucket(tmp_path / "home", tmp_path / "sample")
    assert (found.violations, found.check_code) == ([], 0)
    assert (len(found.summary["quarantined"]), found.exit_code) == (2, 1)
    # 36 photos with an original and three renditions, a sidecar, two originals in quarantine
    assert found.objects == 36 * 4 + 1 + 2
