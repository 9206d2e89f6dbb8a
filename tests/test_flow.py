"""Where each latent of the image comes from: peaks between tokens, flows between matches, tears between parts."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.flow import RINGS, TORN, continued, interpolate, peaks, sample
from seal_sdk.method.likeness import enlarge, likeness, standardized


def places(grid):
    """(rows * columns, 2): row and column of every token."""
    return torch.stack(
        [torch.arange(grid[0] * grid[1]) // grid[1], torch.arange(grid[0] * grid[1]) % grid[1]], -1
    ).float()


def test_every_token_matched_with_itself_gives_the_reference():
    reference, grid = torch.randn(1, 4, 8, 6), (4, 3)
    where = interpolate(places(grid), torch.arange(12), grid, (8, 6))
    placed, covered = sample(reference, where, grid)
    assert torch.allclose(placed, reference, atol=1e-5) and covered.all()


def test_a_token_alone_takes_the_cells_of_its_match():
    reference = torch.arange(16.0).view(1, 1, 4, 4)
    where = interpolate(torch.tensor([[0.0, 1.0]]), torch.tensor([3]), (2, 2), (4, 4))
    placed, covered = sample(reference, where, (2, 2))
    assert (
        torch.allclose(placed[0, 0, 2:, 2:], torch.tensor([[2.0, 3.0], [6.0, 7.0]]), atol=1e-5) and covered.sum() == 4
    )
    assert placed[0, 0, :2].eq(0).all() and covered[0, 0, 2:, 2:].all()


def test_matches_that_are_scaled_and_turned_are_followed_between_the_tokens():
    grid = size = (6, 6)
    turn = 0.7 * torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    where = interpolate(places(grid) @ turn.T + 1.0, torch.arange(36), grid, (12, 12))
    cells = (places((12, 12)) + 0.5) * size[0] / 12 - 0.5
    assert torch.allclose(where[1:-1, 1:-1], (cells @ turn.T + 1.0).view(12, 12, 2)[1:-1, 1:-1], atol=1e-5)


def test_between_different_parts_nothing_is_interpolated():
    torn = torch.tensor([[0.0, 0.0], [0.0, 1.0 + 2 * TORN]])
    where = interpolate(torn, torch.tensor([0, 1]), (1, 2), (1, 4))
    assert torch.allclose(where[0, :, 1], torch.tensor([-0.25, 0.25, 2 * TORN + 0.75, 2 * TORN + 1.25]))


def test_a_mirrored_subject_is_followed_to_its_outline():
    reference, grid = torch.randn(1, 4, 8, 6), (4, 3)
    mirrored = torch.stack([places(grid)[:, 0], 2 - places(grid)[:, 1]], -1)
    placed, _ = sample(reference, interpolate(mirrored, torch.arange(12), grid, (8, 6), torch.ones(12).bool()), grid)
    assert torch.allclose(placed, reference.flip(-1), atol=1e-5)


def test_the_subject_continues_over_its_outline():
    subject = torch.zeros(1, 1, 16, 16)
    subject[..., 6:9, 6:9], subject[..., 7, 9] = 1.0, 0.5
    reference = torch.where(subject > 0.9, 3.0, -1.0).expand(1, 2, 16, 16)
    around = continued(reference, subject)
    reach = torch.zeros(16, 16, dtype=torch.bool)
    reach[6 - RINGS : 9 + RINGS, 6 - RINGS : 9 + RINGS] = True
    assert torch.allclose(around[..., reach], torch.tensor(3.0))
    assert torch.equal(around[..., ~reach], reference[..., ~reach])
    varied = torch.randn(1, 2, 16, 16)
    assert torch.equal(continued(varied, subject)[..., 6:9, 6:9], varied[..., 6:9, 6:9])
    assert torch.equal(continued(varied, torch.zeros_like(subject)), varied)
    assert torch.equal(continued(varied, torch.ones_like(subject)), varied)


@pytest.mark.parametrize("size", [(5, 7), (4, 4), (9, 3)])
def test_grids_that_do_not_divide_the_latents_stay_inside(size):
    reference = torch.rand(1, 2, 7, 5)
    where = interpolate(places((3, 2)).flip(0), torch.arange(6), (2, 3), size)
    placed, covered = sample(reference, where, (3, 2))
    assert placed.shape == (1, 2, *size) and covered.all()
    assert reference.min() <= placed.min() and placed.max() <= reference.max()


def test_peaks_lie_between_tokens():
    grid, peak = (5, 6), torch.tensor([2.3, 3.6])
    value = -(places(grid) - peak).square().sum(-1)
    assert torch.allclose(peaks(value[None], torch.arange(30), grid), peak[None], atol=1e-4)
    few = torch.tensor([15])  # no neighbours to compare with
    assert peaks(value[None, few], few, grid).tolist() == [[2.0, 3.0]]
    assert peaks(torch.zeros(1, 30), torch.arange(30), grid).isfinite().all()


def test_likeness_is_that_of_all_features_in_standard_deviations():
    torch.manual_seed(0)
    own = torch.randn(5, 8), torch.randn(5, 8)
    alike = likeness(own, own)
    assert alike.argmax(-1).tolist() == list(range(5))
    assert abs(float(alike.mean())) < 1e-5 and float(alike.std(correction=0)) == pytest.approx(1, abs=1e-4)
    assert standardized(torch.ones(2, 3)).eq(0).all() and standardized(torch.ones(1, 1)).eq(0).all()


def test_fine_tokens_are_as_alike_as_the_coarse_ones_they_lie_in():
    values = torch.rand(4, 6)  # grids of 2x2 and 2x3
    fine = enlarge(values, torch.tensor([0, 3, 15]), torch.tensor([0, 29]), ((4, 4), (5, 6)), ((2, 2), (2, 3)))
    assert torch.equal(fine, values[[0, 1, 3]][:, [0, 5]])
