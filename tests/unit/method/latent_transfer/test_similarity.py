"""Similarity between image tokens and reference tokens."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.infusion import cosine_similarity, unit
from seal_sdk.method.latent_transfer.similarity import similarity, upsample, z_score


def test_similarity_is_the_z_score_of_the_mean_cosine():
    torch.manual_seed(0)
    keys, values = torch.randn(5, 8), torch.randn(5, 8)
    own = unit(keys), unit(values)
    found = similarity(own, own)
    mean = (cosine_similarity(keys, keys) + cosine_similarity(values, values)) / 2
    assert torch.equal(found, z_score(mean))
    assert found.argmax(-1).tolist() == list(range(5))
    assert abs(float(found.mean())) < 1e-5 and float(found.std(correction=0)) == pytest.approx(1, abs=1e-4)
    assert z_score(torch.ones(2, 3)).eq(0).all() and z_score(torch.ones(1, 1)).eq(0).all()


def test_fine_tokens_are_as_similar_as_the_coarse_ones_they_lie_in():
    values = torch.rand(4, 6)  # grids of 2x2 and 2x3
    fine = upsample(values, torch.tensor([0, 3, 15]), torch.tensor([0, 29]), ((4, 4), (5, 6)), ((2, 2), (2, 3)))
    assert torch.equal(fine, values[[0, 1, 3]][:, [0, 5]])
