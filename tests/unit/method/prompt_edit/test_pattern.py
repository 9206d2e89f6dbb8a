"""A colour moves a subject in one direction, a pattern in several."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.prompt_edit.pattern import fine_structure, is_pattern, main_direction_share

SUBJECT = torch.zeros(1, 1, 8, 8)
SUBJECT[..., 2:6, 2:6] = 1.0


def test_one_direction_of_any_length_has_all_of_the_change():
    direction = torch.tensor([1.0, -2.0, 0.5, 0.0]).view(1, 4, 1, 1)
    change = direction * torch.linspace(-1, 1, 64).view(1, 1, 8, 8)
    assert float(main_direction_share(change, SUBJECT)) == pytest.approx(1.0, abs=1e-5)
    assert not is_pattern(change, SUBJECT)


def test_two_directions_share_it():
    """Three quarters of the subject move along one axis, a quarter along another, and the background does not count."""
    change = torch.zeros(1, 4, 8, 8)
    change[:, 0, 2:5, 2:6] = 1.0
    change[:, 1, 5, 2:6] = -1.0
    change[:, 2, :2] = 9.0
    assert float(main_direction_share(change, SUBJECT)) == pytest.approx(0.75, abs=1e-5)
    assert is_pattern(change, SUBJECT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_no_change_is_a_number_in_every_dtype(dtype):
    share = main_direction_share(torch.zeros(1, 4, 8, 8, dtype=dtype), SUBJECT.to(dtype))
    assert bool(share.isfinite())


def test_fine_structure_is_what_is_left_without_the_colour():
    """Stripes on a flat colour keep their stripes, and the background's colour does not leak in."""
    whole = torch.ones(1, 1, 32, 32)
    stripes = torch.where(torch.arange(32) % 2 == 0, -1.0, 1.0).expand(1, 4, 32, 32)
    inner = fine_structure(5 + stripes, whole)[..., 8:-8, 8:-8]
    assert torch.allclose(inner, stripes[..., 8:-8, 8:-8], atol=1e-2)
    subject = torch.zeros(1, 1, 32, 32)
    subject[..., 8:24, 8:24] = 1.0
    flat = fine_structure(5 * subject.expand(1, 4, 32, 32) - 9 * (1 - subject), subject)
    assert torch.allclose(flat * subject, torch.zeros_like(flat), atol=1e-4)
