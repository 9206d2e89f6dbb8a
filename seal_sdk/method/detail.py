"""Detail transfer (ours): the reference's latents, put where its tokens were matched, steer what the image is going to be.

Infusion works on tokens of several latents each; within one the model paints what it likes. The matches also say which
of the reference's latents belong there.
"""

from __future__ import annotations

import torch
from torch import Tensor

Grid = tuple[int, int]


def place_latents(
    reference: Tensor, targets: Tensor, sources: Tensor, grid: Grid, source_grid: Grid, size: Grid
) -> tuple[Tensor, Tensor]:
    """The reference's latents on the image's: each matched token's cells take those of its match.

    reference: (1, C, H, W) clean latents. targets, sources: (Nt,) tokens of the image and their matches in the reference,
    on grids of (rows, columns). size: (h, w) of the image's latents.
    Returns (1, C, h, w), zero where nothing was matched, and (1, 1, h, w): 1 where something was.
    """
    match = torch.full((grid[0] * grid[1],), -1, device=reference.device)
    match[targets] = sources
    (rows, below), (columns, right) = (_cells(size[axis], grid[axis], reference.device) for axis in (0, 1))
    source = match[rows[:, None] * grid[1] + columns]  # (h, w)
    y = _source_cell(
        source.clamp(min=0) // source_grid[1], below[:, None], size[0], reference.shape[-2], source_grid[0]
    )
    x = _source_cell(source.clamp(min=0) % source_grid[1], right, size[1], reference.shape[-1], source_grid[1])
    covered = (source >= 0).to(reference.dtype)[None, None]
    return reference[:, :, y, x] * covered, covered


def _cells(cells: int, tokens: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of each cell along an axis: its token, and how far into it the cell is, in 1/cells of a token."""
    scaled = torch.arange(cells, device=device) * tokens
    return scaled // cells, scaled % cells


def _source_cell(token: Tensor, offset: Tensor, cells: int, source_cells: int, source_tokens: int) -> Tensor:
    return (token * cells + offset) * source_cells // (source_tokens * cells)


def mean_shift(latents: Tensor, region: Tensor, reference: Tensor, subject: Tensor) -> Tensor:
    """(1, C, 1, 1): from the mean of (1, C, h, w) latents over a region to the reference's over its subject.

    region, subject: (1, 1, h, w), how much of each cell belongs, from 0 to 1. Zero where either is empty.
    """
    if not region.any() or not subject.any():
        return latents.new_zeros(1, latents.shape[1], 1, 1)
    return region_mean(reference, subject) - region_mean(latents, region)


def region_mean(latents: Tensor, region: Tensor) -> Tensor:
    """(1, C, 1, 1): the mean of (1, C, h, w) latents over a region, (1, 1, h, w) in [0, 1]; zero where that is empty."""
    return (latents * region).sum((-2, -1), keepdim=True) / region.sum().clamp(min=1e-6)


def steer(prediction: Tensor, change: Tensor, level: float, kind: str) -> Tensor:
    """The UNet's prediction (B, C, h, w) that stands for clean latents changed by ``change``, at alpha_bar ``level`` < 1.

    kind: diffusers' prediction type: "epsilon", "v_prediction" or "sample".
    """
    if kind == "sample":
        return prediction + change
    noise = (1 - level) ** 0.5
    return prediction - change * ((level**0.5 if kind == "epsilon" else 1.0) / noise)


def clean(prediction: Tensor, noisy: Tensor, level: float, kind: str) -> Tensor:
    """The clean latents that a prediction stands for; noisy: the UNet's input, (B, C, h, w) both."""
    if kind == "sample":
        return prediction
    signal, noise = level**0.5, (1 - level) ** 0.5
    return (noisy - noise * prediction) / signal if kind == "epsilon" else signal * noisy - noise * prediction
