"""The latents of a reference: which of them matches copy, and which reference a token belongs to."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.latent_transfer.outline import extrapolate_appearance
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.stride import Stride


def test_the_subject_is_extrapolated_only_if_subjects_alone_are_matched():
    latents, subject = torch.randn(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6] = 1.0
    known = ReferenceLatents(latents, subject, subject_only=True)
    assert not torch.equal(known.appearance, latents)
    assert torch.equal(known.appearance, extrapolate_appearance(latents, subject))
    assert known.appearance is known.appearance  # computed once
    assert ReferenceLatents(latents, subject).appearance is latents


def test_tokens_belong_to_the_reference_whose_rows_they_lie_in():
    strides = Stride(), Stride(1, 2)
    several = ReferenceLatents(torch.zeros(1, 4, 12, 6), torch.ones(1, 1, 12, 6), heights=(8, 4), strides=strides)
    assert several.latent_size == (12, 6)
    first, second = several.layouts(torch.arange(18), (6, 3))
    assert first.box.place.tolist() == list(range(12)) and first.box.size == (4, 3) and first.stride == Stride()
    assert second.box.place.tolist() == list(range(6)) and second.box.size == (2, 3)
    assert second.stride == Stride(1, 2)
    one = ReferenceLatents(torch.zeros(1, 4, 4, 6), torch.ones(1, 1, 4, 6))
    (only,) = one.layouts(torch.tensor([0, 5]), (2, 3))
    assert only.box.place.tolist() == [0, 5] and only.box.size == (2, 3) and only.stride == Stride()


@pytest.mark.parametrize(("doublings", "captured"), [(0, (8, 8)), (1, (4, 4)), (-1, (16, 16))])
def test_grids_are_those_of_the_latents_that_were_captured(doublings, captured):
    resized = ReferenceLatents(torch.zeros(1, 4, 8, 8), torch.ones(1, 1, 8, 8), doublings=doublings)
    assert resized.latent_size == captured
