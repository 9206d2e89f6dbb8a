"""Confidence: does a word speak of the subject, and does the reference not show it already? Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.outline import around, inside
from seal_sdk.method.prompt_edit.pattern import fine_structure
from seal_sdk.method.region_mean import region_mean

MIN_RATIO = 1.0  # subject-to-background ratio up to which a word does not speak of the subject (ours)
FULL_RATIO = 2.0  # and from which on it surely does (ours)
MIN_INTERIOR = 1.4  # ratio of a pattern's change inside the subject to that around it up to which it is one of shape or scene (ours)
FULL_INTERIOR = 2.0  # and from which on it surely is one of pattern (ours)
AGREES = -1.0  # relative error from which on the reference shows what the word says (ours)
CONTRADICTS = -0.5  # and up from which it does not (ours)
TINY = 1e-6


def edit_confidence(latents: Tensor, subject: Tensor, mask: Tensor, answer: Answer) -> Tensor:
    """How surely a word says of the subject's colour what the reference does not show: a scalar tensor in [0, 1].

    latents: (1, C, h, w), the reference's. subject, mask: (1, 1, h, w) in [0, 1], the subject, and what of it the word speaks of.
    """
    of_subject = _ramp(subject_to_background_ratio(answer.change, subject), MIN_RATIO, FULL_RATIO)
    return of_subject * _disagreement(latents, mask * subject, answer)


def pattern_confidence(latents: Tensor, subject: Tensor, mask: Tensor, answer: Answer) -> Tensor:
    """The same of the subject's pattern. Words about shape and pose change the outline as much, and those about the scene change that.

    Whether the reference shows the pattern already is asked without the colours, which differ from what the model would choose.
    """
    of_subject = _ramp(interior_ratio(answer.change, subject), MIN_INTERIOR, FULL_INTERIOR)
    where = mask * subject
    edited, base, shown = torch.split(fine_structure(torch.cat([answer.edited, answer.base, latents]), subject), 1)
    return of_subject * _disagreement(shown, where, Answer(edited, base, answer.replaces))


def _disagreement(latents: Tensor, where: Tensor, answer: Answer) -> Tensor | float:
    """How surely the reference does not show what the word says, in [0, 1]. One that replaces the reference's own says so itself."""
    return 1.0 if answer.replaces else _ramp(relative_error(latents, where, answer), AGREES, CONTRADICTS)


def interior_ratio(change: Tensor, subject: Tensor) -> Tensor:
    """Root mean square of the change (1, C, h, w) inside the subject (1, 1, h, w), divided by that right around it; 0 if one is empty."""
    inner, ring, energy = inside(subject), around(subject), change.square().sum(1, keepdim=True)
    if not inner.any() or not ring.any():
        return energy.new_zeros(())
    return (region_mean(energy, inner) / region_mean(energy, ring).clamp(min=TINY**2)).sqrt().squeeze()


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
