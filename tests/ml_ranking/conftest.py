from __future__ import annotations

import os

import numpy as np
import pytest


@pytest.fixture
def random() -> np.random.Generator:
    """KILO_SEED repeats a run: a failing test prints its seed."""
    seed = int(os.environ.get("KILO_SEED", np.random.SeedSequence().entropy % 2**32))
    print(f"KILO_SEED={seed}")  # noqa: T201 - shown when it fails
    return np.random.default_rng(seed)
