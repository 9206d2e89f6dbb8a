"""Stride: how far apart tokens are compared, in the image and in a reference of another scale. Ours.

Grids differ: the image may be drawn at another size than the reference, and a subject may fill another share of it. So one token of the
image may span several of the reference, or a part of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_DOUBLINGS = 2


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

    @property
    def doublings(self) -> int:
        """How often a reference's sides are doubled, or halved if negative, to show the subject about as large as the image does.

        From -2 to 2, since references are made of whole tokens of the coarsest grid.
        """
        return min(max(round(math.log2(self.image / self.reference)), -MAX_DOUBLINGS), MAX_DOUBLINGS)

    def times(self, factor: int) -> Stride:
        """The same scale, over a longer way."""
        return Stride(self.image * factor, self.reference * factor)


SAME = Stride()


def subject_scale(region: Tensor | None, subject: Tensor, size: tuple[int, int]) -> float:
    """How many of the reference's latents one latent of the image spans, along a side; of tokens it is as many.

    It is the ratio of the subject's heights, as in AnchorAlign. Without a known region, or without a subject, it is that of the images: the
    subject then fills the same share of both.

    region: (1, 1, h, w), how much of each of the image's latents is the subject's; None if it is unknown. subject: (1, 1, H, W), the same
    of the reference. size: (h, w).
    """
    height, width = subject.shape[-2:]
    own, theirs = (0 if each is None else _height(each) for each in (region, subject))
    return theirs / own if own and theirs else ((height * width) / (size[0] * size[1])) ** 0.5


def _height(subject: Tensor) -> int:
    """Rows from the subject's first to its last."""
    rows = torch.nonzero(subject[0, 0].amax(-1)).flatten()
    return int(rows[-1] - rows[0]) + 1 if len(rows) else 0
