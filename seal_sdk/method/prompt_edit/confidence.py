"""Edit confidence: does a prompt edit speak of the subject or of the scene? Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.region_mean import region_mean

MIN_RATIO = 1.0  # subject-to-background ratio up to which the confidence is 0 (ours)
FULL_RATIO = 2.0  # and from which on it is 1 (ours)
TINY = 1e-6


def edit_confidence(change: Tensor, subject: Tensor) -> Tensor:
    """How surely a change (1, C, h, w) is one of the subject (1, 1, h, w): a scalar tensor in [0, 1]."""
    ratio = subject_to_background_ratio(change, subject)
    return ((ratio - MIN_RATIO) / (FULL_RATIO - MIN_RATIO)).clamp(0.0, 1.0)


def subject_to_background_ratio(change: Tensor, subject: Tensor) -> Tensor:
    """Length of the mean change (1, C, h, w) over the subject (1, 1, h, w), divided by that over the background."""
    return vector_length(region_mean(change, subject)) / vector_length(region_mean(change, 1 - subject)).clamp(min=TINY)


def vector_length(vector: Tensor) -> Tensor:
    """Euclidean length over all elements, a scalar tensor."""
    length: Tensor = torch.linalg.vector_norm(vector)
    return length
