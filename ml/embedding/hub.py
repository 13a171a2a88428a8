"""The one door to open_clip and timm, for models whose architecture is theirs: SigLIP 2, MobileCLIP 2 and others.

Nothing else of ours imports them. They need the extra ``ml``, and torchvision, which beside a CPU build of torch cannot
load its own operators: stand-ins are registered first. Nothing is downloaded: a model is a folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
from PIL import Image

from ml.embedding.space import BATCH, Reason, TextQuery, Unusable
from ml.planes import Bytes, Floats

if TYPE_CHECKING:
    from torch import Tensor

Torchvision = Literal["native", "shimmed", "absent"]

#: What a folder must hold: names as the publishers of open_clip models have them.
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
#: Operators that torchvision describes to torch while it is imported, without asking whether it could load them.
_DESCRIBED: Final = ("nms", "qnms")
_BOXES: Final = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure_torchvision() -> Torchvision:
    """Make ``import torchvision`` possible, and say how; before timm or open_clip is first imported.

    native: its compiled operators load. shimmed: they do not, being built for a torch with CUDA, and the two that it
    cannot do without are declared, with nothing behind them; models do not use them. absent: it, or torch, is not
    installed.
    """
    found = find_spec("torchvision") if find_spec("torch") else None
    if found is None or found.origin is None:
        return "absent"
    import torch

    load_library = cast("Callable[[str], None]", torch.ops.load_library)
    for library in sorted(Path(found.origin).parent.glob("_C*.so")):
        with suppress(OSError, RuntimeError):
            load_library(str(library))
            return "native"
    for name in _DESCRIBED:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _BOXES)
    return "shimmed"


class HubSpace:
    """A model of open_clip, with its own way of preparing pictures. Vectors have length 1."""

    metric: Final[Literal["ip"]] = "ip"

    def __init__(
        self, name: str, model: Any, prepare: Callable[[Image.Image], Tensor], tokenize: Callable[..., Tensor] | None
    ) -> None:
        self.name = name
        self._model = model
        self._prepare = prepare
        self._tokenize = tokenize
        self._device = next(model.parameters()).device
        self.dim = len(self._batch([np.zeros((8, 8, 3), np.uint8)])[0])

    def encode_images(self, pictures: Sequence[Bytes]) -> Floats:
        """(n, dim) float32 of upright sRGB pixels, each (height, width, 3)."""
        starts = range(0, len(pictures), BATCH)
        parts = [self._batch(pictures[start : start + BATCH]) for start in starts]
        return np.concatenate([np.zeros((0, self.dim), np.float32), *parts])

    def encode_text(self, text: str) -> TextQuery | None:
        """None for blanks. Raises Unusable if the model's tokenizer is not installed."""
        import torch

        if not text.split():
            return None
        if self._tokenize is None:
            raise Unusable(Reason.TEXT_UNSUPPORTED, f"{self.name} reads words with transformers, which is missing.")
        with torch.inference_mode():
            found = self._model.encode_text(self._tokenize([text]).to(self._device), normalize=True)
        return TextQuery(found.float().cpu().numpy()[0], tuple(text.split()))

    def _batch(self, pictures: Sequence[Bytes]) -> Floats:
        import torch

        shown = torch.stack([self._prepare(Image.fromarray(picture)) for picture in pictures])
        with torch.inference_mode():
            found: Floats = self._model.encode_image(shown.to(self._device), normalize=True).float().cpu().numpy()
        return found


def load(name: str, folder: Path, *, device: str = "cpu") -> HubSpace:
    """The open_clip model in a folder (``CONFIG`` and ``WEIGHTS``). Raises Unusable."""
    if missing := [file for file in (CONFIG, WEIGHTS) if not (folder / file).is_file()]:
        raise Unusable(Reason.WEIGHTS_MISSING, f"The model's folder lacks {' and '.join(missing)}.")
    open_clip = _imported()
    try:
        model, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{folder}", device=device)
    except Exception as error:  # of many libraries: whatever it is, concept-v1 goes on
        raise Unusable(Reason.WEIGHTS_UNKNOWN, f"open_clip cannot load {name}: {error}") from error
    tokenize = None
    with suppress(ImportError, OSError, ValueError):
        tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    return HubSpace(name, model.eval(), prepare, tokenize)


def _imported() -> Any:
    """open_clip, without a network to download from. Raises Unusable."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.getLogger("timm").setLevel(logging.WARNING)
    if ensure_torchvision() == "absent":
        raise Unusable(Reason.EXTRA_MISSING, "Learned spaces need the extra 'ml': torchvision is not installed.")
    try:
        import open_clip
    except (ImportError, RuntimeError, OSError) as error:
        raise Unusable(Reason.EXTRA_MISSING, f"open_clip cannot be imported: {error}") from error
    return open_clip
