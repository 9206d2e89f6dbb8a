"""The score of one generated image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Score:
    """One generated image and its values.

    Attributes:
        seed: The question's seed.
        kind: Kind of the structure image.
        method: Name of the method.
        image: uint8 (H, W, 3).
        values: Metric name -> value.
        told: Whether the session found no subject and had to be given its mask.
    """

    seed: int
    kind: str
    method: str
    image: np.ndarray
    values: dict[str, float]
    told: bool = False
