"""Warp fields: matches between tokens, interpolation between matches, and none between different parts."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.latent_transfer.warp import (
    MAX_DISTANCE,
    interpolate_warp,
    subtoken_argmax,
    warp_latents,
)


def places(grid):
    """(rows * columns, 2): row and column of every token."""
    return torch.stack(
        [torch.arange(grid[0] * grid[1]) // grid[1], torch.arange(grid[0] * grid[1]) % grid[1]], -1
    ).float()


def test_every_token_matched_with_itself_gives_the_reference():
    reference, grid = torch.randn(1, 4, 8, 6), (4, 3)
    field = interpolate_warp(places(grid), torch.arange(12), grid, (8, 6))
    warped, covered = warp_latents(reference, field, grid)
    assert torch.allclose(warped, reference, atol=1e-5) and covered.all()


def test_a_token_alone_takes_the_cells_of_its_match():
    reference = torch.arange(16.0).view(1, 1, 4, 4)
    field = interpolate_warp(torch.tensor([[0.0, 1.0]]), torch.tensor([3]), (2, 2), (4, 4))
    warped, covered = warp_latents(reference, field, (2, 2))
    assert (
        torch.allclose(warped[0, 0, 2:, 2:], torch.tensor([[2.0, 3.0], [6.0, 7.0]]), atol=1e-5) and covered.sum() == 4
    )
    assert warped[0, 0, :2].eq(0).all() and covered[0, 0, 2:, 2:].all()


def test_the_field_between_tokens_is_scaled_and_turned_as_the_matches_are():
    grid = size = (6, 6)
    turn = 0.7 * torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    field = interpolate_warp(places(grid) @ turn.T + 1.0, torch.arange(36), grid, (12, 12))
    cells = (places((12, 12)) + 0.5) * size[0] / 12 - 0.5
    assert torch.allclose(field[1:-1, 1:-1], (cells @ turn.T + 1.0).view(12, 12, 2)[1:-1, 1:-1], atol=1e-5)


def test_between_different_parts_nothing_is_interpolated():
    distant = torch.tensor([[0.0, 0.0], [0.0, 1.0 + 2 * MAX_DISTANCE]])
    field = interpolate_warp(distant, torch.tensor([0, 1]), (1, 2), (1, 4))
    assert torch.allclose(field[0, :, 1], torch.tensor([-0.25, 0.25, 2 * MAX_DISTANCE + 0.75, 2 * MAX_DISTANCE + 1.25]))


def test_a_mirrored_subject_is_warped_up_to_its_outline():
    reference, grid = torch.randn(1, 4, 8, 6), (4, 3)
    mirrored = torch.stack([places(grid)[:, 0], 2 - places(grid)[:, 1]], -1)
    warped, _ = warp_latents(
        reference, interpolate_warp(mirrored, torch.arange(12), grid, (8, 6), torch.tensor([[1.0, -1.0]])), grid
    )
    assert torch.allclose(warped, reference.flip(-1), atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_a_reference_of_another_scale_is_warped_up_to_the_outline(scale):
    """Neighbours' matches are as far apart as the scale says, and so belong together."""
    grid, span = (4, 3), torch.tensor([[scale, scale]])
    one = interpolate_warp(places(grid) * scale, torch.arange(12), grid, (8, 6), span)
    cells = ((places((8, 6)) + 0.5) / 2 - 0.5) * scale
    assert torch.allclose(one.view(-1, 2), cells, atol=1e-5)
    assert torch.equal(
        interpolate_warp(places(grid), torch.arange(12), grid, (8, 6), torch.ones(1, 2)),
        interpolate_warp(places(grid), torch.arange(12), grid, (8, 6)),
    )


@pytest.mark.parametrize("size", [(5, 7), (4, 4), (9, 3)])
def test_grids_that_do_not_divide_the_latents_stay_inside(size):
    reference = torch.rand(1, 2, 7, 5)
    field = interpolate_warp(places((3, 2)).flip(0), torch.arange(6), (2, 3), size)
    warped, covered = warp_latents(reference, field, (3, 2))
    assert warped.shape == (1, 2, *size) and covered.all()
    assert reference.min() <= warped.min() and warped.max() <= reference.max()


def test_the_best_match_may_lie_between_tokens():
    grid, peak = (5, 6), torch.tensor([2.3, 3.6])
    value = -(places(grid) - peak).square().sum(-1)
    assert torch.allclose(subtoken_argmax(value[None], torch.arange(30), grid), peak[None], atol=1e-4)
    few = torch.tensor([15])  # no neighbours to compare with
    assert subtoken_argmax(value[None, few], few, grid).tolist() == [[2.0, 3.0]]
    assert subtoken_argmax(torch.zeros(1, 30), torch.arange(30), grid).isfinite().all()
