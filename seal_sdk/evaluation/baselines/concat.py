"""K/V concatenation: one softmax over the image's own and the reference's tokens.

This is reference-only control as in sd-webui-controlnet and diffusers' community pipeline of that name ("reference
attention"), here with style fidelity 0, and StyleAligned's shared attention without its AdaIN (Hertz et al., CVPR 2024,
arXiv 2312.02133, section 4). Every self-attention of the UNet, all steps; the unconditional row reads the reference
under the empty prompt, as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer, self_attention_layers
from seal_sdk.backbone.step import GENERATION, UNCOND, Stage
from seal_sdk.config import BLOCKS
from seal_sdk.evaluation.baselines.attention import Projections, install_attention
from seal_sdk.evaluation.baselines.baseline import REFERENCE, REFERENCE_UNCOND, Baseline, ReferenceForward


class Concat(Baseline):
    """See the module."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE, UNCOND: REFERENCE_UNCOND}

    def install(self, hooks: Hooks, unet: Any, stage: Stage) -> None:
        install_attention(hooks, self_attention_layers(unet, BLOCKS), stage, self.attend)

    def attend(
        self, layer: SelfAttentionLayer, forward: ReferenceForward, own: Projections, reference: Projections
    ) -> Tensor:
        return shared_attention(own, reference)


def shared_attention(own: Projections, reference: Projections) -> Tensor:
    """Attention of the own queries to both sides' tokens at once: (heads, tokens, channels of a head)."""
    key = torch.cat([own.key, reference.key], -2)
    value = torch.cat([own.value, reference.value], -2)
    return scaled_dot_product_attention(own.query, key, value)
