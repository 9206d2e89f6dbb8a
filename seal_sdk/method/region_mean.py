"""Means of latents over soft regions."""

from __future__ import annotations

from torch import Tensor


def region_mean(latents: Tensor, region: Tensor) -> Tensor:
    """Weighted mean of latents (1, C, h, w) over a region (1, 1, h, w) in [0, 1].

    Returns (1, C, 1, 1); zeros if the region is empty.
    """
    return (latents * region).sum((-2, -1), keepdim=True) / region.sum().clamp(min=1e-6)
