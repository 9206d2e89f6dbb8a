"""One picture and how it scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Score:
    """One picture and how it scored: image uint8 (H, W, 3), values by metric name.

    told: whether the session found no subject and had to be told where it is.
    """

    seed: int
    kind: str
    method: str
    image: np.ndarray
    values: dict[str, float]
    told: bool = False
