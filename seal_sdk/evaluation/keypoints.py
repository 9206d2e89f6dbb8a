"""How far a drawn subject's joints are from where the true rendering has them. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.joints import SKELETONS
from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.unet import SIZE

KEYPOINT_DISTANCE = Metric("keypoint_distance", "joint distance")
_PARTS = ("top", "middle", "end")


def keypoint_distance(found: np.ndarray, true: np.ndarray, species: str, side: int) -> float:
    """Mean over the joints of `joint_distances` in a picture of that side, at 128 pixels: a side is 128 at any size.

    found, true: (K, 2), (x, y) in the picture's pixels, in the order of `SKELETONS`. 0 is best; 128 is a whole side.
    """
    return float(joint_distances(found, true, species).mean()) * SIZE / side


def joint_distances(found: np.ndarray, true: np.ndarray, species: str) -> np.ndarray:
    """(K,): each joint's distance, in the unit of the points.

    A near limb and the far one of the same pair look alike from the side, and which of them is in front is a matter of
    few pixels: plain in photos, often lost in drawn pictures. So the two may trade places where that brings them nearer
    to the truth: whole limbs, all joints at once, the fore pair and the hind pair each for themselves. A picture whose
    only fault is that it swapped them therefore has no distance.
    """
    straight: np.ndarray = np.linalg.norm(found - true, axis=-1)
    for near, far in _pairs(species):
        pair = [*near, *far]
        swapped = np.linalg.norm(found[[*far, *near]] - true[pair], axis=-1)
        if swapped.sum() < straight[pair].sum():
            straight[pair] = swapped
    return straight


def _pairs(species: str) -> list[tuple[list[int], list[int]]]:
    """The indices of the joints of near and far limbs, where a species has both."""
    names = SKELETONS[species]
    limbs = [[[f"{side} {pair} {part}" for part in _PARTS] for side in ("near", "far")] for pair in ("fore", "hind")]
    return [
        ([names.index(name) for name in near], [names.index(name) for name in far])
        for near, far in limbs
        if {*near, *far} <= set(names)
    ]
