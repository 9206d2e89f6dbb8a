"""What the text says of the subject and the reference does not show (ours): another colour of its coat, say.

Transferred details would paint the reference's own colours over it. So, early in sampling, the change that each
difference between the two prompts makes is measured, in rows that nothing of the reference is infused into, and the
transferred latents are changed as much.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.delta_bridge import low_pass
from seal_sdk.method.detail import region_mean

SMOOTHING = 2  # 3x3 averages: the change is one of whole parts (ours)
DOUBTFUL, CERTAIN = 1.0, 2.0  # of `evidence`: no change is believed up to the first, all from the second on (ours)
LIKE = 0.5  # of the length of a change: looks that differ by less than this are alike (ours)


def believed_change(edited: Tensor, shown: Tensor, region: Tensor) -> Tensor:
    """How one edit of the text changes the subject's clean latents, (1, C, h, w); zero outside of the region.

    edited, shown: (1, C, h, w), clean latents as predicted for the reference's prompt with and without the edit, from the
    same noise. region: (1, 1, h, w), how much of each latent belongs to the subject, from 0 to 1. Zero, too, where the
    edit speaks of the scene.
    """
    change = edited - shown
    weight = (evidence(change, region) - DOUBTFUL) / (CERTAIN - DOUBTFUL)
    return _inside(change, region) * weight.clamp(0.0, 1.0)


def bearers(latents: Tensor, region: Tensor, change: Tensor, shown: Tensor, neither: Tensor) -> Tensor:
    """How much of a change each place takes, (1, 1, h, w) from 0 to 2: most where the look is that the text has changed.

    latents: (1, C, h, w), what is to be changed. region: (1, 1, h, w) in [0, 1]. shown, neither: clean latents as
    predicted for the reference's prompt and for no text. A striped coat has two colours, and a ``change`` is of one: of
    the one that lies far to where the reference's prompt leads, and far from where the change does. A coat of one colour
    has only that, so the first is counted from midway between the coat and what no text leads to.
    """
    mean = region_mean(latents, region)
    midway = (mean + region_mean(neither, region)) / 2
    away = _along(latents, midway, shown - neither, region) - _along(latents, mean, change, region)
    return 2 * torch.sigmoid(away)


def _along(latents: Tensor, origin: Tensor, field: Tensor, region: Tensor) -> Tensor:
    """(1, 1, h, w): how far latents lie from the origin along a field's mean, in standard deviations over the region.

    What differs by less than half the field's mean hardly counts as different.
    """
    way = region_mean(field, region)
    length = torch.linalg.vector_norm(way).clamp(min=1e-6)
    along = ((latents - origin) * way / length).sum(1, keepdim=True)
    variance = region_mean((along - region_mean(along, region)).square(), region)
    return along / (variance + (LIKE * length) ** 2).sqrt()


def evidence(change: Tensor, region: Tensor) -> Tensor:
    """How sure it is that a change is one of the subject: how many times further its mean is moved than its surroundings'."""
    return _length(change, region) / _length(change, 1 - region).clamp(min=1e-6)


def _length(field: Tensor, region: Tensor) -> Tensor:
    """Of the mean over a region."""
    return torch.linalg.vector_norm(region_mean(field, region))


def _inside(field: Tensor, region: Tensor) -> Tensor:
    """A field smoothed over the region alone; zero outside."""
    weight = low_pass(region, SMOOTHING)
    return region * low_pass(field * region, SMOOTHING) / weight.clamp(min=1e-6)
