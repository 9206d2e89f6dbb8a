"""How large a reference's subject is on its grid, compared with the image's."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.latent_transfer.stride import Stride, subject_scale


@pytest.mark.parametrize(
    ("scale", "stride", "doublings"),
    [
        (1.0, (1, 1), 0),
        (0.7, (1, 1), 0),
        (1.4, (1, 1), 0),
        (0.5, (2, 1), 1),
        (2.2, (1, 2), -1),
        (4.0, (1, 4), -2),
        (0.3, (3, 1), 2),
        (0.05, (20, 1), 2),
    ],
)
def test_a_stride_is_the_nearest_whole_ratio(scale, stride, doublings):
    found = Stride.of_scale(scale)
    assert found == Stride(*stride) and found.doublings == doublings
    assert found.times(2) == Stride(2 * stride[0], 2 * stride[1]) and found.times(2).scale == found.scale


def test_the_scale_is_the_ratio_of_the_subjects_heights():
    subject, region = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 64, 48)
    subject[..., 4:24, 3:5], region[..., 10:50, 20:40] = 0.3, 1.0
    assert subject_scale(region, subject, (64, 48)) == 0.5


def test_without_a_known_subject_it_fills_the_same_share_of_both_images():
    subject = torch.ones(1, 1, 32, 32)
    assert subject_scale(None, subject, (64, 64)) == 0.5
    assert subject_scale(torch.zeros(1, 1, 16, 16), subject, (16, 16)) == 2.0
