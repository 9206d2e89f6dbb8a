"""Stride: how far apart tokens are compared, in the image and in a reference of another scale. Ours.

Grids differ: the image may be drawn at another size than the reference, and a subject may fill another share of it. So one token of the
image may span several of the reference, or a part of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.method.token_masks import Grid


@dataclass(frozen=True)
class Stride:
    """Tokens from one place to the next, in the image and in the reference: ``reference / image`` is the scale, in whole numbers.

    (1, 1) means that subject and reference are equally large on their grids, (1, 2) that the reference's is twice as large.
    """

    image: int = 1
    reference: int = 1

    @classmethod
    def of_scale(cls, scale: float) -> Stride:
        """The nearest stride of a scale > 0: how many of the reference's tokens one token of the image spans, along a side."""
        return cls(1, round(scale)) if scale >= 1 else cls(round(1 / scale), 1)

    @property
    def scale(self) -> float:
        """How many of the reference's tokens one token of the image spans, along a side."""
        return self.reference / self.image

    def times(self, factor: int) -> Stride:
        """The same scale, over a longer way."""
        return Stride(self.image * factor, self.reference * factor)


SAME = Stride()


def subject_scale(region: Tensor | None, subject: Tensor, grid: Grid, source_grid: Grid) -> float:
    """How many of the reference's tokens one token of the image spans, along a side.

    It is the ratio of the subject's heights on both grids, as in AnchorAlign. Without a known region, or without a subject, it is that of
    the grids: the subject then fills the same share of both.

    region: (1, 1, h, w), how much of each of the image's latents is the subject's; None if it is unknown. subject: (1, 1, H, W), the same
    of the reference. grid, source_grid: (rows, columns) of the tokens of both.
    """
    grids = float((source_grid[0] * source_grid[1] / (grid[0] * grid[1])) ** 0.5)
    if region is None:
        return grids
    height, reference_height = (_height(each) for each in (region, subject))
    if not height or not reference_height:
        return grids
    return (reference_height * source_grid[0]) / (height * grid[0])


def _height(subject: Tensor) -> float:
    """Share of the rows, in [0, 1], from the subject's first to its last."""
    rows = torch.nonzero(subject[0, 0].amax(-1) > 0).flatten()
    return float(rows[-1] - rows[0] + 1) / subject.shape[-2] if len(rows) else 0.0
