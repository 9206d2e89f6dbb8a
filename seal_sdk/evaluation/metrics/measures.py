"""All measures of one image, chosen by the kind of question."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.joint_distance import KEYPOINT_DISTANCE, keypoint_distance
from seal_sdk.evaluation.metrics.leakage import LEAKAGE, leakage
from seal_sdk.evaluation.metrics.prompt_following import (
    COLOR_CHANGE,
    COLOR_REST,
    COLOR_SUCCESS,
    SCENE_SUCCESS,
    color_scores,
    scene_success,
)
from seal_sdk.evaluation.metrics.truth import METRICS, scores
from seal_sdk.evaluation.questions.triples import COLOR, Triple
from seal_sdk.pocket import world

MEASURES = (*METRICS, KEYPOINT_DISTANCE, LEAKAGE, SCENE_SUCCESS, COLOR_CHANGE, COLOR_REST, COLOR_SUCCESS)


def measure(
    image: np.ndarray, triple: Triple, found: np.ndarray, joints: np.ndarray, *, aligned: bool = True
) -> dict[str, float]:
    """The values of one image, by metric name.

    Args:
        image: The generated image, uint8 (H, W, 3).
        triple: The question that it answers.
        found: (H, W) bool, the subject's mask in the image.
        joints: (K, 2), the subject's joints in the image as (x, y) pixels, in the order of `networks.joints.SKELETONS`.
        aligned: Whether the structure image was aligned with the reference. If not, the ground truth is rendered where
            the structure image has the subject.

    Raises:
        ValueError: If image and ground truth differ in size.
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
    leaked = world.render(triple.identity, pose, first.scene, size=size)
    return values | {
        LEAKAGE.name: leakage(image, truth.image, reference.image, truth.mask | reference.mask),
        SCENE_SUCCESS.name: scene_success(image, truth, leaked),
    }
