"""How alike tokens of the image and of the reference are (ours): which latents of the reference belong where.

Infusion asks with queries, as attention does. For finding the same spot of a body, like is better compared with like: keys with
keys and values with values. Coarse grids tell parts of the body apart, the finest one what lies within them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seal_sdk.method.coherence import Grid
from seal_sdk.method.infusion import similarities

COARSE = 0.5  # what coarser grids weigh beside the finest; the benchmark prefers it (ours)


def likeness(own: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Of every token of the image with every one of the reference, (Nq, Nk), in standard deviations from the mean pair.

    own, theirs: features of the same kinds in the same order, keys and values say, (Nq, C) and (Nk, C) each.
    """
    cosines = torch.stack([similarities(*pair) for pair in zip(own, theirs, strict=True)]).mean(0)
    return standardized(cosines)


def standardized(values: Tensor) -> Tensor:
    """Moved and scaled to mean 0 and standard deviation 1, or to zeros where all are the same."""
    return (values - values.mean()) / values.std(correction=0).clamp(min=1e-6)


def enlarge(
    values: Tensor, targets: Tensor, sources: Tensor, grids: tuple[Grid, Grid], coarse: tuple[Grid, Grid]
) -> Tensor:
    """Likeness of fine tokens, (Nt, Nk), as that of the coarse tokens they lie in.

    values: (tokens, tokens of the reference) of whole coarse grids. targets, sources: (Nt,) and (Nk,) tokens of the fine
    ones. grids, coarse: (rows, columns) of the image's and the reference's grid.
    """
    rows = _enclosing(targets, grids[0], coarse[0])
    columns = _enclosing(sources, grids[1], coarse[1])
    return values[rows][:, columns]


def _enclosing(tokens: Tensor, grid: Grid, coarse: Grid) -> Tensor:
    row, column = tokens // grid[1], tokens % grid[1]
    return row * coarse[0] // grid[0] * coarse[1] + column * coarse[1] // grid[1]
