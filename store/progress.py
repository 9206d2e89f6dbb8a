"""Progress callbacks of long operations."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], object]  # called as progress(bytes_done, bytes_total)


def silent(done: int, total: int) -> None:
    """Ignore the progress."""
