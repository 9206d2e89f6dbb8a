"""Token grids of attention layers, and masks on them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.errors import UnsupportedModel

Grid = tuple[int, int]  # (rows, columns)
SUBJECT_COVERAGE = 0.15  # share of a token's area from which on it belongs to the subject (ours)
SURROUNDINGS = (
    1 / 16
)  # of a grid's side: how far around a subject its scene is kept, which it is told apart from (ours)


def token_grid(tokens: int, latent_size: tuple[int, int]) -> Grid:
    """Find a layer's (rows, columns) from its token count and the latents' (height, width).

    Each downsampling halves the latents and rounds up. Raises UnsupportedModel if no number of halvings fits.
    """
    height, width = latent_size
    while height * width > tokens:
        height, width = -(-height // 2), -(-width // 2)
    if height * width != tokens:
        raise UnsupportedModel(
            f"{tokens} tokens do not form a halved grid of {latent_size[0]}x{latent_size[1]} latents."
        )
    return height, width


def token_mask(mask: np.ndarray, grid: Grid, coverage: float = SUBJECT_COVERAGE) -> Tensor:
    """Mark the tokens of a grid that belong to the subject (ours). Returns (rows * columns,) bool.

    A token belongs to the subject if ``mask``, (H, W) bool, covers more than ``coverage`` of its area. The token that
    is covered most always belongs, so that a small subject is never lost.
    """
    pixels = torch.as_tensor(np.ascontiguousarray(mask), dtype=torch.float32)[None, None]
    share = F.interpolate(pixels, size=grid, mode="area").flatten()
    return share > min(coverage, max(float(share.max()) * 0.999, 0.0))


def surround(tokens: Tensor, grid: Grid) -> Tensor:
    """Grow a token mask (rows * columns,) bool in all eight directions, by `SURROUNDINGS` of the grid's side and at least one token."""
    reach = max(round(SURROUNDINGS * (grid[0] * grid[1]) ** 0.5), 1)
    picture = tokens.view(1, 1, *grid).float()
    return F.max_pool2d(picture, 2 * reach + 1, stride=1, padding=reach).flatten() > 0
