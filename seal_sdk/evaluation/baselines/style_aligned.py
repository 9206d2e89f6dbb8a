"""StyleAligned: shared attention with queries and keys that take the reference's statistics.

Hertz et al., "Style Aligned Image Generation via Shared Attention", CVPR 2024, arXiv 2312.02133, section 4: AdaIN of Q
and K towards the reference's, per head, then one softmax over both sides' tokens, in every self-attention and all
steps, in the conditional and the unconditional row. There the reference's trajectory comes from DDIM inversion; here,
as for all baselines, its latents are noised to each step's level. The norm layers are not shared, as in their SDXL demo.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.evaluation.baselines.attention import Projections, adain
from seal_sdk.evaluation.baselines.baseline import ReferenceForward
from seal_sdk.evaluation.baselines.concat import Concat, shared_attention


class StyleAligned(Concat):
    """See the module."""

    def attend(
        self, layer: SelfAttentionLayer, forward: ReferenceForward, own: Projections, reference: Projections
    ) -> Tensor:
        aligned = replace(own, query=adain(own.query, reference.query), key=adain(own.key, reference.key))
        return shared_attention(aligned, reference)
