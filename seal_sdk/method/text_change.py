"""What the text says of the subject and the reference does not show (ours): another colour of its coat, say.

Transferred details would paint the reference's own colours over it. So, early in sampling, the change that the text makes
is measured in rows that nothing of the reference is infused into, and the transferred latents are changed as much.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.delta_bridge import low_pass
from seal_sdk.method.detail import region_mean

SMOOTHING = 2  # 3x3 averages: the change is one of whole parts (ours)
DOUBTFUL, CERTAIN = 0.1, 0.16  # of `evidence`: no change is believed up to the first, all from the second on (ours)


def believed_change(asked: Tensor, shown: Tensor, neither: Tensor, region: Tensor) -> Tensor:
    """How the text changes the subject's clean latents, (1, C, h, w); zero outside of the region, and where it hardly does.

    asked, shown, neither: (1, C, h, w), clean latents as predicted for the prompt, for the reference's prompt, and for no
    text, all from the same noise. region: (1, 1, h, w), how much of each latent belongs to the subject, from 0 to 1.
    """
    change = _inside(asked - shown, region)
    weight = (evidence(asked, shown, neither, region) - DOUBTFUL) / (CERTAIN - DOUBTFUL)
    return change * weight.clamp(0.0, 1.0)


def evidence(asked: Tensor, shown: Tensor, neither: Tensor, region: Tensor) -> Tensor:
    """How sure it is that the two texts speak of two looks of the subject: a number >= 0.

    Two scenes, too, differ a little where the subject is. What counts is how far the subject's mean is moved, from the
    reference's text and from no text, in proportion to how far its surroundings' mean is.
    """
    change = asked - shown
    around = _length(change, 1 - region).clamp(min=1e-6)
    return _length(change, region) * _length(asked - neither, region) / around


def _length(field: Tensor, region: Tensor) -> Tensor:
    """Of the mean over a region."""
    return torch.linalg.vector_norm(region_mean(field, region))


def _inside(field: Tensor, region: Tensor) -> Tensor:
    """A field smoothed over the region alone; zero outside."""
    weight = low_pass(region, SMOOTHING)
    return region * low_pass(field * region, SMOOTHING) / weight.clamp(min=1e-6)
