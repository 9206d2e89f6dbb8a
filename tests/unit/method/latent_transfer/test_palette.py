"""Palette transfer: the reference's colours, and the picture's own pattern."""

from __future__ import annotations

import torch

from seal_sdk.method.latent_transfer.palette import match_palette

ALL = torch.ones(1, 1, 16, 16)


def moments(latents, weight):
    inside = latents[0].flatten(1)[:, weight.flatten() > 0]
    return inside.mean(1), torch.cov(inside, correction=0)


def test_mean_and_covariance_become_the_references():
    torch.manual_seed(0)
    mixing = torch.randn(4, 4)
    latents, reference = torch.randn(1, 4, 16, 16), torch.einsum("ij,bjhw->bihw", mixing, torch.randn(1, 4, 12, 20)) + 3
    subject = torch.zeros(1, 1, 12, 20)
    subject[..., 2:9, 3:15] = 1.0
    matched = match_palette(latents, ALL, reference, subject)
    for own, wanted in zip(moments(matched, ALL), moments(reference, subject), strict=True):
        assert torch.allclose(own, wanted, rtol=1e-2, atol=1e-2)


def test_latents_that_have_these_colours_stay():
    torch.manual_seed(0)
    latents = torch.randn(1, 4, 16, 16)
    shuffled = latents.flatten(2)[..., torch.randperm(256)].view(1, 4, 16, 16)
    assert torch.allclose(match_palette(latents, ALL, shuffled, ALL), latents, atol=1e-3)


def test_two_colours_in_another_pattern_take_the_references_two_colours():
    """Stripes of -1 and 1 become stripes of what the reference has as spots, 2 and 6."""
    stripes = torch.where(torch.arange(16) % 2 == 0, -1.0, 1.0).expand(1, 4, 16, 16)
    spots = torch.full((1, 4, 16, 16), 2.0)
    spots[..., :8, :] = 6.0
    assert torch.allclose(match_palette(stripes, ALL, spots, ALL), 4 + 2 * stripes, atol=1e-2)


def test_flat_colours_and_empty_masks():
    flat, none = torch.full((1, 4, 16, 16), 0.5), torch.zeros(1, 1, 16, 16)
    assert torch.allclose(match_palette(torch.zeros(1, 4, 16, 16), ALL, flat, ALL), flat)
    other = flat + torch.randn(1, 4, 16, 16)
    for where, subject in ((none, ALL), (ALL, none), (none, none)):
        assert torch.equal(match_palette(other, where, flat, subject), other)
