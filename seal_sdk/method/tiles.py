"""Tiles: large matrices of tokens are computed in parts, so that memory does not grow with their number of rows."""

from __future__ import annotations

from collections.abc import Iterator

TILE = 2**20  # numbers, 4 MB of fp32: faster than larger ones. SDXL's whole matrix at 1024 px has up to 2**24


def tiles(rows: int, columns: int) -> Iterator[slice]:
    """Slices of the rows of a matrix (rows, columns), of at most `TILE` numbers each, or of one row."""
    step = max(TILE // max(columns, 1), 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
