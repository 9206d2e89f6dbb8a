"""Training-free structure control: Ctrl-X's feature and attention injection (Lin et al., NeurIPS 2024, arXiv 2406.07540).

A structure row, the structure image's latents noised to the current level, runs in the same batch. The outputs of some modules (in
Ctrl-X the first ResNet of ``up_blocks.0``, by default the first two), and Q and K of every self-attention of some blocks
(``up_blocks.0``), are replaced by the structure row's in the generation and appearance rows.
"""

from __future__ import annotations

from diffusers import UNet2DConditionModel
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import self_attention_layers
from seal_sdk.backbone.step import APPEARANCE, GENERATION, STRUCTURE, Stage
from seal_sdk.config import Structure
from seal_sdk.errors import UnsupportedModel


def install_injection(hooks: Hooks, unet: UNet2DConditionModel, stage: Stage, structure: Structure) -> None:
    """Register the injection on the UNet; it acts in forwards that have a structure row and ``inject > 0``.

    Raises UnsupportedModel where the UNet lacks a named module or block.
    """

    def inject(features: Tensor) -> Tensor | None:
        forward = stage.forward
        if forward is None or not forward.inject:
            return None
        if not isinstance(features, Tensor):
            raise UnsupportedModel(
                f"Structure(features={structure.features}): one of these modules gives a {type(features).__name__}, not a tensor; "
                "name ResNets, or other modules of one output."
            )
        (source,) = forward.indices(STRUCTURE)
        injected = features.clone()
        for row in forward.indices(GENERATION, APPEARANCE):
            injected[row] = features[row].lerp(features[source], forward.inject)
        return injected

    modules = dict(unet.named_modules())
    layers = self_attention_layers(unet, ("down", "mid", "up")) if structure.attention else ()
    unknown = {name for name in structure.features if name not in modules}
    unknown |= set(structure.attention) - {layer.group for layer in layers}
    if unknown:
        raise UnsupportedModel(
            f"Structure(features={structure.features}, attention={structure.attention}): this UNet has no {sorted(unknown)}; its blocks "
            f"with self-attention are {sorted({layer.group for layer in layers})}."
        )
    for name in structure.features:
        hooks.after(modules[name], inject)
    for layer in layers:
        if layer.group in structure.attention:
            hooks.after(layer.module.to_q, inject)
            hooks.after(layer.module.to_k, inject)
