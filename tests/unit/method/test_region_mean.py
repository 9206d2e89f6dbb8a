"""Means of latents over soft regions."""

from __future__ import annotations

import torch

from seal_sdk.method.region_mean import region_mean


def test_the_mean_is_weighted_by_the_region():
    latents = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(1, 2, 2, 2)
    region = torch.tensor([[[[1.0, 0.0], [0.5, 0.0]]]])
    assert torch.allclose(region_mean(latents, region), torch.full((1, 2, 1, 1), (1 + 0.5 * 3) / 1.5))


def test_an_empty_region_has_mean_zero():
    assert not region_mean(torch.randn(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)).any()
