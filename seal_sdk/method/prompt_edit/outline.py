"""The inside of a subject, and a ring right around it. Ours."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

RING_SHARE = 32  # of the picture's side is the ring's width: one latent of Pocket, four of SDXL at 1024 px (ours)


def inside(subject: Tensor) -> Tensor:
    """(1, 1, h, w) of 0 and 1: latents that lie in a subject, (1, 1, h, w) in [0, 1], at least the ring's width from its outline."""
    background = (subject < 1).to(subject)
    return 1 - _dilate(background)


def around(subject: Tensor) -> Tensor:
    """(1, 1, h, w) of 0 and 1: the ring of latents right around a subject, (1, 1, h, w) in [0, 1]."""
    touched = (subject > 0).to(subject)
    return _dilate(touched) - touched


def _dilate(mask: Tensor) -> Tensor:
    height, width = mask.shape[-2:]
    radius = max(1, round((height * width) ** 0.5 / RING_SHARE))
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)
