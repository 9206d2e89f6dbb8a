"""Ctrl-X's appearance transfer: the image's features take mean and standard deviation from where they look alike.

Lin et al., "Ctrl-X: Controlling Structure and Appearance for Text-To-Image Generation Without Guidance", NeurIPS 2024,
arXiv 2406.07540, "Spatially-aware appearance transfer": before self-attention, with A the attention between both
sides' normalised features, f_o <- S norm(f_o) + M, where M = A f_a and S = sqrt(A f_a^2 - M^2). Layers and schedule (the
first 60 % of the steps) are those of their SDXL code; its self-recurrence, more UNet forwards for some steps, is left
out, as all methods draw with the same steps. The structure injection is the one that all methods share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer, self_attention_layers
from seal_sdk.backbone.step import GENERATION, Stage
from seal_sdk.config import BLOCKS
from seal_sdk.evaluation.baselines.attention import statistics
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, reading

END = 0.6


class CtrlX(Baseline):
    """See the module. It reads the reference in the conditional row only."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def install(self, hooks: Hooks, unet: Any, stage: Stage) -> None:
        for layer in self_attention_layers(unet, BLOCKS):
            if transfers(layer):
                _install(hooks, layer, stage)


def transfers(layer: SelfAttentionLayer) -> bool:
    """All of the down blocks, ``up0`` but its first attention, the first two of ``up1``."""
    if layer.group.startswith("down"):
        return True
    index = int(layer.name.split(".")[3]) if layer.group.startswith("up") else -1
    return (layer.group == "up0" and index >= 1) or (layer.group == "up1" and index in (0, 1))


def _install(hooks: Hooks, layer: SelfAttentionLayer, stage: Stage) -> None:
    def transfer(hidden: Tensor) -> Tensor | None:
        forward = reading(stage)
        if forward is None or forward.done >= END:
            return None
        normal = normalized(hidden)
        query, key = (_split(project(normal), layer.heads) for project in (layer.module.to_q, layer.module.to_k))
        features = _split(hidden, layer.heads)
        changed = hidden.clone()
        for row, reference in (forward.pairs or {}).items():
            moved = transferred(features[row], features[reference], query[row], key[reference])
            changed[row] = moved.transpose(0, 1).flatten(1)
        return changed

    hooks.before(layer.module, transfer)


def transferred(features: Tensor, reference: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """S norm(f_o) + M of features (heads, tokens, channels), per head; query is the image's, key the reference's."""
    mean = scaled_dot_product_attention(query, key, reference)
    second = scaled_dot_product_attention(query, key, reference.square())
    return (second - mean.square()).relu().sqrt() * normalized(features) + mean


def normalized(features: Tensor) -> Tensor:
    """(..., tokens, channels) with mean 0 and standard deviation 1 over the tokens."""
    mean, std = statistics(features)
    return (features - mean) / std


def _split(features: Tensor, heads: int) -> Tensor:
    return torch.unflatten(features, -1, (heads, -1)).transpose(1, 2)
