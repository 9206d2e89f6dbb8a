"""StyleAligned: shared attention after AdaIN of queries and keys with the reference's statistics.

Hertz et al., "Style Aligned Image Generation via Shared Attention", CVPR 2024, arXiv 2312.02133, section 4: AdaIN of Q
and K per head, then one softmax over the tokens of image and reference, in every self-attention and all steps, in the
conditional and the unconditional row. The paper inverts the reference with DDIM; here its latents are noised to each
step's level, as for all baselines. As in their SDXL demo, norm layers are not shared.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.evaluation.baselines.attention import Projections, adain
from seal_sdk.evaluation.baselines.baseline import ReferenceForward
from seal_sdk.evaluation.baselines.concat import Concat, shared_attention


class StyleAligned(Concat):
    """StyleAligned, see the module."""

    def attend(
        self, layer: UNetSelfAttention, forward: ReferenceForward, own: Projections, reference: Projections
    ) -> Tensor:
        """The new attention output of a row: (heads, tokens, head channels)."""
        aligned = replace(own, query=adain(own.query, reference.query), key=adain(own.key, reference.key))
        return shared_attention(aligned, reference)


BASELINE = StyleAligned()
