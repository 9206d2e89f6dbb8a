"""An identity in the denoising loop, without a model."""

from __future__ import annotations

import torch

from seal_sdk.backbone.plan import Infusion


def whole(reference, region=None, subject=None, gated=False):
    """One whose tokens are all matched; if gated, the subject's only. reference: (1, C, h, w); region, subject: (1, 1, h, w)."""
    return Infusion(
        name="one",
        key_values=lambda timestep: {},
        reference=reference,
        tokens={},
        positions=None,
        sources={} if gated else None,
        targets={} if gated else None,
        kept=None,
        subject=torch.ones(1, 1, *reference.shape[-2:]) if subject is None else subject,
        region=region,
    )
