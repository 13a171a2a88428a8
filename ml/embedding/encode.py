"""What the child process of the GPU queue runs: previews in, vectors out, the model kept from call to call.

Takes and gives what MessagePack carries. A model that cannot be had is an answer (it has the key ``unusable``), since
no exception crosses the border of the child with its meaning; so is a preview that does not decode (no vector).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml import decode
from ml.embedding import hub, vit
from ml.embedding.concept import NAME, ConceptSpace
from ml.embedding.space import BATCH, EmbeddingSpace, Reason, Unusable
from ml.planes import Bytes
from ml.refusals import Refused

#: Long edge to which a preview is decoded for a learned space: twice what most of them look at.
_SHOWN_PX: Final = 512


@dataclass(frozen=True, slots=True)
class Encoded:
    """``vectors``: one a path, ``dim`` float16, little-endian; None where the preview gives no picture."""

    vectors: list[bytes | None]
    dim: int


@dataclass(frozen=True, slots=True)
class NoSpace:
    """Why there is no such space here: a ``ml.embedding.space.Reason``, and a sentence for a person."""

    unusable: Reason
    message: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    wanted: dict[str, Any]
    space: EmbeddingSpace


_loaded: list[_Loaded] = []


def encode(paths: Sequence[str], model: dict[str, Any]) -> Encoded | NoSpace:
    """The vectors of previews (any format that ``ml.decode`` reads), ``BATCH`` at most.

    ``model``: ``{"kind": "concept-v1"}``; or ``"vit"`` with ``name``, ``weights`` (a safetensors file, its vocabulary
    beside it) and ``sha256`` (hexadecimal; None: not checked), perhaps ``quick_gelu``; or ``"hub"`` with ``name``,
    ``weights`` (the file in its folder) and ``sha256``. ``device``: ``"cpu"`` unless told, or ``"cuda"``. Raises
    ValueError for another kind or too many paths, OSError where a preview is not there.
    """
    if len(paths) > BATCH:
        raise ValueError(f"{len(paths)} photos in one call, {BATCH} are allowed")
    try:
        space = _space(model)
    except Unusable as error:
        return NoSpace(error.code, str(error))
    pictures = [_picture(path, _decode_px(model)) for path in paths]
    shown = [picture for picture in pictures if picture is not None]
    found = iter(space.encode_images(shown).astype("<f2"))
    vectors = [None if picture is None else next(found).tobytes() for picture in pictures]
    return Encoded(vectors, space.dim)


def _decode_px(model: dict[str, Any]) -> int:
    """The long edge to which previews are decoded: as they are for concepts, whose detectors look at detail."""
    return 2048 if model["kind"] == NAME else _SHOWN_PX


def _space(model: dict[str, Any]) -> EmbeddingSpace:
    """The model loaded last, if it is this one; two do not fit every card."""
    if not _loaded or _loaded[0].wanted != model:
        _loaded.clear()
        _loaded.append(_Loaded(model, _load(model)))
    return _loaded[0].space


def _load(model: dict[str, Any]) -> EmbeddingSpace:
    kind, device = model["kind"], model.get("device", "cpu")
    if kind == NAME:
        return ConceptSpace()
    if kind not in ("vit", "hub"):
        raise ValueError(f"no kind of model: {kind}")
    weights = Path(model["weights"])
    _check(weights, model["sha256"])
    if kind == "hub":
        return hub.load(model["name"], weights.parent, device=device)
    return vit.load(model["name"], weights, device=device, quick_gelu=model.get("quick_gelu", False))


def _check(weights: Path, expected: str | None) -> None:
    """Raises Unusable unless the file is there and is what was pinned."""
    if not weights.is_file():
        raise Unusable(Reason.WEIGHTS_MISSING, f"There is no file {weights.name}.")
    if expected is None:
        return
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise Unusable(Reason.CHECKSUM_MISMATCH, f"{weights.name} has SHA-256 {found}, not {expected}.")


def _picture(path: str, max_px: int) -> Bytes | None:
    try:
        with decode.opened(Path(path), Path(path).name) as original:
            pixels: Bytes = decode.picture(original, max_px).image.numpy()
            return pixels
    except Refused:
        return None
