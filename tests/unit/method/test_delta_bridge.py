"""Delta-Bridge: its formulas, its low pass, and half precision."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.delta_bridge import bridge, low_pass, low_pass_kernel


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


def test_low_pass_keeps_constants_and_the_mean_of_waves():
    assert torch.allclose(low_pass(torch.full((1, 2, 9, 7), 3.0), 4), torch.tensor(3.0))
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    assert low_pass(checks, 3).abs().max() < 0.2 and torch.equal(low_pass(checks, 0), checks)


def test_bridge_follows_its_formulas():
    torch.manual_seed(0)
    empty, gen, app = torch.randn(3, 1, 4, 8, 8)
    shared = dict(guidance_scale=5.0, low_pass_iterations=2)
    plain = bridge(empty, gen, app, strength=0.0, base="gen", **shared)
    assert torch.equal(plain, empty + 5.0 * (gen - empty))
    delta = low_pass(gen - app, 2)
    by_gen = bridge(empty, gen, app, strength=0.5, base="gen", **shared)
    assert torch.allclose(by_gen, empty + 5.0 * ((gen - empty) + 0.5 * delta), atol=1e-4)
    by_app = bridge(empty, gen, app, strength=0.5, base="app", **shared)
    assert torch.allclose(by_app, empty + 5.0 * ((app - empty) + 0.5 * delta), atol=1e-4)
    unguided = bridge(None, gen, app, strength=0.5, base="gen", **shared)
    assert torch.allclose(unguided, gen + 0.5 * delta, atol=1e-5)


def test_equal_prompts_make_no_delta():
    empty, gen = torch.randn(2, 1, 4, 8, 8)
    shared = dict(guidance_scale=3.0, base="gen", low_pass_iterations=3)
    assert torch.equal(
        bridge(empty, gen, gen, strength=2.0, **shared), bridge(empty, gen, None, strength=0.0, **shared)
    )


def test_the_low_pass_is_the_same_share_of_every_size():
    sizes = {32: 3, 28: 3, 64: 5, 128: 11}
    assert {side: low_pass_kernel((side, side)) for side in sizes} == sizes
    assert low_pass_kernel((28, 40)) == 3 and low_pass_kernel((96, 168)) == 11
    for side, kernel in sizes.items():
        spread = ((kernel**2 - 1) / 12) ** 0.5 / side  # of the average, as a share of the side
        assert spread == pytest.approx(((3**2 - 1) / 12) ** 0.5 / 32, rel=0.15)


def test_large_latents_are_averaged_over_larger_squares():
    gen, app = torch.randn(2, 1, 4, 64, 64)
    bridged = bridge(None, gen, app, guidance_scale=1.0, strength=1.0, base="gen", low_pass_iterations=3)
    assert torch.equal(bridged, gen + low_pass(gen - app, 3, 5))
