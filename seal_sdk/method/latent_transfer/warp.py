"""Warp field: where in the reference each latent of the image comes from. Ours.

A token covers several latents, so token matches are refined. If neighbouring tokens match neighbours, the latents between
them are interpolated between their matches, and turned and scaled with them.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.token_masks import Grid

MAX_DISTANCE = (
    2.0  # of the larger tokens; matches of neighbours that are further apart belong to different parts (ours)
)


def subtoken_argmax(similarity: Tensor, sources: Tensor, grid: Grid) -> Tensor:
    """The best source of each target to fractions of a token: (Nt, 2), row and column.

    similarity: (Nt, Nk) with the tokens ``sources``, (Nk,), of a (rows, columns) grid. Along each axis, the peak of the
    parabola through the best source and its two neighbours is taken. If a neighbour is missing, it is the source itself.
    """
    index = torch.full((grid[0] + 2, grid[1] + 2), -1, device=sources.device)
    index[sources // grid[1] + 1, sources % grid[1] + 1] = torch.arange(len(sources), device=sources.device)
    best = sources[similarity.argmax(-1)]
    row, column, number = best // grid[1], best % grid[1], torch.arange(len(best), device=best.device)

    def at(down: int, right: int) -> Tensor:
        source = index[row + 1 + down, column + 1 + right]
        return torch.where(source < 0, float("nan"), similarity[number, source])

    offsets = [_parabola_peak(at(-1, 0), at(0, 0), at(1, 0)), _parabola_peak(at(0, -1), at(0, 0), at(0, 1))]
    return torch.stack([row, column], -1) + torch.stack(offsets, -1)


def _parabola_peak(before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
    offset = 0.5 * (before - after) / (before + after - 2 * middle)
    return torch.where(offset.isfinite(), offset.clamp(-0.5, 0.5), 0.0)


def interpolate_warp(
    positions: Tensor, targets: Tensor, grid: Grid, size: tuple[int, int], steps: Tensor | None = None
) -> Tensor:
    """Interpolate matches of tokens to a warp field of latents, bilinearly.

    A neighbour without a match, or whose match lies in another part, is replaced by an extrapolation: one token of the
    image beside the token's own match, on the other side if the match is mirrored.

    Args:
        positions: (Nt, 2), row and column of each match, in tokens of the reference's grid.
        targets: (Nt,), the matched tokens of the image.
        grid: (rows, columns) of the image's tokens.
        size: (h, w) of the image's latents.
        steps: (Nt, 2), rows and columns of the reference's grid that one token of the image spans at each match, columns
            negative where the reference is mirrored; None for 1.

    Returns:
        (h, w, 2), rows and columns in tokens of the reference's grid; NaN where the token has no match.
    """
    field = positions.new_full((grid[0] * grid[1], 2), float("nan"))
    field[targets] = positions
    field = F.pad(field.view(*grid, 2).permute(2, 0, 1), (1, 1, 1, 1), value=float("nan")).permute(1, 2, 0)
    row, down = _nearest(size[0], grid[0], positions)
    column, right = _nearest(size[1], grid[1], positions)
    own = field[row[:, None] + 1, column + 1]
    spans = positions.new_ones(grid[0] * grid[1], 2)
    if steps is not None:
        spans[targets] = steps.to(spans)
    span = spans.view(*grid, 2)[row[:, None], column]
    farthest = MAX_DISTANCE * span[..., :1].clamp(min=1.0)
    warp = torch.zeros_like(own)
    for beside, below in product((0, 1), repeat=2):
        step_down, step_right = (below * down.sign()).long(), (beside * right.sign()).long()
        found = field[(row + step_down)[:, None] + 1, column + step_right + 1]
        step = torch.stack([span[..., 0] * step_down[:, None], span[..., 1] * step_right], -1)
        near = (found - own).norm(dim=-1, keepdim=True) < farthest  # False for NaN
        weight = _bilinear_weight(down, below)[:, None] * _bilinear_weight(right, beside)
        warp = warp + weight[..., None] * torch.where(near, found, own + step)
    return warp


def _nearest(cells: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """For each cell along an axis: the token it lies in, and the offset from that token's middle, in tokens."""
    at = (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * tokens / cells - 0.5
    token = (at + 0.5).floor().clamp(0, tokens - 1)
    return token.long(), at - token


def _bilinear_weight(offset: Tensor, neighbour: int) -> Tensor:
    return offset.abs() if neighbour else 1 - offset.abs()


def warp_latents(latents: Tensor, warp: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Sample reference latents (1, C, H, W) at a warp field, bilinearly.

    warp: (h, w, 2), rows and columns on the reference's (rows, columns) token grid, or NaN (`interpolate_warp`).
    Returns the warped latents (1, C, h, w), and a mask (1, 1, h, w) of 0 and 1. Both are 0 where the field is NaN.
    """
    covered = warp.isfinite().all(-1)
    sides = torch.tensor(grid, device=warp.device, dtype=warp.dtype)
    points = (2 * (warp + 0.5) / sides - 1).flip(-1).nan_to_num()[None]  # grid_sample takes x, y in [-1, 1]
    sampled = F.grid_sample(latents.to(warp.dtype), points, padding_mode="border", align_corners=False)
    mask = covered.to(latents.dtype)[None, None]
    return sampled.to(latents.dtype) * mask, mask
