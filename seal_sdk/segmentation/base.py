"""What a segmenter is, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Subject:
    """Where the subject is: box (x0, y0, x1, y1) in pixels, half open; mask (H, W) bool; score from 0 to 1."""

    box: Box
    mask: NDArray[np.bool_]
    score: float = 1.0


class SubjectSegmenter(Protocol):
    """Finds the subject of an image. calls: how often it was asked."""

    calls: int

    @property
    def fingerprint(self) -> str:
        """What decides its answers, for the recipe."""

    def find(self, image: Image.Image, what: str = "reference") -> Subject:
        """The subject of an RGB image; ``what`` is "reference" or "structure". Raises SubjectNotFound."""


def mask_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around a mask (H, W) bool that has at least one pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


SubjectFinder = SubjectSegmenter
"""The old name; it goes with the next release."""
