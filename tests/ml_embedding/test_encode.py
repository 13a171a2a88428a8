from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import decode
from ml.embedding import concept
from ml.embedding import encode as module
from ml.embedding.encode import Encoded, NoSpace, encode
from ml.embedding.space import BATCH, Reason
from tasks.child import Children
from tests.ml_embedding.drawn import MEADOW, lamps
from tests.ml_embedding.weights import SMALL, write
from tests.support import pictures

CONCEPT = {"kind": "concept-v1"}
needs_extra = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("safetensors")), reason="needs the extra 'ml' (EXTRAS=dev,ml)"
)


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    module._loaded.clear()
    yield
    module._loaded.clear()


def _previews(folder: Path) -> list[str]:
    """A meadow, lamps at night, and a file that is cut off."""
    paths = [folder / name for name in ("meadow", "lamps", "cut")]
    for path, picture in zip(paths, (MEADOW, lamps(), MEADOW), strict=True):
        path.write_bytes(pictures.jpeg(picture))
    paths[2].write_bytes(paths[0].read_bytes()[:2000])
    return [str(path) for path in paths]


def _halves(vector: bytes | None) -> np.ndarray:
    assert vector is not None
    return np.frombuffer(vector, "<f2")


def _described(path: str) -> np.ndarray:
    with decode.opened(Path(path), "preview.jpg") as original:
        return concept.describe(decode.picture(original, 2048).image.numpy()).astype(np.float16)


def test_previews_become_concepts_of_half_precision(tmp_path: Path) -> None:
    paths = _previews(tmp_path)
    found = encode(paths, CONCEPT)
    assert isinstance(found, Encoded)
    assert (found.dim, len(found.vectors), found.vectors[2]) == (64, 3, None)
    for path, vector in zip(paths[:2], found.vectors[:2], strict=True):
        assert np.array_equal(_halves(vector), _described(path))


def test_no_preview_decodes(tmp_path: Path) -> None:
    assert encode([_previews(tmp_path)[2]], CONCEPT) == Encoded([None], 64)
    assert encode([], CONCEPT) == Encoded([], 64)


async def test_the_child_answers_as_it_is_asked(tmp_path: Path) -> None:
    paths = _previews(tmp_path)
    async with Children(1, preload=["ml.embedding.encode"]) as children, children.slot() as child:
        found = await child.call("ml.embedding.encode:encode", paths=paths, model=CONCEPT)
        missing = {"kind": "vit", "name": "x", "weights": str(tmp_path / "none.safetensors"), "sha256": None}
        refused = await child.call("ml.embedding.encode:encode", paths=paths, model=missing)
    assert set(found) == {"vectors", "dim"}
    assert [vector and len(vector) for vector in found["vectors"]] == [128, 128, None]
    assert np.array_equal(_halves(found["vectors"][1]), _described(paths[1]))
    assert refused == {"unusable": "weights_missing", "message": "There is no file none.safetensors."}
    assert children.counters.spawned == 1


def test_a_batch_has_an_end() -> None:
    with pytest.raises(ValueError, match="33 photos in one call, 32 are allowed"):
        encode(["x"] * (BATCH + 1), CONCEPT)


def test_a_kind_that_is_none() -> None:
    with pytest.raises(ValueError, match="no kind of model: magic"):
        encode([], {"kind": "magic"})


@pytest.mark.parametrize("kind", ["vit", "hub"])
def test_other_weights_than_were_pinned_are_refused(tmp_path: Path, kind: str) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"other")
    found = encode([], {"kind": kind, "name": "x", "weights": str(weights), "sha256": "0" * 64})
    assert isinstance(found, NoSpace)
    assert found.unusable is Reason.CHECKSUM_MISMATCH
    assert hashlib.sha256(b"other").hexdigest() in found.message
    assert module._loaded == []


@pytest.mark.skipif(bool(find_spec("torch")), reason="torch is installed")
def test_without_torch_there_is_an_answer_and_concepts_go_on(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"")
    found = encode([], {"kind": "vit", "name": "x", "weights": str(weights), "sha256": None})
    assert isinstance(found, NoSpace)
    assert found.unusable is Reason.EXTRA_MISSING
    assert encode([], CONCEPT) == Encoded([], 64)


@needs_extra
def test_a_learned_model_is_loaded_once_and_gives_unit_vectors(tmp_path: Path) -> None:
    from ml.embedding import vit

    weights = tmp_path / "w.safetensors"
    write(weights)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    model: dict[str, Any] = {"kind": "vit", "name": "small", "weights": str(weights), "sha256": sha256}
    paths = _previews(tmp_path)
    found = encode(paths, model)
    assert isinstance(found, Encoded)
    assert (found.dim, found.vectors[2]) == (SMALL.dim, None)
    for path, vector in zip(paths[:2], found.vectors[:2], strict=True):
        with decode.opened(Path(path), "preview.jpg") as original:
            pixels = decode.picture(original, 512).image.numpy()
        expected = vit.load("small", weights).encode_images([pixels])[0]
        assert np.abs(_halves(vector) - expected).max() < 1e-3
        assert np.linalg.norm(_halves(vector).astype(np.float64)) == pytest.approx(1, abs=2e-3)
    first = module._loaded[0].space
    encode(paths[:1], dict(model))
    assert module._loaded[0].space is first
    encode(paths[:1], CONCEPT)
    assert [loaded.wanted for loaded in module._loaded] == [CONCEPT]
