"""K/V in eight bits per number, with one scale and one offset per channel (ours).

KIVI (arXiv 2402.02750) also quantizes keys per channel.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 255


def quantize(values: Tensor) -> tuple[Tensor, Tensor]:
    """Quantize values (N, C) of any float dtype.

    Returns codes, (N, C) uint8, and the scale and offset of each channel, (2, C) fp32. ``codes * scale + offset`` differs
    from the value by at most half a scale, which is 1/510 of the channel's range.
    """
    low, high = (bound.float() for bound in (values.amin(dim=0), values.amax(dim=0)))
    scale = ((high - low) / _LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
    codes = ((values.float() - low) / scale).round().clamp(0, _LEVELS)
    return codes.to(torch.uint8), torch.stack([scale, low])


def dequantize(codes: Tensor, scale_and_offset: Tensor, dtype: torch.dtype) -> Tensor:
    """Values (..., N, C) of a dtype, from codes (..., N, C) and their scales and offsets (..., 2, C)."""
    scale, offset = scale_and_offset.float().chunk(2, dim=-2)
    return (codes.float() * scale + offset).to(dtype)
