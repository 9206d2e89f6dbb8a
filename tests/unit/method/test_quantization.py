"""Eight bits per number: how far codes are from the values."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.quantization import dequantize, quantize


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_codes_are_half_a_step_away_at_most(dtype):
    torch.manual_seed(0)
    values = (torch.randn(50, 8) * torch.logspace(-3, 3, 8)).to(dtype)
    codes, scale = quantize(values)
    assert codes.dtype == torch.uint8 and codes.shape == values.shape and scale.shape == (2, 8)
    back = dequantize(codes, scale, torch.float32)
    assert ((back - values.float()).abs() <= scale[0] * 0.501).all()


def test_a_constant_channel_is_exact():
    values = torch.full((9, 2), 3.25)
    assert torch.equal(dequantize(*quantize(values), torch.float32), values)
