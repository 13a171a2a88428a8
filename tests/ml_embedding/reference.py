"""The same CLIP put together from torch's own layers: another formulation of what ``ml.embedding.vit`` computes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml.planes import Floats


def pictures(tensors: dict[str, Tensor], pixels: Floats) -> Floats:
    """Unit vectors of prepared pixels (n, 3, side, side)."""
    kernel = tensors["visual.conv1.weight"]
    width, _, patch, _ = kernel.shape
    count, _, side, _ = pixels.shape
    grid = side // patch
    # cut by hand and multiplied, in place of a convolution
    cut = torch.from_numpy(pixels).reshape(count, 3, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5)
    patches = cut.reshape(count, grid * grid, -1) @ kernel.reshape(width, -1).T
    first = tensors["visual.class_embedding"].repeat(count, 1, 1)
    sequence = torch.cat([first, patches], dim=1) + tensors["visual.positional_embedding"]
    sequence = _norm(tensors, "visual.ln_pre", width)(sequence)
    sequence = _tower(tensors, "visual.transformer", width)(sequence)
    pooled = _norm(tensors, "visual.ln_post", width)(sequence[:, 0])
    return _unit(pooled @ tensors["visual.proj"])


def texts(tensors: dict[str, Tensor], tokens: list[list[int]]) -> Floats:
    """Unit vectors of tokens (n, context), zeros behind the end."""
    table = tensors["token_embedding.weight"]
    width, length = table.shape[1], len(tokens[0])
    sequence = table[torch.tensor(tokens)] + tensors["positional_embedding"]
    ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
    sequence = _norm(tensors, "ln_final", width)(_tower(tensors, "transformer", width)(sequence, mask=ahead))
    end = [row.index(len(table) - 1) for row in tokens]
    return _unit(torch.stack([sequence[row, at] for row, at in enumerate(end)]) @ tensors["text_projection"])


def _tower(tensors: dict[str, Tensor], prefix: str, width: int) -> nn.TransformerEncoder:
    blocks = len({name.split(".resblocks.")[1].split(".")[0] for name in tensors if name.startswith(f"{prefix}.resb")})
    with torch.device("meta"):  # nothing is drawn that would be replaced at once
        layer = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )
        tower = nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)
    names = {
        "self_attn.in_proj_": "attn.in_proj_", "self_attn.out_proj.": "attn.out_proj.", "linear1.": "mlp.c_fc.",
        "linear2.": "mlp.c_proj.", "norm1.": "ln_1.", "norm2.": "ln_2.",
    }  # fmt: skip
    tower.load_state_dict(
        {
            f"layers.{block}.{ours}{part}": tensors[f"{prefix}.resblocks.{block}.{theirs}{part}"]
            for block in range(blocks)
            for ours, theirs in names.items()
            for part in ("weight", "bias")
        },
        assign=True,
    )
    return tower.train()  # in training (without dropout) torch takes no shortcut through a fused kernel


def _norm(tensors: dict[str, Tensor], name: str, width: int) -> nn.LayerNorm:
    norm = nn.LayerNorm(width)
    norm.load_state_dict({part: tensors[f"{name}.{part}"] for part in ("weight", "bias")})
    return norm


def _unit(vectors: Tensor) -> Floats:
    found: Floats = (vectors / vectors.square().sum(-1, keepdim=True).sqrt()).detach().numpy()
    return found
