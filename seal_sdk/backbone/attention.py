"""The attention layers of a diffusers UNet: self-attention (attn1), chosen by the block they live in, and cross-attention (attn2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers.models.attention_processor import Attention, FusedAttnProcessor2_0
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from seal_sdk.backbone.base import Change, Projection
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.errors import UnsupportedModel

_MODULES: dict[Projection, str] = {"query": "to_q", "key": "to_k", "value": "to_v"}
_FUSED: dict[str, tuple[Projection, ...]] = {"to_qkv": ("query", "key", "value"), "to_kv": ("key", "value")}
"""What the fused projections of self- and of cross-attention give, side by side."""


@dataclass(frozen=True, eq=False)
class UNetSelfAttention:
    """One attn1 or attn2: its dotted name, the module, its block group (``mid``, ``up0``, ...), and how often its block halves latents."""

    name: str
    module: Attention
    group: str
    halvings: int

    @property
    def heads(self) -> int:
        """Attention heads."""
        return int(self.module.heads)

    @property
    def channels(self) -> int:
        """Channels of K and V, over all heads."""
        return int(self.module.inner_kv_dim)

    @property
    def kernel(self) -> str:
        """The attention processor and its backend."""
        processor = self.module.processor
        return f"{type(processor).__name__}:{getattr(processor, '_attention_backend', None)}"

    def grid(self, latent_size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of tokens. Every downsampling of the UNet halves, rounding up."""
        height, width = latent_size
        for _ in range(self.halvings):
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    def after(self, projection: Projection, hooks: Hooks, change: Change) -> None:
        """Call ``change`` on the output of ``to_q``, ``to_k`` or ``to_v``, or on its part of a fused ``to_qkv`` or ``to_kv``."""
        fused = "to_kv" if self.module.is_cross_attention else "to_qkv"
        if is_fused(self.module) and projection in _FUSED[fused]:
            hooks.after(getattr(self.module, fused), _on_part(_FUSED[fused], projection, change))
        else:
            hooks.after(getattr(self.module, _MODULES[projection]), change)

    def before_output(self, hooks: Hooks, change: Change) -> None:
        """Call ``change`` on what goes into ``to_out``."""
        output: nn.Module = self.module.to_out[0]
        hooks.before(output, change)


def attention_layers(unet: UNet2DConditionModel, kind: str) -> tuple[UNetSelfAttention, ...]:
    """All layers of a kind, "attn1" (self-attention) or "attn2" (cross-attention), in the UNet's own order."""
    return tuple(
        UNetSelfAttention(name, module, _group(name), _halvings(_group(name), len(unet.down_blocks)))
        for name, module in unet.named_modules()
        if name.endswith(f".{kind}") and isinstance(module, Attention)
    )


def self_attention_layers(unet: UNet2DConditionModel, blocks: Sequence[str]) -> tuple[UNetSelfAttention, ...]:
    """The attn1 layers of the named blocks ("down", "mid", "up"), in the UNet's own order.

    A block without any is left out: some of SDXL's relatives have no mid block. Raises UnsupportedModel when none of the blocks has
    any: a silent empty match would infuse nothing.
    """
    found = tuple(layer for layer in attention_layers(unet, "attn1") if layer.name.split("_")[0] in blocks)
    if not found:
        named = " and ".join(blocks)
        raise UnsupportedModel(f"The UNet has no self-attention (attn1) in its {named} blocks; choose other layers=.")
    return found


def is_fused(attention: Attention) -> bool:
    """Whether ``to_qkv`` stands in for ``to_q``, ``to_k`` and ``to_v``, or in cross-attention ``to_kv`` for the last two.

    The processor says so: once unfused, the layer keeps them and its ``fused_projections``.
    """
    return isinstance(attention.processor, FusedAttnProcessor2_0)


def _on_part(parts: Sequence[Projection], projection: Projection, change: Change) -> Change:
    """``change``, called with one part of the channels and put back in its place."""
    index = parts.index(projection)

    def changed(output: Tensor) -> Tensor | None:
        chunks = list(output.chunk(len(parts), dim=-1))
        new = change(chunks[index])
        if new is None:
            return None
        chunks[index] = new
        return torch.cat(chunks, dim=-1)

    return changed


def _group(name: str) -> str:
    """``mid_block.attentions...`` -> ``mid``; ``up_blocks.1.attentions...`` -> ``up1``."""
    block, index = name.split(".")[:2]
    return "mid" if block == "mid_block" else block.removesuffix("_blocks") + index


def _halvings(group: str, blocks: int) -> int:
    """``down_blocks.i`` works on latents halved i times, the mid block on the coarsest, and ``up_blocks.i`` mirrors the down blocks."""
    if group == "mid":
        return blocks - 1
    if group.startswith("down"):
        return int(group.removeprefix("down"))
    return blocks - 1 - int(group.removeprefix("up"))
