"""Similarity between image tokens and reference tokens. Used to decide which reference latents to copy where. Ours.

Infusion compares queries with keys, as attention does. For finding the same spot of a body, keys are compared with keys
and values with values. Coarse token grids tell the parts of a body apart, the finest grid what lies within them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from seal_sdk.method.token_masks import Grid


def similarity(own: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Z-score of the cosine similarity of every image token with every reference token, (Nq, Nk) in fp32.

    own, theirs: features of length 1 (`infusion.unit`), of the same kinds in the same order, (Nq, C) and (Nk, C) each, such
    as keys and values. Their cosines are averaged.
    """
    cosines = (own[0] @ theirs[0].T).float()
    for mine, others in zip(own[1:], theirs[1:], strict=True):
        cosines.add_(mine @ others.T)
    return z_score(cosines.div_(len(own)))


def z_score(values: Tensor) -> Tensor:
    """Shift and scale values to mean 0 and standard deviation 1; zeros if all are equal."""
    return (values - values.mean()).div_(values.std(correction=0).clamp(min=1e-6))


def upsample(
    values: Tensor, targets: Tensor, sources: Tensor, grids: tuple[Grid, Grid], coarse: tuple[Grid, Grid]
) -> Tensor:
    """Similarity of fine tokens, (Nt, Nk), read off the coarse tokens they lie in.

    values: (image tokens, reference tokens) of the whole coarse grids. targets, sources: (Nt,) and (Nk,), tokens of the
    fine grids. grids, coarse: the fine and the coarse (rows, columns), the image's and the reference's each.
    """
    rows = _enclosing(targets, grids[0], coarse[0])
    columns = _enclosing(sources, grids[1], coarse[1])
    return values[rows][:, columns]


def _enclosing(tokens: Tensor, grid: Grid, coarse: Grid) -> Tensor:
    """The coarse token that each fine token lies in."""
    row, column = tokens // grid[1], tokens % grid[1]
    return row * coarse[0] // grid[0] * coarse[1] + column * coarse[1] // grid[1]
