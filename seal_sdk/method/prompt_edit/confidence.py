"""Confidence: does a word speak of the subject, and does the reference not show it already? Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.region_mean import region_mean

MIN_RATIO = 1.0  # subject-to-background ratio up to which a word does not speak of the subject (ours)
FULL_RATIO = 2.0  # and from which on it surely does (ours)
AGREES = -1.0  # relative error from which on the reference shows what the word says (ours)
CONTRADICTS = -0.5  # and up from which it does not (ours)
TINY = 1e-6


def edit_confidence(latents: Tensor, subject: Tensor, mask: Tensor, answer: Answer) -> Tensor:
    """How surely a word says of the subject what the reference does not show: a scalar tensor in [0, 1].

    A word that replaces the reference's own need not be compared with the image.

    latents: (1, C, h, w), the reference's. subject, mask: (1, 1, h, w) in [0, 1], the subject, and what of it the word speaks of.
    """
    of_subject = _ramp(subject_to_background_ratio(answer.change, subject), MIN_RATIO, FULL_RATIO)
    if answer.replaces:
        return of_subject
    return of_subject * _ramp(relative_error(latents, mask * subject, answer), AGREES, CONTRADICTS)


def subject_to_background_ratio(change: Tensor, subject: Tensor) -> Tensor:
    """Length of the mean change (1, C, h, w) over the subject (1, 1, h, w), divided by that over the background."""
    return vector_length(region_mean(change, subject)) / vector_length(region_mean(change, 1 - subject)).clamp(min=TINY)


def relative_error(latents: Tensor, where: Tensor, answer: Answer) -> Tensor:
    """How much worse the word predicts the reference than its other side does, in squared lengths of the change: a scalar tensor.

    A diffusion model that denoises an image better with a text than with another says that the text fits better
    (Li et al., "Your Diffusion Model is Secretly a Zero-Shot Classifier", ICCV 2023).
    """
    worse = (answer.edited - latents).square() - (answer.base - latents).square()
    return (where * worse).sum() / (where * answer.change.square()).sum().clamp(min=TINY**2)


def vector_length(vector: Tensor) -> Tensor:
    """Euclidean length over all elements, a scalar tensor."""
    length: Tensor = torch.linalg.vector_norm(vector)
    return length


def _ramp(value: Tensor, low: float, high: float) -> Tensor:
    return ((value - low) / (high - low)).clamp(0.0, 1.0)
