"""Poses: joint angles, facing, place and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .identity import SPECIES

Bend = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Joint angles in radians and the place in the picture.

    Attributes:
        limbs: (upper, lower) angles of the near fore, near hind, far fore and far hind limb. Upper angles count from
            straight down, positive towards the front (a person's: outwards); lower angles count from the upper ones.
            A bird's near fore limb is its wing.
        head: Angle of the head.
        tail: Angle of the tail.
        facing: 1 (right) or -1 (left).
        place: In [0, 1]^2, where the subject stands in the room that its scale leaves; (0, 0) is top left.
        scale: In (0, 1], share of the image that the subject's longer side takes.

    Raises:
        ValueError: For a facing, place or scale outside these ranges.
    """

    limbs: tuple[Bend, Bend, Bend, Bend] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    head: float = 0.0
    tail: float = 0.0
    facing: int = 1
    place: tuple[float, float] = (0.5, 0.8)
    scale: float = 0.9

    def __post_init__(self) -> None:
        if self.facing not in (-1, 1):
            raise ValueError(f"facing is {self.facing!r}; it is 1 (right) or -1 (left)")
        if not 0.0 < self.scale <= 1.0:
            raise ValueError(f"scale is {self.scale}; it lies in (0, 1]")
        if not all(0.0 <= coordinate <= 1.0 for coordinate in self.place):
            raise ValueError(f"place is {self.place}; both coordinates lie in [0, 1]")


# Ranges of (upper, lower) for the fore and the hind limb.
_RANGES = {
    "cat": (((-0.5, 0.6), (-0.5, 0.15)), ((-0.6, 0.5), (-0.55, 0.1))),
    "dog": (((-0.5, 0.7), (-0.6, 0.1)), ((-0.7, 0.5), (-0.5, 0.1))),
    "horse": (((-0.4, 0.7), (-0.8, 0.05)), ((-0.6, 0.4), (-0.5, 0.1))),
    "bird": (((-0.3, 1.3), (0.0, 0.0)), ((-0.3, 0.35), (-0.4, 0.1))),
    "person": (((0.15, 2.6), (-0.3, 0.9)), ((0.02, 0.5), (-0.35, 0.05))),
}


def sample_pose(rng: np.random.Generator, species: str) -> Pose:
    """Draw a pose that suits the species. Raises ValueError for an unknown species."""
    if species not in SPECIES:
        raise ValueError(f"unknown species {species!r}; choose one of {', '.join(SPECIES)}")
    fore, hind = _RANGES[species]
    bends = [_bend(rng, fore), _bend(rng, hind), _bend(rng, fore), _bend(rng, hind)]
    return Pose(
        limbs=(bends[0], bends[1], bends[2], bends[3]),
        head=float(rng.uniform(-0.4, 0.35)),
        tail=float(rng.uniform(-0.6, 0.6)),
        facing=1 if rng.random() < 0.5 else -1,
        place=(float(rng.uniform(0.0, 1.0)), float(rng.uniform(0.5, 1.0))),
        scale=float(rng.uniform(0.76, 1.0)),
    )


def _bend(rng: np.random.Generator, ranges: tuple[Bend, Bend]) -> Bend:
    upper, lower = (float(rng.uniform(*limits)) for limits in ranges)
    return upper, lower
