"""How long operations tell how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], object]  # called with bytes done and in all


def silent(done: int, total: int) -> None:
    """Nobody wants to know."""
