"""Training-free structure control: Ctrl-X's feature and attention injection (Lin et al., NeurIPS 2024, arXiv 2406.07540).

A structure row, the structure image's latents noised to the current level, runs in the same batch. In ``up_blocks.0`` the first ResNet's
output, and Q and K of every self-attention, of the generation and appearance rows are replaced by the structure row's.
"""

from __future__ import annotations

from diffusers import UNet2DConditionModel
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import self_attention_layers
from seal_sdk.backbone.step import APPEARANCE, GENERATION, STRUCTURE, Stage

BLOCK = "up0"


def install_injection(hooks: Hooks, unet: UNet2DConditionModel, stage: Stage) -> None:
    """Register the injection on the UNet; it acts in forwards that have a structure row and ``inject > 0``."""

    def inject(features: Tensor) -> Tensor | None:
        forward = stage.forward
        if forward is None or not forward.inject:
            return None
        (source,) = forward.indices(STRUCTURE)
        injected = features.clone()
        for row in forward.indices(GENERATION, APPEARANCE):
            injected[row] = features[row].lerp(features[source], forward.inject)
        return injected

    hooks.after(unet.up_blocks[0].resnets[0], inject)
    for layer in self_attention_layers(unet, ("up",)):
        if layer.group == BLOCK:
            hooks.after(layer.module.to_q, inject)
            hooks.after(layer.module.to_k, inject)
