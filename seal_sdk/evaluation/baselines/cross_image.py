"""Cross-image attention: the image's queries attend to the reference's keys and values only.

Alaluf et al., "Cross-Image Attention for Zero-Shot Appearance Transfer", SIGGRAPH 2024, arXiv 2311.03335: the
self-attentions of the decoder use K and V of the appearance image (section 4.1). The contrast of the attention map is
raised by 1.67. Only the conditional row exchanges K and V, so guidance amplifies the exchange. After each step the
subject's latents take mean and standard deviation of the reference's subject (section 4.2). As in their code, the finest
attention is active from 10 to 90 % of the steps, the next coarser one until 70 %, and AdaIN from 20 % on. Their structure
comes from DDPM inversion; here it comes from the structure injection that all methods share, and the masks from
AnchorAlign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.attention import Projections, adain, install_attention
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, ReferenceForward, Subjects
from seal_sdk.generation.forward import GENERATION, CurrentForward

CONTRAST = 1.67
START, END_FINE, END_COARSE = 0.1, 0.9, 0.7
ADAIN_START = 0.2


class CrossImage(Baseline):
    """Cross-image attention, see the module. Only the conditional row reads the reference."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        """Exchange K and V in the decoder's layers."""
        layers = backbone.self_attention_layers(("up",))
        finest = layers[-1].group

        def attend(
            layer: UNetSelfAttention, forward: ReferenceForward, own: Projections, reference: Projections
        ) -> Tensor | None:
            end = END_FINE if layer.group == finest else END_COARSE
            active = START <= forward.done < end
            return cross_attention(own.query, reference.key, reference.value) if active else None

        install_attention(hooks, layers, current, attend)

    def settle(self, latents: Tensor, reference: Tensor, subjects: Subjects, done: float) -> Tensor | None:
        """AdaIN of the subject's latents."""
        if done <= ADAIN_START or subjects.image is None or not subjects.image.any() or not subjects.reference.any():
            return None
        settled = latents.clone()
        settled[..., subjects.image] = adain(
            latents[..., subjects.image].transpose(1, 2), reference[..., subjects.reference].transpose(1, 2)
        ).transpose(1, 2)
        return settled


def cross_attention(query: Tensor, key: Tensor, value: Tensor, contrast: float = CONTRAST) -> Tensor:
    """Attention whose map's deviation from its row means is scaled by ``contrast``, then clipped to [0, 1]."""
    weights = torch.softmax(query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, -1)
    mean = weights.mean(-1, keepdim=True)
    return ((weights - mean) * contrast + mean).clamp(0, 1) @ value


BASELINE = CrossImage()
