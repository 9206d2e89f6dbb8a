"""Neighbourhood consensus: neighbours in the image should match neighbours in the reference. Ours, without training.

The best match of a single token is often a look-alike elsewhere, such as the next stripe. The tokens around it tell them
apart. Learned neighbourhood consensus is by Rocco et al., NeurIPS 2018, arXiv 1810.10510.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
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


def neighbourhood_consensus(
    similarity: Tensor,
    targets: Tensor,
    sources: Tensor,
    grid: Grid,
    source_grid: Grid,
    strides: Sequence[Stride] = (SAME,) * ROUNDS,
) -> tuple[Tensor, bool]:
    """Average each match's similarity with that of the same match of its eight neighbours, once for each of ``strides``.

    A match and the mean of its neighbours weigh the same. A neighbour whose match is not among the sources counts as 0,
    which is the mean of z-scores; a neighbour that is not a target does not count. The subject may face the other way
    than in the reference. So a mirrored reading is tried too, and the one with the larger mean of best similarities is
    returned.

    Args:
        similarity: (Nt, Nk), z-scores.
        targets: (Nt,), tokens of the image.
        sources: (Nk,), tokens of the reference.
        grid: (rows, columns) of the image's tokens.
        source_grid: (rows, columns) of the reference's tokens.
        strides: how far apart the neighbours of each round are (`round_strides`).

    Returns:
        The averaged similarity (Nt, Nk), and whether the reference is mirrored.
    """
    if not len(sources):
        return similarity, False
    straight, mirrored = (
        _averaged(similarity, targets, sources, grid, source_grid, strides, right) for right in (1, -1)
    )
    if mirrored.amax(-1).mean() > straight.amax(-1).mean():
        return mirrored, True
    return straight, False


def _averaged(
    similarity: Tensor,
    targets: Tensor,
    sources: Tensor,
    grid: Grid,
    source_grid: Grid,
    strides: Sequence[Stride],
    right: int,
) -> Tensor:
    """right: columns from a token's match to the match of its right neighbour, 1 or -1 (mirrored)."""
    place, box = _within_box(sources, source_grid)
    shape = (len(targets) + 1, box[0] * box[1])  # the last row stands for no such target
    values = similarity.new_zeros(shape).index_copy_(1, place, torch.nn.functional.pad(similarity, (0, 0, 0, 1)))
    known = similarity.new_zeros(shape[1]).index_fill_(0, place, 1.0)
    for stride in strides:
        values = _round(values.view(-1, *box), known.view(box), targets, grid, stride, right).view(shape)
    return values[:-1].index_select(1, place)


def _round(values: Tensor, known: Tensor, targets: Tensor, grid: Grid, stride: Stride, right: int) -> Tensor:
    """One round over a box of the reference's tokens. values: (Nt + 1, rows, columns). known: (rows, columns), 1 at sources, else 0."""
    far = stride.reference
    moves = [
        (_neighbour(targets, grid, stride.image * row, stride.image * column), far * row, far * right * column)
        for row, column in _STEPS
    ]
    count = torch.stack([target >= 0 for target, *_ in moves]).sum(0).to(values.dtype).clamp(min=1)[:, None, None]
    averaged = torch.zeros_like(values)
    for tile in tiles(len(targets), known.numel()):
        around = averaged[tile]
        for target, down, aside in moves:
            to, source = _shifted(known.shape[0], down), _shifted(known.shape[1], aside)
            moved = values[:, to[1], source[1]].index_select(0, target[tile] % len(values))
            around[:, to[0], source[0]] += moved
        around.div_(count[tile]).add_(values[tile]).div_(2).mul_(known)
    return averaged


def _within_box(tokens: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
    """Where tokens are in the smallest box around them, (N,), and the box's (rows, columns)."""
    row, column = tokens // grid[1], tokens % grid[1]
    row, column = row - row.min(), column - column.min()
    box = int(row.max()) + 1, int(column.max()) + 1
    return row * box[1] + column, box


def _shifted(side: int, step: int) -> tuple[slice, slice]:
    """The places along a side that have a neighbour a step away, and those neighbours."""
    length = max(side - abs(step), 0)
    here, there = max(-step, 0), max(step, 0)
    return slice(here, here + length), slice(there, there + length)


def _neighbour(tokens: Tensor, grid: Grid, down: int, aside: int) -> Tensor:
    """For each token, the index within ``tokens`` of the one so many rows and columns away; -1 if there is none."""
    margin = max(abs(down), abs(aside))
    index = torch.full((grid[0] + 2 * margin, grid[1] + 2 * margin), -1, device=tokens.device)
    rows, columns = tokens // grid[1] + margin, tokens % grid[1] + margin
    index[rows, columns] = torch.arange(len(tokens), device=tokens.device)
    return index[rows + down, columns + aside]
