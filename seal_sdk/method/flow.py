"""Matches as a flow (ours): where in the reference each latent of the image comes from, finer than tokens are.

A token covers several latents. Where neighbouring tokens are matched with neighbours, what lies between them lies between their
matches, turned and scaled as those are.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.coherence import Grid
from seal_sdk.method.delta_bridge import low_pass

TORN = 2.0  # tokens: matches of neighbours that are further apart belong to different parts (ours)
WHOLE = 0.9  # a latent that the subject covers more of is all its own (ours)
RINGS = 4  # latents: two tokens of the finest grid (ours)


def peaks(likeness: Tensor, sources: Tensor, grid: Grid) -> Tensor:
    """(Nt, 2): row and column of the best source of each target, in tokens, to fractions of one.

    likeness: (Nt, Nk) with the tokens ``sources``, (Nk,), of a grid of (rows, columns). Along each axis the peak of the
    parabola through the best source and its two neighbours counts; where one is missing, the best source itself.
    """
    every = likeness.new_full((len(likeness), grid[0] + 2, grid[1] + 2), float("nan"))
    every[:, sources // grid[1] + 1, sources % grid[1] + 1] = likeness
    best = sources[likeness.argmax(-1)]
    row, column, number = best // grid[1], best % grid[1], torch.arange(len(best), device=best.device)

    def at(down: int, right: int) -> Tensor:
        return every[number, row + 1 + down, column + 1 + right]

    offsets = [_parabola(at(-1, 0), at(0, 0), at(1, 0)), _parabola(at(0, -1), at(0, 0), at(0, 1))]
    return torch.stack([row, column], -1) + torch.stack(offsets, -1)


def _parabola(before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
    offset = 0.5 * (before - after) / (before + after - 2 * middle)
    return torch.where(offset.isfinite(), offset.clamp(-0.5, 0.5), 0.0)


def interpolate(positions: Tensor, targets: Tensor, grid: Grid, size: Grid, mirrored: Tensor | None = None) -> Tensor:
    """(h, w, 2): where each latent comes from, NaN where its token has no match.

    positions: (Nt, 2) of the matches of the tokens ``targets``, (Nt,), on a grid of (rows, columns). size: (h, w) of the
    latents. Bilinear between tokens; a neighbour without a match, or with one of another part, counts as one whose match
    lies beside the token's own: on the same side, or on the other for tokens that are ``mirrored``, (Nt,) bool.
    """
    field = positions.new_full((grid[0] * grid[1], 2), float("nan"))
    field[targets] = positions
    field = F.pad(field.view(*grid, 2).permute(2, 0, 1), (1, 1, 1, 1), value=float("nan")).permute(1, 2, 0)
    row, down = _nearest(size[0], grid[0], positions)
    column, right = _nearest(size[1], grid[1], positions)
    own = field[row[:, None] + 1, column + 1]
    sides = positions.new_ones(grid[0] * grid[1])
    if mirrored is not None:
        sides[targets] = torch.where(mirrored, -1.0, 1.0).to(sides)
    side = sides.view(grid)[row[:, None], column]
    where = torch.zeros_like(own)
    for beside, below in product((0, 1), repeat=2):
        step_down, step_right = (below * down.sign()).long(), (beside * right.sign()).long()
        found = field[(row + step_down)[:, None] + 1, column + step_right + 1]
        step = torch.stack(torch.broadcast_tensors(step_down[:, None], side * step_right), -1)
        near = (found - own).norm(dim=-1, keepdim=True) < TORN  # not so where it is NaN
        weight = _share(down, below)[:, None] * _share(right, beside)
        where = where + weight[..., None] * torch.where(near, found, own + step)
    return where


def _nearest(cells: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Of each cell along an axis: the token it lies in, and how far its middle is from that one's, in tokens."""
    at = (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * tokens / cells - 0.5
    token = (at + 0.5).floor().clamp(0, tokens - 1)
    return token.long(), at - token


def _share(offset: Tensor, neighbour: int) -> Tensor:
    return offset.abs() if neighbour else 1 - offset.abs()


def continued(reference: Tensor, subject: Tensor) -> Tensor:
    """The reference's latents, (1, C, H, W), with the subject's in place of those around it, as far as a match may lie.

    A latent on the outline is of subject and scene, and matches lie there too. subject: (1, 1, H, W) in [0, 1]. What is
    not wholly the subject's becomes the mean of its neighbours that are, ring by ring.
    """
    known = (subject > WHOLE).to(reference.dtype)
    for _ in range(RINGS):
        around = low_pass(known, 1)
        found = (known == 0) & (around > 0)
        reference = torch.where(found, low_pass(reference * known, 1) / around.clamp(min=1e-6), reference)
        known = torch.where(found, 1.0, known)
    return reference


def sample(reference: Tensor, where: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """The reference's latents, put where they are matched: (1, C, h, w), zero where nothing is, and (1, 1, h, w), 1 where something is.

    reference: (1, C, H, W). where: (h, w, 2) rows and columns on its grid of tokens, or NaN (`interpolate`). Bilinear.
    """
    covered = where.isfinite().all(-1)
    sides = torch.tensor(grid, device=where.device, dtype=where.dtype)
    points = (2 * (where + 0.5) / sides - 1).flip(-1).nan_to_num()[None]  # grid_sample wants x, y from -1 to 1
    drawn = F.grid_sample(reference.to(where.dtype), points, padding_mode="border", align_corners=False)
    mask = covered.to(reference.dtype)[None, None]
    return drawn.to(reference.dtype) * mask, mask
