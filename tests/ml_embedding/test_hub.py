from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ml.embedding import hub, vit
from ml.embedding.bpe import FILENAME
from ml.embedding.space import EmbeddingSpace, Reason, Unusable
from tests.ml_embedding.weights import Shape, write
from tests.support import pictures

INSTALLED = all(find_spec(name) for name in ("torch", "torchvision", "timm", "open_clip"))
needs_extra = pytest.mark.skipif(not INSTALLED, reason="needs the extra 'ml' (EXTRAS=dev,ml)")

#: Asks twice, the second time after the import that it is for.
_PROGRAM = """
import sys
from ml.embedding.hub import ensure_torchvision
assert not {"torch", "torchvision", "timm", "open_clip"} & set(sys.modules)
first = ensure_torchvision()
import timm, torchvision
print(first, ensure_torchvision(), torchvision.extension._has_ops())
"""
#: With a finder that does not find one of the packages.
_WITHOUT = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == {missing!r} else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from ml.embedding import hub
from ml.embedding.space import Unusable
try:
    hub.load("x", Path({folder!r}))
except Unusable as refused:
    print(refused.code)
"""
#: Large enough that open_clip, which counts heads by 64, has two of them.
SHAPE = Shape(side=64, patch=16, width=128, blocks=2, text_width=128, text_blocks=2, tokens=49_408, context=77, dim=32)


def _answer(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@needs_extra
def test_torchvision_can_be_imported_beside_any_torch() -> None:
    first, second, has_operators = _answer(_PROGRAM).split()
    assert first == second
    assert {"True": "native", "False": "shimmed"}[has_operators] == first


@pytest.mark.skipif(bool(find_spec("torchvision")), reason="torchvision is installed")
def test_without_torchvision_it_is_absent() -> None:
    assert hub.ensure_torchvision() == "absent"


def _folder(folder: Path, config: object) -> Path:
    (folder / hub.CONFIG).write_text(json.dumps(config))
    (folder / hub.WEIGHTS).write_bytes(b"")
    return folder


@pytest.mark.parametrize("missing", ["torch", "torchvision", "open_clip"])
def test_without_a_package_there_is_no_space_and_no_crash(tmp_path: Path, missing: str) -> None:
    program = _WITHOUT.format(missing=missing, folder=str(_folder(tmp_path, {})))
    assert _answer(program) == "extra_missing"


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"lacks open_clip_config.json and open_clip_model.safetensors") as refused:
        hub.load("x", tmp_path)
    assert refused.value.code is Reason.WEIGHTS_MISSING


@needs_extra
@pytest.mark.parametrize("config", [{}, {"model_cfg": {"embed_dim": 8}}, []])
def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path, config: object) -> None:
    with pytest.raises(Unusable) as refused:
        hub.load("x", _folder(tmp_path, config))
    assert refused.value.code is Reason.WEIGHTS_UNKNOWN


@needs_extra
@pytest.mark.filterwarnings("ignore")
def test_open_clip_and_our_own_loader_answer_alike(tmp_path: Path) -> None:
    write(tmp_path / hub.WEIGHTS, SHAPE)
    (tmp_path / FILENAME).unlink()  # so that both read the published vocabulary, which open_clip brings along
    towers = {
        "vision_cfg": {
            "image_size": SHAPE.side, "layers": SHAPE.blocks, "width": SHAPE.width, "patch_size": SHAPE.patch,
        },
        "text_cfg": {
            "context_length": SHAPE.context, "vocab_size": SHAPE.tokens, "width": SHAPE.text_width,
            "heads": SHAPE.text_width // 64, "layers": SHAPE.text_blocks,
        },
    }  # fmt: skip
    (tmp_path / hub.CONFIG).write_text(json.dumps({"model_cfg": {"embed_dim": SHAPE.dim, **towers}}))
    theirs: EmbeddingSpace = hub.load("theirs", tmp_path)
    ours = vit.load("ours", tmp_path / hub.WEIGHTS)
    assert (theirs.name, theirs.dim, theirs.metric) == ("theirs", SHAPE.dim, "ip")
    photos = [pictures.noise(*size) for size in ((90, 60), (64, 64), (70, 200), (300, 64))]
    assert np.abs(theirs.encode_images(photos) - ours.encode_images(photos)).max() < 1e-5
    assert theirs.encode_images([]).shape == (0, SHAPE.dim)
    for text in (
        "It’s the BRIDE’s  bouquet",
        "f/1.8 & 24–70mm!!",
        "Schöne Berge 2024 ½",
        "日本の桜 😀",
        "word " * 100,
        "ﬁlm",
    ):
        one, two = theirs.encode_text(text), ours.encode_text(text)
        assert one is not None
        assert two is not None
        assert np.abs(one.vector - two.vector).max() < 1e-5
    assert theirs.encode_text(" ") is None
