"""Tiles of a matrix's rows."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.tiles import ACCELERATOR_TILE, TILE, tiles


@pytest.mark.parametrize(("device", "most"), [("cpu", TILE), ("cuda", ACCELERATOR_TILE), ("mps", ACCELERATOR_TILE)])
def test_tiles_cover_all_rows_once_and_are_as_large_as_the_device_likes(device, most):
    columns = most // 3
    found = list(tiles(8, columns, torch.device(device)))
    assert [(each.start, each.stop) for each in found] == [(0, 3), (3, 6), (6, 8)]
    assert list(tiles(2, 5 * most, torch.device(device))) == [slice(0, 1), slice(1, 2)]
    assert not list(tiles(0, 7, torch.device(device))) and list(tiles(3, 0, torch.device(device))) == [slice(0, 3)]
