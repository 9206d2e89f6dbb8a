"""Capture: one noise-free forward of the reference per timestep, keeping attn1's K and V (paper: "Caching")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.backbone.noise import alpha_bar, at_level
from seal_sdk.errors import NumericalError

KeyValue = tuple[Tensor, Tensor]


def kv_shapes(
    pipe: StableDiffusionXLPipeline, layers: Sequence[SelfAttentionLayer], latent_size: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """(tokens, channels) of each layer's K and V, known from the architecture without running it.

    A block ``down_blocks.i`` works on latents halved i times, the mid block on the coarsest, ``up_blocks.i`` mirrors the down blocks.
    """
    deepest = len(pipe.unet.down_blocks) - 1

    def halvings(layer: SelfAttentionLayer) -> int:
        if layer.group == "mid":
            return deepest
        if layer.group.startswith("down"):
            return int(layer.group.removeprefix("down"))
        return deepest - int(layer.group.removeprefix("up"))

    shapes = {}
    for layer in layers:
        height, width = latent_size
        for _ in range(halvings(layer)):
            height, width = -(-height // 2), -(-width // 2)
        shapes[layer.name] = (height * width, layer.module.inner_kv_dim)
    return shapes


@torch.no_grad()
def capture(
    pipe: StableDiffusionXLPipeline,
    layers: Sequence[SelfAttentionLayer],
    latents: Tensor,
    conditioning: Conditioning,
    timesteps: Sequence[int],
    *,
    mode: str = "scaled",
    batch: int = 1,
) -> Iterator[dict[str, KeyValue]]:
    """Yield, per timestep, each layer's K and V as (tokens, channels) tensors, heads concatenated.

    latents: (1, C, h, w) clean latents of the reference. mode: "scaled" multiplies them by sqrt(alpha_bar_t) and adds no noise, "clean"
    leaves them as they are, "noised" adds the noise that belongs to the timestep, always the same.
    batch: timesteps per UNet forward. Raises NumericalError when K or V is not finite.
    """
    for start in range(0, len(timesteps), batch):
        chunk = list(timesteps[start : start + batch])
        kept: dict[str, Tensor] = {}
        with Hooks() as hooks:
            for layer in layers:
                hooks.after(layer.module.to_k, _keeper(kept, layer.name + ".k"))
                hooks.after(layer.module.to_v, _keeper(kept, layer.name + ".v"))
            _forward(pipe, latents, conditioning, chunk, mode)
        for row, timestep in enumerate(chunk):
            step = {layer.name: (kept[layer.name + ".k"][row], kept[layer.name + ".v"][row]) for layer in layers}
            _check(step, timestep)
            yield step


def _keeper(kept: dict[str, Tensor], name: str):
    def keep(output: Tensor) -> None:
        kept[name] = output.detach()

    return keep


def _forward(
    pipe: StableDiffusionXLPipeline, latents: Tensor, conditioning: Conditioning, timesteps: list[int], mode: str
) -> None:
    levels = [1.0 if mode == "clean" else alpha_bar(pipe.scheduler, t) for t in timesteps]
    noise = None
    if mode == "noised":
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(latents)
    rows = stack([conditioning] * len(timesteps))
    pipe.unet(
        torch.cat([at_level(latents, noise, level) for level in levels]),
        torch.tensor(timesteps, device=latents.device),
        encoder_hidden_states=rows.embeds,
        added_cond_kwargs={"text_embeds": rows.pooled, "time_ids": rows.time_ids},
        return_dict=False,
    )


def _check(step: dict[str, KeyValue], timestep: int) -> None:
    for name, pair in step.items():
        if not all(torch.isfinite(tensor).all() for tensor in pair):
            raise NumericalError(
                f"NaN or infinity in the K/V of {name} at timestep {timestep}; nothing was stored. Try precision='bf16' or 'fp32'."
            )
