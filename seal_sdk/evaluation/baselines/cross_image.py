"""Cross-image attention: the generation's queries on the reference's keys and values alone.

Alaluf et al., "Cross-Image Attention for Zero-Shot Appearance Transfer", SIGGRAPH 2024, arXiv 2311.03335: in the
decoder's self-attentions K and V are the appearance image's (section 4.1); the attention map's contrast is raised by
1.67, the guided direction is the difference between the conditional row with and the unconditional row without the
exchange, and after each step the subject's latents take the reference subject's mean and standard deviation (4.2). As in
their code the finest attention works from 10 to 90 % of the steps, the next coarser to 70 %, and AdaIN from 20 %. There
the structure comes from DDPM inversion, here from the structure injection that all methods share, and the subjects'
masks from AnchorAlign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer, self_attention_layers
from seal_sdk.backbone.step import GENERATION, Stage
from seal_sdk.evaluation.baselines.attention import Projections, adain, install_attention
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, ReferenceForward, Subjects

CONTRAST = 1.67
START, END_FINE, END_COARSE = 0.1, 0.9, 0.7
ADAIN_START = 0.2


class CrossImage(Baseline):
    """See the module. It reads the reference in the conditional row only."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def install(self, hooks: Hooks, unet: Any, stage: Stage) -> None:
        layers = self_attention_layers(unet, ("up",))
        finest = layers[-1].group

        def attend(
            layer: SelfAttentionLayer, forward: ReferenceForward, own: Projections, reference: Projections
        ) -> Tensor | None:
            end = END_FINE if layer.group == finest else END_COARSE
            active = START <= forward.done < end
            return cross_attention(own.query, reference.key, reference.value) if active else None

        install_attention(hooks, layers, stage, attend)

    def settle(self, latents: Tensor, reference: Tensor, subjects: Subjects, done: float) -> Tensor | None:
        if done <= ADAIN_START or subjects.image is None or not subjects.image.any() or not subjects.reference.any():
            return None
        settled = latents.clone()
        settled[..., subjects.image] = adain(
            latents[..., subjects.image].transpose(1, 2), reference[..., subjects.reference].transpose(1, 2)
        ).transpose(1, 2)
        return settled


def cross_attention(query: Tensor, key: Tensor, value: Tensor, contrast: float = CONTRAST) -> Tensor:
    """Attention whose map is spread around its rows' means by ``contrast`` and clipped to [0, 1]."""
    weights = torch.softmax(query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, -1)
    mean = weights.mean(-1, keepdim=True)
    return ((weights - mean) * contrast + mean).clamp(0, 1) @ value
