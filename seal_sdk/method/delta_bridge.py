"""Delta-Bridge: adds the low-passed difference of two guidance terms to the main one (paper, "Delta-Bridge")."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

LOW_PASS_SIDE = 32  # latents a side up to which 3x3 are averaged; larger ones are averaged as much wider (ours)


def low_pass(field: Tensor, iterations: int, kernel: int = 3) -> Tensor:
    """Average-pool (B, C, H, W) repeatedly at the same size. At the border only existing pixels count (ours)."""
    for _ in range(iterations):
        field = F.avg_pool2d(field, kernel, stride=1, padding=kernel // 2, count_include_pad=False)
    return field


def low_pass_kernel(latent_size: tuple[int, int]) -> int:
    """Side of the averaged square for latents of (height, width): 3 for `LOW_PASS_SIDE`.

    Latents that are s times as large get the odd side whose average is nearest to s times as wide, in standard deviations: it stays the
    same share of the picture.
    """
    larger = max((latent_size[0] * latent_size[1]) ** 0.5 / LOW_PASS_SIDE, 1.0)
    return 2 * round((float((8 * larger**2 + 1) ** 0.5) - 1) / 2) + 1


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
    """The guided prediction of one step.

    With g_x = eps(z, c_x) - eps(z, empty) and Delta = g_gen - g_app (paper) it is ``eps(empty) + w (g_base + lambda
    LPF(Delta))``. Without ``uncond`` (unguided sampling) it is ``eps_base + lambda LPF(Delta)``. With strength 0 it is
    diffusers' own classifier-free guidance, bit for bit.

    Args:
        uncond: (B, C, H, W), prediction with the empty or negative prompt, or None.
        generation: (B, C, H, W), prediction with the prompt; may be None if it is not needed.
        appearance: (B, C, H, W), prediction with the reference prompt; may be None if it is not needed.
        guidance_scale: w.
        strength: lambda.
        base: which guidance is the main one, "gen" or "app" (ours).
        low_pass_iterations: passes of `low_pass`, over squares of `low_pass_kernel`.
        region: (1, 1, H, W) in [0, 1], a factor on the low-passed delta (ours); None means 1 everywhere.

    Returns:
        (B, C, H, W).
    """
    main = generation if base == "gen" else appearance
    assert main is not None
    guided = main if uncond is None else uncond + guidance_scale * (main - uncond)
    if not strength:
        return guided
    assert generation is not None and appearance is not None
    weight = strength if uncond is None else guidance_scale * strength
    kernel = low_pass_kernel((generation.shape[-2], generation.shape[-1]))
    delta = low_pass(generation - appearance, low_pass_iterations, kernel)
    return guided + weight * (delta if region is None else region * delta)
