"""Detail transfer (ours): the reference's latents, put where its tokens were matched, steer what the image is going to be.

Infusion works on tokens of several latents each; within one the model paints what it likes. The matches also say which
of the reference's latents belong there (`likeness`, `coherence`, `flow`).
"""

from __future__ import annotations

from torch import Tensor


def mean_shift(latents: Tensor, region: Tensor, reference: Tensor, subject: Tensor) -> Tensor:
    """(1, C, 1, 1): from the mean of (1, C, h, w) latents over a region to the reference's over its subject.

    region, subject: (1, 1, h, w), how much of each cell belongs, from 0 to 1. Zero where either is empty.
    """
    if not region.any() or not subject.any():
        return latents.new_zeros(1, latents.shape[1], 1, 1)
    return region_mean(reference, subject) - region_mean(latents, region)


def region_mean(latents: Tensor, region: Tensor) -> Tensor:
    """(1, C, 1, 1): the mean of (1, C, h, w) latents over a region, (1, 1, h, w) in [0, 1]; zero where that is empty."""
    return (latents * region).sum((-2, -1), keepdim=True) / region.sum().clamp(min=1e-6)


def steer(prediction: Tensor, change: Tensor, level: float, kind: str) -> Tensor:
    """The UNet's prediction (B, C, h, w) that stands for clean latents changed by ``change``, at alpha_bar ``level`` < 1.

    kind: diffusers' prediction type: "epsilon", "v_prediction" or "sample".
    """
    if kind == "sample":
        return prediction + change
    noise = (1 - level) ** 0.5
    return prediction - change * ((level**0.5 if kind == "epsilon" else 1.0) / noise)


def clean(prediction: Tensor, noisy: Tensor, level: float, kind: str) -> Tensor:
    """The clean latents that a prediction stands for; noisy: the UNet's input, (B, C, h, w) both."""
    if kind == "sample":
        return prediction
    signal, noise = level**0.5, (1 - level) ** 0.5
    return (noisy - noise * prediction) / signal if kind == "epsilon" else signal * noisy - noise * prediction
