"""CLIP with vision transformers (ViT-B/32 and its kin), in plain torch, from a safetensors file as open_clip names it.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision". Torch is imported when a
model is loaded, never before: the package is an extra.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ml.embedding import bpe
from ml.embedding.pixels import prepared
from ml.embedding.space import BATCH, Reason, TextQuery, Unusable
from ml.planes import Bytes, Floats

if TYPE_CHECKING:
    from torch import Tensor

#: Width of an attention head up to ViT-L; the weights of larger ones do not say what theirs is.
_HEAD, _WIDEST = 64, 1024
_BLOCK: Final = r"resblocks\.\d+\.(ln_[12]\.|attn\.(in_proj_|out_proj\.)|mlp\.c_(fc|proj)\.)(weight|bias)"
#: All that a model of this kind consists of, and what some files carry beside it.
_PARTS: Final = re.compile(
    r"visual\.(class_embedding|positional_embedding|proj|conv1\.weight|ln_(pre|post)\.(weight|bias))"
    r"|positional_embedding|text_projection|token_embedding\.weight|ln_final\.(weight|bias)"
    rf"|(visual\.)?transformer\.{_BLOCK}|logit_scale|attn_mask|input_resolution|context_length|vocab_size"
)


class VitSpace:
    """A learned space. Sizes and depths are read off the weights; ``quick_gelu`` is for OpenAI's own.

    Vectors have length 1. The model computes in single precision: what else is in a batch, and how many threads there
    are, moves a vector in its last bits (``cards/clip.md`` says by how much).
    """

    metric: Final[Literal["ip"]] = "ip"

    def __init__(
        self, name: str, weights: dict[str, Tensor], vocabulary: bpe.Vocabulary, *, quick_gelu: bool = False
    ) -> None:
        self.name = name
        self._weights = weights
        self._vocabulary = vocabulary
        self._quick_gelu = quick_gelu
        grid = weights["visual.positional_embedding"].shape[0] - 1
        self._patch = weights["visual.conv1.weight"].shape[-1]
        self._side = round(grid**0.5) * self._patch
        self._context = weights["positional_embedding"].shape[0]
        if (width := weights["visual.conv1.weight"].shape[0]) > _WIDEST:
            raise ValueError(f"its width is {width}, {_WIDEST} is the most that is known")

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._weights["text_projection"].shape[1])

    def encode_images(self, pictures: Sequence[Bytes]) -> Floats:
        """(n, dim) float32 of upright sRGB pixels, each (height, width, 3)."""
        import torch

        parts = [np.zeros((0, self.dim), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(pictures), BATCH):
                pixels = np.stack([prepared(picture, self._side) for picture in pictures[start : start + BATCH]])
                parts.append(self._pictures(torch.from_numpy(pixels)).cpu().numpy())
        return np.concatenate(parts)

    def encode_text(self, text: str) -> TextQuery | None:
        """Of any words: the model has seen most. None for blanks."""
        import torch

        if not text.split():
            return None
        tokens = torch.tensor([self._vocabulary.encode(text, self._context)])
        with torch.inference_mode():
            vector = self._texts(tokens).cpu().numpy()[0]
        return TextQuery(vector, tuple(text.split()))

    def _pictures(self, pixels: Tensor) -> Tensor:
        """Unit vectors (n, dim) of (n, 3, side, side)."""
        import torch
        from torch.nn import functional as f

        at = self._weights
        patches = f.conv2d(pixels.to(at["visual.proj"].device), at["visual.conv1.weight"], stride=self._patch)
        sequence = patches.flatten(2).transpose(1, 2)
        whole = at["visual.class_embedding"].expand(len(sequence), 1, -1)
        sequence = torch.cat([whole, sequence], 1) + at["visual.positional_embedding"]
        sequence = self._transformed(self._norm(sequence, "visual.ln_pre"), "visual.transformer", causal=False)
        return f.normalize(self._norm(sequence[:, 0], "visual.ln_post") @ at["visual.proj"], dim=-1)

    def _texts(self, tokens: Tensor) -> Tensor:
        """Unit vectors (n, dim) of (n, context) tokens: of where the text ends, which has the largest number."""
        import torch
        from torch.nn import functional as f

        at = self._weights
        tokens = tokens.to(at["text_projection"].device)
        sequence = f.embedding(tokens, at["token_embedding.weight"]) + at["positional_embedding"]
        sequence = self._norm(self._transformed(sequence, "transformer", causal=True), "ln_final")
        ends = sequence[torch.arange(len(tokens)), tokens.argmax(-1)]
        return f.normalize(ends @ at["text_projection"], dim=-1)

    def _transformed(self, sequence: Tensor, tower: str, *, causal: bool) -> Tensor:
        """(n, length, width) through all blocks of a tower."""
        from torch.nn import functional as f

        at, block = self._weights, 0
        while (name := f"{tower}.resblocks.{block}") + ".ln_1.weight" in at:
            sequence = sequence + self._attended(self._norm(sequence, f"{name}.ln_1"), f"{name}.attn", causal=causal)
            hidden = self._linear(self._norm(sequence, f"{name}.ln_2"), f"{name}.mlp.c_fc")
            hidden = hidden * (1.702 * hidden).sigmoid() if self._quick_gelu else f.gelu(hidden)
            sequence = sequence + self._linear(hidden, f"{name}.mlp.c_proj")
            block += 1
        return sequence

    def _attended(self, sequence: Tensor, name: str, *, causal: bool) -> Tensor:
        from torch.nn import functional as f

        count, length, width = sequence.shape
        joined = f.linear(sequence, self._weights[f"{name}.in_proj_weight"], self._weights[f"{name}.in_proj_bias"])
        query, key, value = joined.view(count, length, 3, width // _HEAD, _HEAD).permute(2, 0, 3, 1, 4)
        mixed = f.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self._linear(mixed.transpose(1, 2).reshape(count, length, width), f"{name}.out_proj")

    def _norm(self, sequence: Tensor, name: str) -> Tensor:
        from torch.nn import functional as f

        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return f.layer_norm(sequence, weight.shape, weight, bias)

    def _linear(self, sequence: Tensor, name: str) -> Tensor:
        from torch.nn import functional as f

        return f.linear(sequence, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])


def load(name: str, weights: Path, *, device: str = "cpu", quick_gelu: bool = False) -> VitSpace:
    """A model from a safetensors file; its vocabulary is looked for beside it. Raises Unusable.

    Half-precision weights are taken as single-precision ones. A file with parts that this loader does not compute with,
    or a model wider than ViT-L, is refused: it would give vectors, but wrong ones.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise Unusable(Reason.EXTRA_MISSING, f"Learned spaces need the extra 'ml': {error}.") from error
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Unusable(Reason.DEVICE_MISSING, "No CUDA device answers here.")
    try:
        tensors = load_file(weights, device=device)
    except FileNotFoundError:
        raise Unusable(Reason.WEIGHTS_MISSING, f"There is no file {weights.name}.") from None
    except SafetensorError as error:
        raise Unusable(Reason.WEIGHTS_UNKNOWN, f"{weights.name} is no safetensors file: {error}.") from error
    if strange := next((key for key in tensors if not _PARTS.fullmatch(key)), None):
        raise Unusable(Reason.WEIGHTS_UNKNOWN, f"{weights.name} is no plain CLIP vision transformer: {strange}.")
    single = {key: tensor.float() for key, tensor in tensors.items()}
    try:
        vocabulary = bpe.load(weights, single["token_embedding.weight"].shape[0])
        space = VitSpace(name, single, vocabulary, quick_gelu=quick_gelu)
        space.encode_images([np.zeros((8, 8, 3), np.uint8)])  # what is missing or misshapen shows now, not in a job
        space.encode_text("a photo")
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise Unusable(Reason.WEIGHTS_UNKNOWN, f"{weights.name} is no CLIP vision transformer: {error}.") from error
    return space
