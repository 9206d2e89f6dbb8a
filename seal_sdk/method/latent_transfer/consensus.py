"""Neighbourhood consensus: neighbours in the image should match neighbours in the reference. Ours, without training.

The best match of a single token is often a look-alike elsewhere, such as the next stripe. The tokens around it tell them
apart. Learned neighbourhood consensus is by Rocco et al., NeurIPS 2018, arXiv 1810.10510.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from seal_sdk.method.token_masks import Grid

ROUNDS = 2  # each reaches one token further; best on the benchmark (ours)
_STEPS = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]  # to the eight neighbours


def neighbourhood_consensus(
    similarity: Tensor,
    targets: Tensor,
    sources: Tensor,
    grid: Grid,
    source_grid: Grid,
    references: Tensor,
    rounds: int = ROUNDS,
) -> tuple[Tensor, Tensor]:
    """Average each match's similarity with that of the same match of its eight neighbours, ``rounds`` times.

    A match and the mean of its neighbours weigh the same. A neighbour whose match is not among the sources counts as 0,
    which is the mean of z-scores; a neighbour that is not a target does not count. The subject may face the other way
    than in a reference. So a mirrored reading is tried too, and for each reference the one with the larger mean of best
    similarities is returned.

    Args:
        similarity: (Nt, Nk), z-scores.
        targets: (Nt,), tokens of the image.
        sources: (Nk,), tokens of the references.
        grid: (rows, columns) of the image's tokens.
        source_grid: (rows, columns) of the references' tokens.
        references: (Nk,), index of the reference each source belongs to.
        rounds: how often to average.

    Returns:
        The averaged similarity (Nt, Nk), and (Nk,) bool, whether the source's reference is mirrored.
    """
    straight, mirrored = (
        _averaged(similarity, targets, sources, grid, source_grid, rounds, right) for right in (1, -1)
    )
    turned = torch.zeros(len(sources), dtype=torch.bool, device=similarity.device)
    for reference in sorted(set(references.tolist())):
        its = references == reference
        turned[its] = mirrored[:, its].amax(-1).mean() > straight[:, its].amax(-1).mean()
    return torch.where(turned, mirrored, straight), turned


def _averaged(
    similarity: Tensor, targets: Tensor, sources: Tensor, grid: Grid, source_grid: Grid, rounds: int, right: int
) -> Tensor:
    """right: columns from a token's match to the match of its right neighbour, 1 or -1 (mirrored)."""
    neighbours = [
        (_neighbour(targets, grid, (row, column)), _neighbour(sources, source_grid, (row, right * column)))
        for row, column in _STEPS
    ]
    count = torch.stack([target >= 0 for target, _ in neighbours]).sum(0).to(similarity.dtype)[:, None]
    for _ in range(rounds):
        padded = torch.nn.functional.pad(similarity, (0, 1, 0, 1))  # row and column -1 stand for no such token
        around = torch.zeros_like(similarity)
        for target, source in neighbours:
            around = around + padded[target][:, source]
        similarity = (similarity + around / count.clamp(min=1)) / 2
    return similarity


def _neighbour(tokens: Tensor, grid: Grid, step: tuple[int, int]) -> Tensor:
    """For each token, the index within ``tokens`` of the one a (row, column) step away; -1 if there is none."""
    index = torch.full((grid[0] + 2, grid[1] + 2), -1, device=tokens.device)
    rows, columns = tokens // grid[1] + 1, tokens % grid[1] + 1
    index[rows, columns] = torch.arange(len(tokens), device=tokens.device)
    return index[rows + step[0], columns + step[1]]
