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


def believed_change(edited: Tensor, shown: Tensor, region: Tensor) -> Tensor:
    """How one edit of the text changes the subject's clean latents, (1, C, h, w); zero outside of the region.

    edited, shown: (1, C, h, w), clean latents as predicted for the reference's prompt with and without the edit, from the
    same noise. region: (1, 1, h, w), how much of each latent belongs to the subject, from 0 to 1. Zero, too, where the
    edit speaks of the scene.
    """
    change = edited - shown
    weight = (evidence(change, region) - DOUBTFUL) / (CERTAIN - DOUBTFUL)
    return _inside(change, region) * weight.clamp(0.0, 1.0)


def bearers(latents: Tensor, region: Tensor, change: Tensor, named: Tensor) -> Tensor:
    """How much of a change each place takes, (1, 1, h, w) from 0 to 2: most where the look is that the text has changed.

    latents: (1, C, h, w), what is to be changed. region: (1, 1, h, w) in [0, 1]. A striped coat has two colours and the
    change is of one: of the one that lies far from the new one, along the mean ``change`` (1, C, h, w), and far to where
    the reference's text leads from no text, ``named``. Both are counted in standard deviations.
    """
    away = _standard(latents, named, region) - _standard(latents, change, region)
    return 2 * torch.sigmoid(away)


def _standard(latents: Tensor, field: Tensor, region: Tensor) -> Tensor:
    """(1, 1, h, w): latents along the mean direction of a field, with mean 0 and standard deviation 1 over the region."""
    along = (latents * region_mean(field, region)).sum(1, keepdim=True)
    centred = along - region_mean(along, region)
    return centred / region_mean(centred.square(), region).sqrt().clamp(min=1e-6)


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
