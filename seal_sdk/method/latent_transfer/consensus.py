"""Neighbourhood consensus: neighbours in the image should match neighbours in the reference. Ours, without training.

The best match of a single token is often a look-alike elsewhere, such as the next stripe. The tokens around it tell them
apart. Learned neighbourhood consensus is by Rocco et al., NeurIPS 2018, arXiv 1810.10510.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.latent_transfer.stride import SAME, Stride
from seal_sdk.method.tiles import tiles
from seal_sdk.method.token_masks import Grid

ROUNDS = 2  # to the tokens next to each other; best on the benchmark (ours)
COARSEST_SIDE = 16  # tokens; larger grids get further rounds, so that all reach the same share of the picture (ours)
_STEPS = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]  # to the eight neighbours


def round_strides(grid: Grid, stride: Stride = SAME) -> tuple[Stride, ...]:
    """How far neighbours are in each round, on a grid of (rows, columns): far ones first, then `ROUNDS` times those next to each other.

    The rounds together reach an eighth of the picture's side on every grid, since look-alikes are as far apart as the subject is large.
    Each doubling of the side adds a round over twice the distance.
    stride: of tokens next to each other.
    """
    factor, factors = round((grid[0] * grid[1]) ** 0.5 / (stride.image * COARSEST_SIDE)), []
    while factor > 1:
        factors.append(factor)
        factor //= 2
    return tuple(stride.times(each) for each in (*factors, *(1,) * ROUNDS))


@dataclass(frozen=True, eq=False)
class SourceBox:
    """Tokens of the reference, in the smallest box around them. place: (N,), where they are in a box of (rows, columns) ``size``."""

    place: Tensor
    size: Grid

    @classmethod
    def around(cls, tokens: Tensor, grid: Grid) -> SourceBox:
        """Tokens (N,) of a (rows, columns) grid. It waits for the device, so it is made once for all steps."""
        if not len(tokens):
            return cls(tokens, (0, 0))
        row, column = tokens // grid[1], tokens % grid[1]
        row, column = row - row.min(), column - column.min()
        size = int(row.max()) + 1, int(column.max()) + 1
        return cls(row * size[1] + column, size)


def neighbourhood_consensus(
    similarity: Tensor,
    targets: Tensor,
    sources: SourceBox,
    grid: Grid,
    strides: Sequence[Stride] = (SAME,) * ROUNDS,
) -> tuple[Tensor, Tensor]:
    """Average each match's similarity with that of the same match of its eight neighbours, once for each of ``strides``.

    A match and the mean of its neighbours weigh the same. A neighbour whose match is not among the sources counts as 0,
    which is the mean of z-scores; a neighbour that is not a target does not count. The subject may face the other way
    than in the reference. So a mirrored reading is tried too, and the one with the larger mean of best similarities is
    returned.

    Args:
        similarity: (Nt, Nk), z-scores.
        targets: (Nt,), tokens of the image.
        sources: tokens of the reference.
        grid: (rows, columns) of the image's tokens.
        strides: how far apart the neighbours of each round are (`round_strides`).

    Returns:
        The averaged similarity (Nt, Nk), and whether the reference is mirrored, a scalar bool tensor.
    """
    if not similarity.numel():
        return similarity, torch.zeros((), dtype=torch.bool, device=similarity.device)
    around = [_neighbours(targets, grid, stride.image) for stride in strides]
    straight, mirrored = (_averaged(similarity, around, sources, strides, right) for right in (1, -1))
    is_mirrored = mirrored.amax(-1).mean() > straight.amax(-1).mean()
    return torch.where(is_mirrored, mirrored, straight), is_mirrored


def _neighbours(targets: Tensor, grid: Grid, distance: int) -> list[Tensor]:
    """For each of `_STEPS`: the index within ``targets`` of each target's neighbour; the number of targets if there is none."""
    index = torch.full((grid[0] + 2 * distance, grid[1] + 2 * distance), len(targets), device=targets.device)
    rows, columns = targets // grid[1] + distance, targets % grid[1] + distance
    index[rows, columns] = torch.arange(len(targets), device=targets.device)
    return [index[rows + distance * down, columns + distance * aside] for down, aside in _STEPS]


def _averaged(
    similarity: Tensor, around: Sequence[Sequence[Tensor]], sources: SourceBox, strides: Sequence[Stride], right: int
) -> Tensor:
    """around: per round, `_neighbours`. right: columns from a token's match to the match of its right neighbour, 1 or -1 (mirrored)."""
    rows, columns = sources.size
    shape = (len(similarity) + 1, rows * columns)  # the last row stands for no such target
    values = similarity.new_zeros(shape).index_copy_(1, sources.place, F.pad(similarity, (0, 0, 0, 1)))
    known = similarity.new_zeros(shape[1]).index_fill_(0, sources.place, 1.0).view(rows, columns)
    for neighbours, stride in zip(around, strides, strict=True):
        values = _round(values.view(-1, rows, columns), known, neighbours, stride.reference, right).view(shape)
    return values[:-1].index_select(1, sources.place)


def _round(values: Tensor, known: Tensor, neighbours: Sequence[Tensor], far: int, right: int) -> Tensor:
    """One round over a box of the reference's tokens.

    values: (Nt + 1, rows, columns). known: (rows, columns), 1 at sources, else 0. far: tokens between a match and its neighbours'.
    """
    targets = len(values) - 1
    count = torch.stack([found < targets for found in neighbours]).sum(0).to(values.dtype).clamp(min=1)[:, None, None]
    averaged = torch.zeros_like(values)
    for tile in tiles(targets, known.numel(), known.device):
        around = averaged[tile]
        for found, (down, aside) in zip(neighbours, _STEPS, strict=True):
            to, source = _shifted(known.shape[0], far * down), _shifted(known.shape[1], far * right * aside)
            around[:, to[0], source[0]] += values[:, to[1], source[1]].index_select(0, found[tile])
        around.div_(count[tile]).add_(values[tile]).div_(2).mul_(known)
    return averaged


def _shifted(side: int, step: int) -> tuple[slice, slice]:
    """The places along a side that have a neighbour a step away, and those neighbours."""
    length = max(side - abs(step), 0)
    here, there = max(-step, 0), max(step, 0)
    return slice(here, here + length), slice(there, there + length)
