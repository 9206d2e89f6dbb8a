"""Smaller K/V: eight bits per number, with a scale and an offset per channel (ours; KIVI, arXiv 2402.02750, quantises K so too)."""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 255


def quantize(values: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (N, C) uint8 and (2, C) fp32, scale and offset of each channel, of values (N, C) of any float dtype.

    ``codes * scale + offset`` is at most half a scale, 1/510 of the channel's range, away from the value.
    """
    low, high = (bound.float() for bound in (values.amin(dim=0), values.amax(dim=0)))
    scale = ((high - low) / _LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
    codes = ((values.float() - low) / scale).round().clamp(0, _LEVELS)
    return codes.to(torch.uint8), torch.stack([scale, low])


def dequantize(codes: Tensor, scale_and_offset: Tensor, dtype: torch.dtype) -> Tensor:
    """Values (..., N, C) from codes (..., N, C) and (..., 2, C)."""
    scale, offset = scale_and_offset.float().split(1, dim=-2)
    return (codes.float() * scale + offset).to(dtype)
