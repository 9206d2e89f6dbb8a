"""Delta-Bridge: the low-passed difference of two guidances, added back to the main one (paper, "Delta-Bridge")."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def low_pass(field: Tensor, iterations: int, kernel: int = 3) -> Tensor:
    """Iterated average pooling of (B, C, H, W) at unchanged size; border pixels average what lies inside (ours)."""
    for _ in range(iterations):
        field = F.avg_pool2d(field, kernel, stride=1, padding=kernel // 2, count_include_pad=False)
    return field


def bridge(
    uncond: Tensor | None,
    generation: Tensor | None,
    appearance: Tensor | None,
    *,
    guidance_scale: float,
    strength: float,
    base: str,
    low_pass_iterations: int,
    region: Tensor | None = None,
) -> Tensor:
    """The guided prediction (B, C, H, W) of one step.

    With g_x = eps(z, c_x) - eps(z, empty) and Delta = g_gen - g_app (paper): ``eps(empty) + w (g_base + lambda LPF(Delta))``, where the
    main guidance is the generation's or the appearance's (``base``, ours). uncond=None is unguided sampling: ``eps_base + lambda
    LPF(Delta)``. What is not needed may be None; strength 0 is diffusers' own classifier-free guidance, bit for bit.
    region: (1, 1, H, W) in [0, 1], how much of the delta each place takes (ours), None for all of it everywhere.
    """
    main = generation if base == "gen" else appearance
    assert main is not None
    guided = main if uncond is None else uncond + guidance_scale * (main - uncond)
    if not strength:
        return guided
    assert generation is not None and appearance is not None
    weight = strength if uncond is None else guidance_scale * strength
    delta = low_pass(generation - appearance, low_pass_iterations)
    return guided + weight * (delta if region is None else region * delta)
