"""Token grids from counts, and the tokens that belong to a subject."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk.errors import UnsupportedModel
from seal_sdk.method.token_masks import surround, token_grid, token_mask


@pytest.mark.parametrize(
    ("tokens", "latents", "grid"), [(256, (64, 64), (16, 16)), (9 * 5, (35, 17), (9, 5)), (12, (4, 3), (4, 3))]
)
def test_token_grid_halves_rounding_up(tokens, latents, grid):
    assert token_grid(tokens, latents) == grid


def test_token_grid_refuses_what_is_no_halving():
    with pytest.raises(UnsupportedModel, match="7 tokens"):
        token_grid(7, (64, 64))


@pytest.mark.parametrize("grid", [(16, 16), (9, 5), (7, 13)])
def test_a_token_mask_holds_the_covered_tokens(grid):
    mask = np.zeros((130, 100), dtype=bool)
    mask[40:120, 30:80] = True
    tokens = token_mask(mask, grid).view(grid)
    centre_row, centre_column = int(80 / 130 * grid[0]), int(55 / 100 * grid[1])
    assert tokens[centre_row, centre_column] and not tokens[0, 0]
    assert abs(tokens.float().mean().item() - mask.mean()) < 0.25


def test_a_tiny_subject_keeps_its_best_token():
    mask = np.zeros((128, 128), dtype=bool)
    mask[64, 64] = True
    tokens = token_mask(mask, (8, 8))
    assert tokens.sum() == 1 and tokens.view(8, 8)[4, 4]
    assert not token_mask(np.zeros((128, 128), dtype=bool), (8, 8)).any()


def test_surroundings_are_a_sixteenth_of_the_side_and_at_least_one_token():
    mask = torch.zeros(5, 5, dtype=torch.bool)
    mask[2, 2] = mask[0, 0] = True
    grown = surround(mask.flatten(), (5, 5)).view(5, 5)
    assert grown[1:4, 1:4].all() and grown[:2, :2].all() and grown.sum() == 12
    large = torch.zeros(64, 64, dtype=torch.bool)
    large[32, 32] = True
    assert (
        surround(large.flatten(), (64, 64)).sum() == 9 * 9
    )  # four tokens on every side: as much of the picture as one of sixteen
    assert surround(large[:32, :32].flatten(), (32, 32)).sum() == 0
