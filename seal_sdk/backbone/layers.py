"""Choosing the self-attention (attn1) layers of an SDXL UNet by the block they live in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention

from seal_sdk.errors import UnsupportedModel


@dataclass(frozen=True)
class SelfAttentionLayer:
    """One attn1 of the UNet: its dotted module name, the module, and the block group it belongs to (``mid``, ``up0``, ...)."""

    name: str
    module: Attention
    group: str

    @property
    def heads(self) -> int:
        return self.module.heads


def _group(name: str) -> str:
    """``mid_block.attentions...`` -> ``mid``; ``up_blocks.1.attentions...`` -> ``up1``."""
    block, index = name.split(".")[:2]
    return "mid" if block == "mid_block" else block.removesuffix("_blocks") + index


def self_attention_layers(unet: UNet2DConditionModel, blocks: Sequence[str]) -> tuple[SelfAttentionLayer, ...]:
    """The attn1 layers of the named blocks ("down", "mid", "up"), in the UNet's own order.

    Raises UnsupportedModel when a block has none (a silent empty match would infuse nothing), or when q, k and v are fused.
    """
    found = tuple(
        SelfAttentionLayer(name, module, _group(name))
        for name, module in unet.named_modules()
        if name.endswith(".attn1") and isinstance(module, Attention) and name.split("_")[0] in blocks
    )
    for block in blocks:
        if not any(layer.name.startswith(block) for layer in found):
            raise UnsupportedModel(
                f"The UNet has no self-attention (attn1) in its {block!r} blocks; choose other layers=."
            )
    if any(layer.module.fused_projections for layer in found):
        raise UnsupportedModel("The UNet's q, k and v projections are fused; call pipe.unfuse_qkv_projections() first.")
    return found


def token_grid(tokens: int, latent_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a layer's token grid, from its token count and the latents' (height, width).

    Every downsampling of the UNet halves, rounding up.
    """
    height, width = latent_size
    while height * width > tokens:
        height, width = -(-height // 2), -(-width // 2)
    if height * width != tokens:
        raise UnsupportedModel(
            f"{tokens} tokens do not form a halved grid of {latent_size[0]}x{latent_size[1]} latents."
        )
    return height, width
