"""Edit mask: which latents of the subject a word speaks of, such as one of a striped coat's two colours. Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.confidence import TINY, vector_length
from seal_sdk.method.region_mean import region_mean
from seal_sdk.method.tiles import tiles

BANDWIDTH = 0.1  # of the latents' variance: squared distance up to which latents share what was found (ours)
MAX_SAMPLES = 1024  # latents of the subject that others are compared with, evenly spread (ours)
BY_PRODUCT = "use_mm_for_euclid_dist"  # as for many latents, so that few get the same distances
FLOOR = 0.6  # of the mask before it is stretched to [0, 1]: looks that respond less are left alone (ours)


def edit_mask(latents: Tensor, subject: Tensor, response: Tensor) -> Tensor:
    """How much each latent takes of a word's change, (1, 1, h, w) in [0, 1].

    The root of the response, smoothed over latents that look alike, and scaled so that a subject of one look gets 1 everywhere. Zero
    outside of the subject.

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each latent is the subject's.
    response: (1, 1, h, w) >= 0, how much the word changes in the model's prediction: `colour_response` or `pattern_response`.
    """
    smooth = _smoothed(response.sqrt(), latents, subject)
    scale = region_mean(smooth.square(), subject) / region_mean(smooth, subject).clamp(min=TINY)
    share = torch.where(subject > 0, smooth / scale.clamp(min=TINY), 0.0)
    return ((share - FLOOR) / (1 - FLOOR)).clamp(0.0, 1.0)


def pattern_response(change: Tensor) -> Tensor:
    """The length of the change (1, C, h, w) at each latent, (1, 1, h, w): a pattern changes each in another direction."""
    length: Tensor = torch.linalg.vector_norm(change, dim=1, keepdim=True)
    return length


def colour_response(change: Tensor, subject: Tensor) -> Tensor:
    """The change (1, C, h, w) at each latent along its mean over the subject, (1, 1, h, w) >= 0."""
    mean = region_mean(change, subject)
    return ((change * mean).sum(1, keepdim=True) / vector_length(mean).clamp(min=TINY)).clamp(min=0.0)


def _smoothed(field: Tensor, latents: Tensor, subject: Tensor) -> Tensor:
    """Average a field (1, 1, h, w) over the subject's latents that look alike. It keeps the borders between colours. Zero elsewhere."""
    places = torch.nonzero(subject.flatten()).squeeze(1)
    if not len(places):
        return field
    count = min(len(places), MAX_SAMPLES)
    samples = places[torch.linspace(0, len(places) - 1, count, device=places.device).round().long()]
    looks, weight = latents[0].flatten(1).T, subject.flatten()[samples]
    variance = region_mean((latents - region_mean(latents, subject)).square(), subject).sum()
    bandwidth, smoothed = (BANDWIDTH * variance).clamp(min=TINY**2), torch.zeros_like(field).flatten()
    for tile in tiles(len(places), count, places.device):
        some = places[tile]
        distance = torch.cdist(looks[some], looks[samples], compute_mode=BY_PRODUCT).square_().div_(bandwidth)
        smoothed[some] = torch.softmax(weight.log() - distance, dim=1) @ field.flatten()[samples]
    return smoothed.view_as(field)
