"""Tiles: large matrices of tokens are computed in parts, so that memory does not grow with their number of rows."""

from __future__ import annotations

from collections.abc import Iterator

import torch

TILE = 2**20  # numbers, 4 MB of fp32, on a CPU: faster than larger ones. SDXL's whole matrix at 1024 px has up to 2**24
ACCELERATOR_TILE = 2**24  # 64 MB of fp32, elsewhere: small ones would cost more launches than work


def tiles(rows: int, columns: int, device: torch.device) -> Iterator[slice]:
    """Slices of the rows of a matrix (rows, columns) on a device, of at most so many numbers each, or of one row."""
    most = TILE if device.type == "cpu" else ACCELERATOR_TILE
    step = max(most // max(columns, 1), 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
