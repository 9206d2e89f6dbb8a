"""Whether a drawn subject is as sharp as the true one. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.pocket.world import Rendering

SHARPNESS = Metric("sharpness", "sharpness", lower_is_better=False, ratio=False)


def sharpness(image: np.ndarray, truth: Rendering) -> float:
    """`neighbour_difference` of the image (H, W, 3) less that of the truth, inside the true parts: 0 as sharp, below it more blurred.

    In RGB levels. Unlike `pattern_error` it does not say whether the details are the right ones.
    """
    return neighbour_difference(image, truth.parts) - neighbour_difference(truth.image, truth.parts)


def neighbour_difference(picture: np.ndarray, parts: np.ndarray) -> float:
    """Mean absolute difference of neighbouring pixels that are of the same part, in RGB levels; 0 without any.

    parts: (H, W) part indices, or the bool mask of one part; 0 is the background.
    """
    levels = picture.astype(np.float64)
    across = np.abs(np.diff(levels, axis=1))[(parts[:, 1:] == parts[:, :-1]) & (parts[:, 1:] > 0)]
    down = np.abs(np.diff(levels, axis=0))[(parts[1:] == parts[:-1]) & (parts[1:] > 0)]
    both = np.concatenate([across, down])
    return float(both.mean()) if both.size else 0.0
