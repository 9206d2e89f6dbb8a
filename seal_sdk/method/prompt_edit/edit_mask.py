"""Edit mask: which latents of the subject a prompt edit speaks of, such as one of a striped coat's two colours. Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.confidence import TINY, vector_length
from seal_sdk.method.prompt_edit.predictions import PromptPredictions
from seal_sdk.method.region_mean import region_mean

NOISE_FLOOR = 0.5  # in lengths of a direction: latents that differ by less along it hardly count as different (ours)
BANDWIDTH = 0.1  # of the latents' variance: squared distance up to which latents share what was found (ours)
MAX_SAMPLES = 1024  # latents of the subject that others are compared with, evenly spread (ours)


def edit_mask(latents: Tensor, subject: Tensor, predictions: PromptPredictions) -> Tensor:
    """How much each latent takes of an edit's change, (1, 1, h, w) in [0, 1].

    The product of prompt affinity and root edit response, smoothed over latents that look alike, and scaled so that a
    subject of one look gets 1 everywhere. Zero outside of the subject.

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each latent is the subject's.
    """
    affinity = prompt_affinity(latents, subject, predictions)
    found = affinity * edit_response(predictions.change, subject).sqrt()
    smooth = _smoothed(found, latents, subject)
    scale = region_mean(smooth.square(), subject) / region_mean(smooth, subject).clamp(min=TINY)
    return torch.where(subject > 0, smooth / scale.clamp(min=TINY), 0.0).clamp(max=1.0)


def prompt_affinity(latents: Tensor, subject: Tensor, predictions: PromptPredictions) -> Tensor:
    """How much each latent has the look that the reference prompt's changed words name, (1, 1, h, w) in [0, 1].

    Such latents lie far in the direction of the reference prompt, and not far in the direction of the change. The first
    is measured from midway between the subject and the unconditional prediction: a subject of one colour has only that.
    """
    mean = region_mean(latents, subject)
    midway = (mean + region_mean(predictions.unconditional, subject)) / 2
    named = _projection(latents, midway, predictions.reference - predictions.unconditional, subject)
    changed = _projection(latents, mean, predictions.change, subject)
    return torch.sigmoid(named - changed)


def edit_response(change: Tensor, subject: Tensor) -> Tensor:
    """The change (1, C, h, w) at each latent along its mean over the subject, relative to it: (1, 1, h, w) >= 0."""
    mean = region_mean(change, subject)
    return ((change * mean).sum(1, keepdim=True) / mean.square().sum().clamp(min=TINY**2)).clamp(min=0.0)


def _projection(latents: Tensor, origin: Tensor, field: Tensor, subject: Tensor) -> Tensor:
    """How far latents lie from the origin along a field's mean, in standard deviations over the subject, (1, 1, h, w)."""
    direction = region_mean(field, subject)
    length = vector_length(direction).clamp(min=TINY)
    along = ((latents - origin) * direction / length).sum(1, keepdim=True)
    variance = region_mean((along - region_mean(along, subject)).square(), subject)
    return along / (variance + (NOISE_FLOOR * length) ** 2).clamp(min=TINY**2).sqrt()


def _smoothed(field: Tensor, latents: Tensor, subject: Tensor) -> Tensor:
    """Average a field (1, 1, h, w) over the subject's latents that look alike. It keeps the borders between colours."""
    places = torch.nonzero(subject.flatten()).squeeze(1)
    if not len(places):
        return field
    count = min(len(places), MAX_SAMPLES)
    samples = places[torch.linspace(0, len(places) - 1, count, device=places.device).round().long()]
    looks, weight = latents[0].flatten(1).T, subject.flatten()[samples]
    variance = region_mean((latents - region_mean(latents, subject)).square(), subject).sum()
    distance = torch.cdist(looks, looks[samples]).square() / (BANDWIDTH * variance).clamp(min=TINY**2)
    kernel = torch.softmax(weight.log() - distance, dim=1)
    return (kernel @ field.flatten()[samples]).view_as(field)
