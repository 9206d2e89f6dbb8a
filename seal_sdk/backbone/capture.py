"""Capture: one noise-free forward of the reference per timestep, keeping the self-attention's K and V (paper, "Caching")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.base import Backbone, Change, KeyValue, SelfAttention
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.finite import check_finite
from seal_sdk.method.noise_level import NoiseLevel

ACCELERATOR_BATCH = 4  # timesteps per forward on a GPU; one on a CPU, where a batch gains nothing


def kv_shapes(layers: Sequence[SelfAttention], latent_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """(tokens, channels) of each layer's K and V, known without running the model."""
    grids = {layer.name: layer.grid(latent_size) for layer in layers}
    return {layer.name: (grids[layer.name][0] * grids[layer.name][1], layer.channels) for layer in layers}


@torch.no_grad()
def capture(
    backbone: Backbone,
    layers: Sequence[SelfAttention],
    latents: Tensor,
    conditioning: Conditioning,
    timesteps: Sequence[int],
    mode: str = "scaled",
    batch: int | None = None,
) -> Iterator[dict[str, KeyValue]]:
    """Yield, per timestep, each layer's K and V as (tokens, channels) tensors, heads concatenated.

    latents: (1, C, h, w) clean latents of the reference. mode: "scaled" multiplies them by sqrt(alpha_bar_t) and adds no noise, "clean"
    leaves them as they are, "noised" adds the noise that belongs to the timestep, always the same.
    batch: timesteps per forward; None takes what suits the device. Raises NumericalError when K or V is not finite.
    """
    batch = batch or (1 if backbone.device.type == "cpu" else ACCELERATOR_BATCH)
    for start in range(0, len(timesteps), batch):
        chunk = list(timesteps[start : start + batch])
        kept: dict[str, Tensor] = {}
        with backbone.hooks() as hooks:
            for layer in layers:
                layer.after("key", hooks, _keeper(kept, layer.name + ".k"))
                layer.after("value", hooks, _keeper(kept, layer.name + ".v"))
            _forward(backbone, latents, conditioning, chunk, mode)
        for row, timestep in enumerate(chunk):
            step = {layer.name: (kept[layer.name + ".k"][row], kept[layer.name + ".v"][row]) for layer in layers}
            for name, pair in step.items():
                for tensor in pair:
                    check_finite(tensor, f"the K/V of {name} at timestep {timestep}; nothing was stored")
            yield step


def _keeper(kept: dict[str, Tensor], name: str) -> Change:
    def keep(output: Tensor) -> None:
        kept[name] = output.detach()

    return keep


def _forward(backbone: Backbone, latents: Tensor, conditioning: Conditioning, timesteps: list[int], mode: str) -> None:
    levels = [_CLEAN if mode == "clean" else backbone.noise_level(timestep) for timestep in timesteps]
    noise = None
    if mode == "noised":
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(latents)
    noisy = torch.cat([level.add_noise(latents, noise) for level in levels])
    backbone.predict(noisy, torch.tensor(timesteps, device=latents.device), stack([conditioning] * len(timesteps)))


_CLEAN = NoiseLevel(1.0, 0.0, "sample")
