"""Everything that is measured of one picture: `metrics` and what the other files add, by the question that was asked."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.conflicts import (
    COLOR,
    COLOR_CHANGE,
    COLOR_REST,
    COLOR_SUCCESS,
    SCENE_SUCCESS,
    color_scores,
    scene_success,
)
from seal_sdk.evaluation.keypoints import KEYPOINT_DISTANCE, keypoint_distance
from seal_sdk.evaluation.leakage import LEAKAGE, leakage
from seal_sdk.evaluation.metrics import METRICS, scores
from seal_sdk.evaluation.triples import Triple
from seal_sdk.pocket import world

MEASURES = (*METRICS, KEYPOINT_DISTANCE, LEAKAGE, SCENE_SUCCESS, COLOR_CHANGE, COLOR_REST, COLOR_SUCCESS)


def measure(
    image: np.ndarray, triple: Triple, found: np.ndarray, joints: np.ndarray, *, aligned: bool = True
) -> dict[str, float]:
    """The values of one picture, uint8 (H, W, 3), by metric name. found: (H, W) bool, where its subject is; joints:
    (K, 2), where its joints are, (x, y) in pixels in the order of `joints.SKELETONS`.

    aligned: whether the structure image was put onto the reference's place; where not, the truth stands where the
    structure image has it. Raises ValueError for a picture of another size than the truth.
    """
    pose = triple.pose if aligned else triple.structure_pose
    size = len(triple.truth.mask)
    truth = triple.truth if aligned else world.render(triple.identity, pose, triple.scene, size=size)
    distance = keypoint_distance(joints, truth.keypoints, triple.identity.species, size)
    values = scores(image, truth, found) | {KEYPOINT_DISTANCE.name: distance}
    first = world.sample(triple.seed)
    if triple.question == COLOR:
        return values | color_scores(image, truth, world.render(first.identity, pose, triple.scene, size=size))
    reference = triple.reference
    return values | {
        LEAKAGE.name: leakage(image, truth.image, reference.image, truth.mask | reference.mask),
        SCENE_SUCCESS.name: scene_success(image, truth, world.render(triple.identity, pose, first.scene, size=size)),
    }
