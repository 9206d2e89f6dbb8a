"""Scene leakage: how much of the reference's scene appears although the prompt names another scene. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.metrics.truth import SCENE_MARGIN, dilate, scene_field

LEAKAGE = Metric("leakage", "scene leakage", ratio=False)


def leakage(image: np.ndarray, truth: np.ndarray, reference: np.ndarray, subjects: np.ndarray) -> float:
    """Shift of the generated scene from the prompted scene towards the reference's, in RGB levels; 0 means none.

    The blurred scenes are compared, as in `scene_error`. A prompt leaves the colours of a scene open, so no method
    scores exactly 0. Compare with a method that never sees the reference, as `summarize` does.

    Args:
        image: The generated image, uint8 (H, W, 3).
        truth: The ground truth, uint8 (H, W, 3).
        reference: The reference photo, uint8 (H, W, 3).
        subjects: (H, W) bool, pixels of the ground truth's or the reference's subject. They and a margin around them
            are ignored.
    """
    outside = ~dilate(subjects, round(SCENE_MARGIN * max(subjects.shape)))
    prompted, leaked, generated = (
        scene_field(each.astype(np.float64), outside)[outside] for each in (truth, reference, image)
    )
    direction = leaked - prompted
    length = np.linalg.norm(direction)
    if length < 1e-9:
        return 0.0
    return float(((generated - prompted) * direction).sum() / length / np.sqrt(direction.size))
