"""Numbers of bytes for people."""

from __future__ import annotations


def human_size(count: float) -> str:
    """A number of bytes in decimal units: 1234567 -> 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
