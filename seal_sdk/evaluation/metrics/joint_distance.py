"""Distance of a generated subject's joints from those of the ground truth. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.networks.joints import SKELETONS
from seal_sdk.evaluation.networks.unet import SIZE

KEYPOINT_DISTANCE = Metric("keypoint_distance", "joint distance")
_PARTS = ("top", "middle", "end")


def keypoint_distance(found: np.ndarray, true: np.ndarray, species: str, side: int) -> float:
    """Mean of `joint_distances`, in pixels of an image of 128 a side. 0 is best; 128 is a whole side.

    Args:
        found: (K, 2) joints as (x, y) pixels, in the order of `SKELETONS`.
        true: (K, 2) true joints, likewise.
        species: Key of `SKELETONS`.
        side: The image's side in pixels.
    """
    return float(joint_distances(found, true, species).mean()) * SIZE / side


def joint_distances(found: np.ndarray, true: np.ndarray, species: str) -> np.ndarray:
    """(K,): the distance of each joint, in the unit of the points.

    The near and the far limb of a pair look alike from the side. Photos show which one is in front, but generated
    images often lose the few pixels that do. The two may therefore swap if that brings them closer to the truth: all
    joints of a limb at once, fore and hind pair independently. An image whose only fault is such a swap has distance 0.
    """
    distances: np.ndarray = np.linalg.norm(found - true, axis=-1)
    for near, far in _limb_pairs(species):
        pair = [*near, *far]
        swapped = np.linalg.norm(found[[*far, *near]] - true[pair], axis=-1)
        if swapped.sum() < distances[pair].sum():
            distances[pair] = swapped
    return distances


def _limb_pairs(species: str) -> list[tuple[list[int], list[int]]]:
    """Joint indices of each pair of near and far limb that the species has."""
    names = SKELETONS[species]
    limbs = [[[f"{side} {pair} {part}" for part in _PARTS] for side in ("near", "far")] for pair in ("fore", "hind")]
    return [
        ([names.index(name) for name in near], [names.index(name) for name in far])
        for near, far in limbs
        if {*near, *far} <= set(names)
    ]
