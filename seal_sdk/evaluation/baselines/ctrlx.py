"""Ctrl-X's appearance transfer: features take mean and standard deviation from similar places of the reference.

Lin et al., "Ctrl-X: Controlling Structure and Appearance for Text-To-Image Generation Without Guidance", NeurIPS 2024,
arXiv 2406.07540, "Spatially-aware appearance transfer": before each self-attention, f_o <- S norm(f_o) + M, where
M = A f_a, S = sqrt(A f_a^2 - M^2), and A is the attention from the image's to the reference's normalised features. Layers
and schedule (the first 60 % of the steps) are those of their SDXL code. Its self-recurrence, which repeats some steps, is
left out, because all methods use the same steps. The structure injection is the one that all methods share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.config import BLOCKS
from seal_sdk.evaluation.baselines.attention import statistics
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, reading
from seal_sdk.generation.forward import GENERATION, CurrentForward

END = 0.6


class CtrlX(Baseline):
    """Ctrl-X, see the module. Only the conditional row reads the reference."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        """Transfer the appearance before the layers that `transfers` selects."""
        for layer in backbone.self_attention_layers(BLOCKS):
            if transfers(layer):
                _install(hooks, layer, current)


def transfers(layer: UNetSelfAttention) -> bool:
    """Whether Ctrl-X acts on a layer: all of the down blocks, all but the first of ``up0``, the first two of ``up1``."""
    if layer.group.startswith("down"):
        return True
    index = int(layer.name.split(".")[3]) if layer.group.startswith("up") else -1
    return (layer.group == "up0" and index >= 1) or (layer.group == "up1" and index in (0, 1))


def _install(hooks: Hooks, layer: UNetSelfAttention, current: CurrentForward) -> None:
    def transfer(hidden: Tensor) -> Tensor | None:
        forward = reading(current)
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
    """S norm(f_o) + M per head. All are (heads, tokens, channels); the query is the image's, the key the reference's."""
    mean = scaled_dot_product_attention(query, key, reference)
    second = scaled_dot_product_attention(query, key, reference.square())
    return (second - mean.square()).relu().sqrt() * normalized(features) + mean


def normalized(features: Tensor) -> Tensor:
    """Features (..., tokens, channels) with mean 0 and standard deviation 1 over the tokens."""
    mean, std = statistics(features)
    return (features - mean) / std


def _split(features: Tensor, heads: int) -> Tensor:
    return torch.unflatten(features, -1, (heads, -1)).transpose(1, 2)


BASELINE = CtrlX()
