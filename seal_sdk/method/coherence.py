"""Coherent matches (ours): neighbours in the image should be matched with neighbours in the reference.

One token's best match is often a look-alike elsewhere, such as the next stripe. What surrounds it tells them apart.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

Grid = tuple[int, int]
ROUNDS = 2  # each reaches one token further; the benchmark prefers these (ours)


def coherent(
    similarity: Tensor,
    targets: Tensor,
    sources: Tensor,
    grid: Grid,
    source_grid: Grid,
    references: Tensor,
    rounds: int = ROUNDS,
) -> tuple[Tensor, Tensor]:
    """Similarities of matches averaged, ``rounds`` times, with those of the same match of their eight neighbours.

    similarity: (Nt, Nk) of the image's tokens ``targets``, (Nt,), on a grid of (rows, columns), with tokens ``sources``,
    (Nk,), of ``references``, (Nk,) their numbers, on ``source_grid``; moved so that 0 is neither alike nor unlike. A match
    and the mean of its neighbours weigh the same; a neighbour whose match is no source counts as 0, and one that is no
    target does not count. Also (Nk,) bool, whether the subject faces the other way than in that reference: what is to the
    left of a token is then matched with what is to the right of its match. Whichever finds more alike counts.
    """
    straight, mirrored = (
        _averaged(similarity, targets, sources, grid, source_grid, rounds, right) for right in (1, -1)
    )
    turned = torch.zeros(len(sources), dtype=torch.bool, device=similarity.device)
    for number in references.unique():
        its = references == number
        turned[its] = mirrored[:, its].amax(-1).mean() > straight[:, its].amax(-1).mean()
    return torch.where(turned, mirrored, straight), turned


def _averaged(
    similarity: Tensor, targets: Tensor, sources: Tensor, grid: Grid, source_grid: Grid, rounds: int, right: int
) -> Tensor:
    """right: where the match of a token's right neighbour is looked for, in columns from the match of its own."""
    steps = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]
    neighbours = [
        (_beside(targets, grid, (row, column)), _beside(sources, source_grid, (row, right * column)))
        for row, column in steps
    ]
    count = sum((target >= 0).to(similarity.dtype) for target, _ in neighbours)[:, None]  # type: ignore[index]
    for _ in range(rounds):
        padded = torch.nn.functional.pad(similarity, (0, 1, 0, 1))  # row and column -1: no such token
        around = sum(padded[target][:, source] for target, source in neighbours)
        similarity = (similarity + around / count.clamp(min=1)) / 2
    return similarity


def _beside(tokens: Tensor, grid: Grid, step: tuple[int, int]) -> Tensor:
    """Of each token the index, within ``tokens``, of the one a (row, column) step away; -1 where there is none."""
    index = torch.full((grid[0] + 2, grid[1] + 2), -1, device=tokens.device)
    rows, columns = tokens // grid[1] + 1, tokens % grid[1] + 1
    index[rows, columns] = torch.arange(len(tokens), device=tokens.device)
    return index[rows + step[0], columns + step[1]]
