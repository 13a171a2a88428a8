from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ml.embedding import bpe, vit
from ml.embedding.pixels import prepared
from ml.embedding.space import EmbeddingSpace, Reason, Unusable
from tests.ml_embedding.weights import SMALL, VIT_B_32, Shape, vocabulary, write
from tests.support import pictures

torch = pytest.importorskip("torch", reason="needs the extra 'ml' (EXTRAS=dev,ml)")
pytest.importorskip("safetensors", reason="needs the extra 'ml' (EXTRAS=dev,ml)")

TEXTS = ["a cat", "it's the bride, f/1.8", "ein Berg im Schnee", "日本", "word " * 60]
PHOTOS = [pictures.noise(*size) for size in ((90, 60), (64, 64), (70, 200), (300, 64), (65, 66))]
DEEP = Shape(side=96, patch=32, width=192, blocks=3, text_width=64, text_blocks=1, tokens=700, context=9, dim=48)


@pytest.mark.parametrize("shape", [SMALL, DEEP])
@pytest.mark.parametrize("seed", [1, 2])
def test_both_towers_compute_what_torchs_own_layers_do(tmp_path: Path, shape: Shape, seed: int) -> None:
    from tests.ml_embedding import reference

    tensors = write(tmp_path / "w.safetensors", shape, seed)
    space: EmbeddingSpace = vit.load("small", tmp_path / "w.safetensors")
    assert (space.name, space.dim, space.metric) == ("small", shape.dim, "ip")
    pixels = np.stack([prepared(photo, shape.side) for photo in PHOTOS])
    assert np.abs(space.encode_images(PHOTOS) - reference.pictures(tensors, pixels)).max() < 1e-5
    words = bpe.load(tmp_path / "w.safetensors", shape.tokens)
    expected = reference.texts(tensors, [words.encode(text, shape.context) for text in TEXTS])
    for text, vector in zip(TEXTS, expected, strict=True):
        query = space.encode_text(text)
        assert query is not None
        assert np.abs(query.vector - vector).max() < 1e-5
        assert (query.understood, query.ignored) == (tuple(text.split()), ())


def test_vit_b_32_at_its_true_size(tmp_path: Path) -> None:
    from tests.ml_embedding import reference

    weights = tmp_path / "w.safetensors"
    tensors = write(weights, VIT_B_32)
    assert sum(tensor.numel() for tensor in tensors.values()) == 151_277_313
    space = vit.load("ViT-B/32", weights)
    photos = [pictures.noise(640, 427), pictures.noise(300, 400)]
    pixels = np.stack([prepared(photo, 224) for photo in photos])
    found = space.encode_images(photos)
    assert found.shape == (2, 512)
    assert np.abs(found - reference.pictures(tensors, pixels)).max() < 1e-5
    tokens = bpe.load(weights, 49_408).encode("two people on a beach", 77)
    query = space.encode_text("two people on a beach")
    assert query is not None
    assert np.abs(query.vector - reference.texts(tensors, [tokens])[0]).max() < 1e-5


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> vit.VitSpace:
    weights = tmp_path_factory.mktemp("small") / "w.safetensors"
    write(weights)
    return vit.load("small", weights)


def test_vectors_have_length_1_in_single_precision(small: vit.VitSpace) -> None:
    found = small.encode_images(PHOTOS)
    assert (found.dtype, found.shape) == (np.float32, (5, SMALL.dim))
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    query = small.encode_text("a cat")
    assert query is not None
    assert query.vector.dtype == np.float32
    assert np.linalg.norm(query.vector) == pytest.approx(1, abs=1e-6)


def test_the_batch_moves_a_vector_in_its_last_bits_only(small: vit.VitSpace) -> None:
    many = [pictures.noise(80, 64 + number) for number in range(40)]
    together = small.encode_images(many)
    alone = np.concatenate([small.encode_images([one]) for one in many])
    assert np.abs(together - alone).max() < 2e-6
    assert np.abs(small.encode_images(many[::-1])[::-1] - together).max() < 2e-6


def test_nothing_is_answered_with_nothing(small: vit.VitSpace) -> None:
    assert small.encode_images([]).shape == (0, SMALL.dim)
    assert small.encode_text("  \n") is None


def test_quick_gelu_is_another_function(tmp_path: Path, small: vit.VitSpace) -> None:
    write(tmp_path / "w.safetensors")
    quick = vit.load("small", tmp_path / "w.safetensors", quick_gelu=True)
    apart = np.abs(quick.encode_images(PHOTOS) - small.encode_images(PHOTOS)).max()
    assert 1e-5 < apart < 0.1


def test_half_precision_weights_are_taken(tmp_path: Path, small: vit.VitSpace) -> None:
    from safetensors.torch import save_file

    tensors = write(tmp_path / "w.safetensors")
    save_file({name: tensor.half() for name, tensor in tensors.items()}, tmp_path / "w.safetensors")
    half = vit.load("half", tmp_path / "w.safetensors")
    assert np.abs(half.encode_images(PHOTOS) - small.encode_images(PHOTOS)).max() < 2e-3


def _refused(weights: Path, device: str = "cpu") -> Reason:
    with pytest.raises(Unusable) as refused:
        vit.load("w", weights, device=device)
    return refused.value.code


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    weights = tmp_path / "w.safetensors"
    assert _refused(weights) is Reason.WEIGHTS_MISSING
    tensors = write(weights)
    weights.write_bytes(weights.read_bytes()[:-100])
    assert _refused(weights) is Reason.WEIGHTS_UNKNOWN
    for name in ("visual.proj", "token_embedding.weight", "transformer.resblocks.1.mlp.c_fc.bias"):
        save_file({key: tensor for key, tensor in tensors.items() if key != name}, weights)
        assert _refused(weights) is Reason.WEIGHTS_UNKNOWN


def test_a_model_of_another_make_is_refused(tmp_path: Path) -> None:
    """It has all that is looked for, and more: its vectors would be wrong."""
    from safetensors.torch import save_file

    weights = tmp_path / "w.safetensors"
    tensors = write(weights)
    for name in ("visual.transformer.resblocks.0.ls_1.gamma", "logit_bias", "visual.attn_pool.query"):
        save_file(tensors | {name: torch.zeros(1)}, weights)
        assert _refused(weights) is Reason.WEIGHTS_UNKNOWN
    write(weights, dataclasses.replace(SMALL, width=1280, blocks=1))
    assert _refused(weights) is Reason.WEIGHTS_UNKNOWN


def test_a_vocabulary_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "w.safetensors")
    vocabulary(tmp_path, SMALL.tokens - 515)
    assert _refused(tmp_path / "w.safetensors") is Reason.VOCABULARY_MISSING


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "w.safetensors")
    assert _refused(tmp_path / "w.safetensors", "cuda") is Reason.DEVICE_MISSING
