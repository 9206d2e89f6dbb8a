"""Does a word speak of a pattern, such as stripes, or of a colour? Ours.

A colour moves the latents of a subject in one direction, wherever they are. A pattern moves them in several.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.delta_bridge import low_pass, low_pass_kernel

SMOOTHINGS = 8  # of a low pass, until a subject's colours are left and no pattern (ours)
ONE_DIRECTION = 0.88  # share of a change along its main direction from which on it is one of colour (ours)
TINY = 1e-6


def is_pattern(change: Tensor, subject: Tensor) -> bool:
    """Whether a change (1, C, h, w) of the subject, (1, 1, h, w) in [0, 1], is one of pattern."""
    return bool(main_direction_share(change, subject) < ONE_DIRECTION)


def main_direction_share(change: Tensor, subject: Tensor) -> Tensor:
    """Share of the squared lengths of a change (1, C, h, w) that lies along one direction: a scalar tensor in [1 / C, 1]."""
    vectors = (change * subject.sqrt())[0].flatten(1).float()
    strengths = torch.linalg.eigvalsh(vectors @ vectors.T)
    share: Tensor = strengths[-1] / strengths.sum().clamp(min=TINY)
    return share


def fine_structure(fields: Tensor, subject: Tensor) -> Tensor:
    """Fields (B, C, h, w) without the colours of the subject, (1, 1, h, w) in [0, 1]: what is left is its pattern."""
    kernel = low_pass_kernel((fields.shape[-2], fields.shape[-1]))
    weight = low_pass(subject, SMOOTHINGS, kernel).clamp(min=TINY)
    return fields - low_pass(fields * subject, SMOOTHINGS, kernel) / weight
