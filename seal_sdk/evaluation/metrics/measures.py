"""All measures of one image, chosen by the kind of question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from seal_sdk.evaluation.metrics.joint_distance import KEYPOINT_DISTANCE, keypoint_distance
from seal_sdk.evaluation.metrics.leakage import LEAKAGE, leakage
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.metrics.prompt_following import (
    BOTH_FOLLOWED,
    BOTH_SUCCESS,
    COLOR_CHANGE,
    COLOR_FOLLOWED,
    COLOR_REST,
    COLOR_SUCCESS,
    PATTERN_NAMED,
    PATTERN_SUCCESS,
    SCENE_SUCCESS,
    both_scores,
    color_scores,
    pattern_scores,
    scene_success,
)
from seal_sdk.evaluation.metrics.sharpness import SHARPNESS, sharpness
from seal_sdk.evaluation.metrics.truth import METRICS, scores
from seal_sdk.evaluation.networks.seeing import Seen
from seal_sdk.evaluation.questions.triples import AGREE, COLOR, PART, PATTERN, PLAIN, REMOVAL, TWO, Triple
from seal_sdk.pocket import world

MEASURES = (
    *METRICS,
    SHARPNESS,
    KEYPOINT_DISTANCE,
    LEAKAGE,
    SCENE_SUCCESS,
    COLOR_CHANGE,
    COLOR_REST,
    COLOR_FOLLOWED,
    COLOR_SUCCESS,
    PATTERN_NAMED,
    PATTERN_SUCCESS,
    BOTH_FOLLOWED,
    BOTH_SUCCESS,
)
SUCCESS: Mapping[str, Metric] = MappingProxyType(
    {
        PLAIN: SCENE_SUCCESS,
        COLOR: COLOR_SUCCESS,
        PATTERN: PATTERN_SUCCESS,
        PART: COLOR_SUCCESS,
        TWO: BOTH_SUCCESS,
        AGREE: SCENE_SUCCESS,
        REMOVAL: PATTERN_SUCCESS,
    }
)
"""Kind of question -> the metric that says whether an image answers it."""
FOLLOWED: Mapping[str, Metric] = MappingProxyType(
    {
        COLOR: COLOR_FOLLOWED,
        PATTERN: PATTERN_NAMED,
        PART: COLOR_FOLLOWED,
        TWO: BOTH_FOLLOWED,
        REMOVAL: PATTERN_NAMED,
    }
)
"""Kind of conflict -> the metric that says whether an image shows what the prompt asks for, whatever else it changes."""


def measure(image: np.ndarray, triple: Triple, seen: Seen, *, aligned: bool = True) -> dict[str, float]:
    """The values of one image, by metric name.

    Args:
        image: The generated image, uint8 (H, W, 3).
        triple: The question that it answers.
        seen: What the networks see in it.
        aligned: Whether the structure image was aligned with the reference. If not, the ground truth is rendered where
            the structure image has the subject.

    Raises:
        ValueError: If image and ground truth differ in size.
    """
    truth, pose = triple.truth_where(aligned), triple.pose if aligned else triple.structure_pose
    distance = keypoint_distance(seen.joints, truth.keypoints, triple.identity.species, len(truth.mask))
    values = scores(image, truth, seen.mask) | {
        SHARPNESS.name: sharpness(image, truth),
        KEYPOINT_DISTANCE.name: distance,
    }

    def rendered(identity: world.Identity, scene: world.Scene) -> world.Rendering:
        return world.render(identity, pose, scene, size=len(truth.mask))

    def of_scene() -> dict[str, float]:
        reference, leaked = triple.reference, rendered(triple.identity, triple.shown.scene)
        return {
            LEAKAGE.name: leakage(image, truth.image, reference.image, truth.mask | reference.mask),
            SCENE_SUCCESS.name: scene_success(image, truth, leaked),
        }

    def of_color() -> dict[str, float]:
        return color_scores(image, truth, rendered(triple.shown.identity, triple.scene))

    def of_pattern() -> dict[str, float]:
        return pattern_scores(image, truth, seen.pattern, triple.identity.pattern)

    def of_both() -> dict[str, float]:
        both = of_color() | of_pattern()
        return both | both_scores(both)

    chosen: dict[Metric, Callable[[], dict[str, float]]] = {
        SCENE_SUCCESS: of_scene,
        COLOR_SUCCESS: of_color,
        PATTERN_SUCCESS: of_pattern,
        BOTH_SUCCESS: of_both,
    }
    return values | chosen[SUCCESS[triple.question]]()
