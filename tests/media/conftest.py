from __future__ import annotations

from tests.behaviour.conftest import api, clock, door, floor, make

__all__ = ["api", "clock", "door", "floor", "make"]
