"""What a finder returns, and what a finder is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Subject:
    """Where the subject is: box (x0, y0, x1, y1) in pixels, half open; mask (H, W) bool; score from 0 to 1."""

    box: Box
    mask: np.ndarray
    score: float = 1.0


class SubjectFinder(Protocol):
    """Finds the subject of an image. fingerprint: what decides its answers, for the recipe. calls: how often it was asked."""

    fingerprint: str
    calls: int

    def find(self, image: Image.Image, what: str = "reference") -> Subject:
        """The subject of an RGB image; ``what`` is "reference" or "structure". Raises SubjectNotFound."""
        ...


def mask_box(mask: np.ndarray) -> Box:
    """The smallest box around a mask (H, W) bool that has at least one pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
