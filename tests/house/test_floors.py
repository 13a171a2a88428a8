"""Packages with known holes are refused at boot."""

from __future__ import annotations

import pytest

from kilo_gql import floors


def test_what_is_installed_is_above_its_floor() -> None:
    assert floors.below() == []


@pytest.mark.parametrize(
    ("installed", "refused"), [("12.9.9", True), ("13.0.0", False), ("13.0", False), ("13.0.1rc1", False)]
)
def test_an_old_one_is_refused(monkeypatch: pytest.MonkeyPatch, installed: str, refused: bool) -> None:
    real = floors.version
    monkeypatch.setattr(floors, "version", lambda name: installed if name == "pillow" else real(name))
    if refused:
        with pytest.raises(RuntimeError, match=r"pillow 12\.9\.9 is older than 13\.0\.0"):
            floors.check()
    else:
        floors.check()
