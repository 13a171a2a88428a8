"""The models KILO knows: where their files are, what they must hash to, and under which licence they come.

None of them comes with KILO. Where a file's SHA-256 is not known here, the first installation takes what the pinned
revision gives and pins its hash in the manifest; where not even a revision is pinned, only ``kilo models add`` installs
it, from a file that its owner vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from kilo_gql.errors import NotFound


class ModelKind(StrEnum):
    """What a model is for; one model of a kind is in use at a time."""

    FACE_DETECTOR = "face_detector"
    FACE_LANDMARKS = "face_landmarks"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """``url`` None: to be brought by hand. ``sha256`` (hexadecimal) None: pinned when it is first installed."""

    name: str
    url: str | None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """``files``: the first one is the model itself. ``licence``: an SPDX id, or a name where SPDX has none.

    ``loader``: how an embedding is loaded (see ``ml.embedding.encode``), with ``architecture`` for the hub's;
    ``dim``: length of its vectors.
    """

    name: str
    kind: ModelKind
    title: str
    files: tuple[ModelFile, ...]
    revision: str | None
    licence: str
    licence_url: str
    research_only: bool = False
    loader: str | None = None
    architecture: str | None = None
    dim: int | None = None

    @property
    def pullable(self) -> bool:
        return self.revision is not None and all(file.url is not None for file in self.files)


_HUB: Final = "https://huggingface.co"
_VOCABULARY: Final = ModelFile(
    "bpe_simple_vocab_16e6.txt.gz",
    "https://raw.githubusercontent.com/openai/CLIP/main/clip/bpe_simple_vocab_16e6.txt.gz",
    "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
)

#: What the hub's loader asks for, under the names that open_clip publishes them by.
_BY_HAND: Final = (ModelFile("open_clip_model.safetensors", None), ModelFile("open_clip_config.json", None))


def _open_clip(name: str, title: str, repository: str, revision: str) -> Model:
    weights = f"{_HUB}/{repository}/resolve/{revision}/open_clip_model.safetensors"
    return Model(
        name=name,
        kind=ModelKind.EMBEDDING,
        title=title,
        files=(ModelFile("open_clip_model.safetensors", weights), _VOCABULARY),
        revision=revision,
        licence="MIT",
        licence_url=f"{_HUB}/{repository}",
        loader="vit",
        dim=512,
    )


_ALL: Final = (
    Model(
        name="yunet",
        kind=ModelKind.FACE_DETECTOR,
        title="YuNet: faces and five landmarks",
        files=(
            ModelFile(
                "yunet_n_dynamic.onnx",
                "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
                "02246e79b1e976c83d1e135a85e0628120c93769/onnx/yunet_n_dynamic.onnx",
                "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
            ),
        ),
        revision="02246e79b1e976c83d1e135a85e0628120c93769",
        licence="Apache-2.0",
        licence_url="https://github.com/ShiqiYu/libfacedetection.train/blob/master/LICENSE",
    ),
    Model(
        name="face-landmarker",
        kind=ModelKind.FACE_LANDMARKS,
        title="MediaPipe Face Landmarker: eyes, open or closed",
        files=(
            ModelFile(
                "face_landmarker.task",
                "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                "face_landmarker.task",
                "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            ),
        ),
        revision="float16/1",
        licence="Apache-2.0",
        licence_url="https://github.com/google-ai-edge/mediapipe/blob/master/LICENSE",
    ),
    _open_clip(
        "openclip-vit-b-32-datacomp",
        "OpenCLIP ViT-B/32, DataComp-XL: the one to take on a CPU",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        "f0e2ffa09cbadab3db6a261ec1ec56407ce42912",
    ),
    _open_clip(
        "openclip-vit-b-32-laion2b",
        "OpenCLIP ViT-B/32, LAION-2B: better at finding, worse at classes",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "08f73555f1b2fb7c82058aebbd492887a94968ef",
    ),
    Model(
        name="siglip2-vit-b-16",
        kind=ModelKind.EMBEDDING,
        title="SigLIP2 ViT-B/16: many languages, for a GPU",
        files=_BY_HAND,
        revision=None,
        licence="Apache-2.0",
        licence_url="https://huggingface.co/timm/ViT-B-16-SigLIP2",
        loader="hub",
        architecture="ViT-B-16-SigLIP2",
        dim=768,
    ),
    Model(
        name="mobileclip2-s0",
        kind=ModelKind.EMBEDDING,
        title="MobileCLIP2-S0: small; for research alone",
        files=_BY_HAND,
        revision=None,
        licence="apple-amlr",
        licence_url="https://huggingface.co/apple/MobileCLIP2-S0",
        research_only=True,
        loader="hub",
        architecture="MobileCLIP2-S0",
        dim=512,
    ),
)

CATALOGUE: Mapping[str, Model] = MappingProxyType({model.name: model for model in _ALL})


def find(name: str) -> Model:
    """Raises NotFound for a name that is not in the catalogue."""
    if name not in CATALOGUE:
        known = ", ".join(sorted(CATALOGUE))
        raise NotFound(f"There is no model {name}.", code="model_unknown", remediation=[f"Known are: {known}."])
    return CATALOGUE[name]
