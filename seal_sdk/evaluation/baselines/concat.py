"""K/V concatenation: one softmax over the tokens of the image and of the reference.

This is "reference-only" control of sd-webui-controlnet and of diffusers' community pipeline ("reference attention") with
style fidelity 0. It is also StyleAligned's shared attention without AdaIN (Hertz et al., CVPR 2024, arXiv 2312.02133,
section 4). It acts in every self-attention of the UNet and in all steps. As there, the unconditional row reads the
reference under the empty prompt.
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
from seal_sdk.evaluation.baselines.attention import Projections, install_attention
from seal_sdk.evaluation.baselines.baseline import REFERENCE, REFERENCE_UNCOND, Baseline, ReferenceForward
from seal_sdk.generation.forward import GENERATION, UNCOND, CurrentForward


class Concat(Baseline):
    """K/V concatenation, see the module."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE, UNCOND: REFERENCE_UNCOND}

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        """Share the attention of all layers."""
        install_attention(hooks, backbone.self_attention_layers(BLOCKS), current, self.attend)

    def attend(
        self, layer: UNetSelfAttention, forward: ReferenceForward, own: Projections, reference: Projections
    ) -> Tensor:
        """The new attention output of a row: (heads, tokens, head channels)."""
        return shared_attention(own, reference)


def shared_attention(own: Projections, reference: Projections) -> Tensor:
    """Attention of the row's queries to its own and the reference's tokens: (heads, tokens, head channels)."""
    key = torch.cat([own.key, reference.key], -2)
    value = torch.cat([own.value, reference.value], -2)
    return scaled_dot_product_attention(own.query, key, value)


BASELINE = Concat()
