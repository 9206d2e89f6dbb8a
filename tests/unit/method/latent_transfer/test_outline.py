"""The outline of subjects: they continue over it as references, and stop at it in images."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.latent_transfer.outline import EXTRAPOLATION_RINGS, extrapolate_appearance, nearer_subject


def test_the_subject_continues_over_its_outline():
    subject = torch.zeros(1, 1, 16, 16)
    subject[..., 6:9, 6:9], subject[..., 7, 9] = 1.0, 0.5
    reference = torch.where(subject > 0.9, 3.0, -1.0).expand(1, 2, 16, 16)
    around = extrapolate_appearance(reference, subject)
    reach = torch.zeros(16, 16, dtype=torch.bool)
    reach[6 - EXTRAPOLATION_RINGS : 9 + EXTRAPOLATION_RINGS, 6 - EXTRAPOLATION_RINGS : 9 + EXTRAPOLATION_RINGS] = True
    assert torch.allclose(around[..., reach], torch.tensor(3.0))
    assert torch.equal(around[..., ~reach], reference[..., ~reach])
    varied = torch.randn(1, 2, 16, 16)
    assert torch.equal(extrapolate_appearance(varied, subject)[..., 6:9, 6:9], varied[..., 6:9, 6:9])
    assert torch.equal(extrapolate_appearance(varied, torch.zeros_like(subject)), varied)
    assert torch.equal(extrapolate_appearance(varied, torch.ones_like(subject)), varied)


def box(top, bottom, size=20):
    mask = torch.zeros(1, 1, size, size)
    mask[..., top:bottom, top:bottom] = 1.0
    return mask


@pytest.mark.parametrize("too_wide", [1, 2, EXTRAPOLATION_RINGS])
def test_tokens_that_reach_over_the_outline_give_nothing_beyond_it(too_wide):
    """A subject of 5 on a scene of -1, which the model has already drawn half-way; tokens cover more than it."""
    subject, covered = box(6, 14), box(6 - too_wide, 14 + too_wide)
    image = torch.where(subject > 0, 3.0, -1.0).expand(1, 4, 20, 20)
    assert torch.equal(nearer_subject(image, torch.full_like(image, 5.0), covered), subject)


def test_inside_all_is_the_subjects_and_outside_nothing():
    image = torch.randn(1, 4, 20, 20, generator=torch.Generator().manual_seed(0))
    covered = box(2, 18)
    near = nearer_subject(image, image + 100.0, covered)  # looks like anything but the subject
    assert torch.equal(near, box(2 + EXTRAPOLATION_RINGS, 18 - EXTRAPOLATION_RINGS))
    assert torch.equal(nearer_subject(image, image + 100.0, torch.ones_like(covered)), torch.ones_like(covered))
    assert not nearer_subject(image, image, torch.zeros_like(covered)).any()
