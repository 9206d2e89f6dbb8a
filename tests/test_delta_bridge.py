"""The low pass of Delta-Bridge: iterated, and right at the border."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.delta_bridge import bridge, low_pass


def test_iterations_are_repeated_passes():
    torch.manual_seed(0)
    field = torch.randn(2, 4, 9, 7)
    once = low_pass(field, 1)
    assert torch.equal(low_pass(field, 3), low_pass(low_pass(once, 1), 1))
    assert low_pass(field, 3).var() < once.var() < field.var()


def test_a_pass_averages_the_neighbours_that_exist():
    field = torch.arange(12.0).reshape(1, 1, 3, 4)
    smooth = low_pass(field, 1)[0, 0]
    assert smooth[1, 1] == pytest.approx(field[0, 0, 0:3, 0:3].mean())
    assert smooth[0, 0] == pytest.approx(field[0, 0, 0:2, 0:2].mean())
    assert smooth[2, 1] == pytest.approx(field[0, 0, 1:3, 0:3].mean())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_without_strength_is_plain_guidance(dtype):
    torch.manual_seed(0)
    empty, gen, app = torch.randn(3, 1, 4, 8, 8, dtype=dtype)
    guided = bridge(empty, gen, app, guidance_scale=5.0, strength=0.0, base="gen", low_pass_iterations=3)
    assert guided.dtype == dtype and torch.equal(guided, empty + 5.0 * (gen - empty))
