"""The latents of a reference: which of them matches copy, and which reference a token belongs to."""

from __future__ import annotations

import torch

from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.warp import extrapolate_appearance


def test_the_subject_is_extrapolated_only_if_subjects_alone_are_matched():
    latents, subject = torch.randn(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6] = 1.0
    known = ReferenceLatents(latents, subject, subject_only=True)
    assert not torch.equal(known.appearance, latents)
    assert torch.equal(known.appearance, extrapolate_appearance(latents, subject))
    assert known.appearance is known.appearance  # computed once
    assert ReferenceLatents(latents, subject).appearance is latents


def test_tokens_belong_to_the_reference_whose_rows_they_lie_in():
    several = ReferenceLatents(torch.zeros(1, 4, 12, 6), torch.ones(1, 1, 12, 6), heights=(8, 4))
    assert several.latent_size == (12, 6)
    assert several.reference_index(torch.arange(18), (6, 3)).tolist() == [0] * 12 + [1] * 6
    one = ReferenceLatents(torch.zeros(1, 4, 4, 6), torch.ones(1, 1, 4, 6))
    assert one.reference_index(torch.tensor([0, 5]), (2, 3)).tolist() == [0, 0]
