"""CLIP models with random weights, named and shaped as open_clip's, and a made-up vocabulary beside them."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.embedding.bpe import FILENAME


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the two towers: pixels, widths, blocks, tokens."""

    side: int = 64
    patch: int = 16
    width: int = 128
    blocks: int = 2
    text_width: int = 128
    text_blocks: int = 2
    tokens: int = 600
    context: int = 20
    dim: int = 32


SMALL = Shape()
VIT_B_32 = Shape(224, 32, 768, 12, 512, 12, 49_408, 77, 512)


def write(path: Path, shape: Shape = SMALL, seed: int = 1) -> dict[str, Any]:
    """The weights in a safetensors file, and as tensors by name; with a vocabulary beside the file."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    # drawn once, then read from place to place: a hundred million numbers take seconds
    pool = torch.randn(1_000_003, generator=generator)

    def drawn(*size: int, around: float = 0.0) -> torch.Tensor:
        spread = 0.1 if len(size) == 1 else (size[-1] if len(size) == 2 else size[1] * size[2] * size[3]) ** -0.5
        count, start = math.prod(size), int(torch.randint(len(pool) // 2, (1,), generator=generator))
        times = -(-(start + count) // len(pool))
        found = pool if times == 1 else pool.repeat(times)
        return found[start : start + count].reshape(size) * spread + around

    tensors: dict[str, torch.Tensor] = {
        "visual.class_embedding": drawn(shape.width),
        "visual.conv1.weight": drawn(shape.width, 3, shape.patch, shape.patch),
        "visual.positional_embedding": drawn((shape.side // shape.patch) ** 2 + 1, shape.width),
        "visual.proj": drawn(shape.width, shape.dim),
        "token_embedding.weight": drawn(shape.tokens, shape.text_width),
        "positional_embedding": drawn(shape.context, shape.text_width),
        "text_projection": drawn(shape.text_width, shape.dim),
        "logit_scale": torch.tensor(4.6),
    }
    for name, width in (
        ("visual.ln_pre", shape.width),
        ("visual.ln_post", shape.width),
        ("ln_final", shape.text_width),
    ):
        tensors |= {f"{name}.weight": drawn(width, around=1.0), f"{name}.bias": drawn(width)}
    for tower, width, blocks in (
        ("visual.transformer", shape.width, shape.blocks),
        ("transformer", shape.text_width, shape.text_blocks),
    ):
        for name in (f"{tower}.resblocks.{block}" for block in range(blocks)):
            tensors |= {f"{name}.{norm}.weight": drawn(width, around=1.0) for norm in ("ln_1", "ln_2")}
            tensors |= {f"{name}.{norm}.bias": drawn(width) for norm in ("ln_1", "ln_2")}
            for part, rows, columns in (
                ("attn.in_proj_", 3 * width, width),
                ("attn.out_proj.", width, width),
                ("mlp.c_fc.", 4 * width, width),
                ("mlp.c_proj.", width, 4 * width),
            ):
                tensors |= {f"{name}.{part}weight": drawn(rows, columns), f"{name}.{part}bias": drawn(rows)}
    save_file(tensors, path)
    vocabulary(path.parent, shape.tokens - 514)
    return tensors


def vocabulary(folder: Path, merges: int) -> None:
    """So many merges in the file that models have: of each letter with each, then of what came of that with each."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    first = list(letters)
    lines = ['"a made-up vocabulary"']
    for start in first:
        for letter in letters:
            lines += [f"{start} {letter}", f"{start} {letter}</w>"]
            first.append(start + letter)
        if len(lines) > merges:
            break
    text = "\n".join([*lines[: merges + 1], ""])
    (folder / FILENAME).write_bytes(gzip.compress(text.encode(), mtime=0))
