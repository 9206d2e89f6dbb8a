"""Measures, over some early steps of one image, how the text changes the subject: rows with nothing infused, and their mean."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.plan import ImagePlan
from seal_sdk.backbone.step import EDITED, NEITHER, SHOWN
from seal_sdk.method.detail import clean
from seal_sdk.method.text_change import bearers, believed_change


class TextChange:
    """The change of one image, as far as it is known by now.

    override: what it is multiplied by.
    """

    def __init__(self, override: float) -> None:
        self._override = override
        self._sums: dict[str, Tensor] = {}  # (1, C, h, w) by row, summed over steps
        self._steps = 0

    @staticmethod
    def rows(plan: ImagePlan) -> dict[str, Conditioning]:
        """The rows that a step of measuring needs, none where nothing can be told apart."""
        if plan.uncond is None or plan.appearance is None or plan.subject is None or not plan.infusions:
            return {}
        edited = dict(zip(EDITED, plan.edits))
        return {SHOWN: plan.appearance, NEITHER: plan.uncond, **edited} if edited else {}

    def add(self, outputs: Mapping[str, Tensor], noisy: Tensor, level: float, kind: str) -> None:
        """One step's predictions (1, C, h, w) by their rows; noisy: the UNet's input at alpha_bar ``level``; kind: prediction type."""
        if SHOWN not in outputs:
            return
        for name in (SHOWN, NEITHER, *EDITED):
            if name in outputs:
                predicted = clean(outputs[name], noisy, level, kind).float()
                self._sums[name] = self._sums[name] + predicted if self._steps else predicted
        self._steps += 1

    def over(self, region: Tensor, latents: Tensor) -> Tensor | float:
        """What to add to clean latents (1, C, h, w) that show the reference's look over a region, (1, 1, h, w)."""
        if not self._steps:
            return 0.0
        shown, neither, *edited = (each / self._steps for each in self._sums.values())
        changes = [
            change * bearers(latents.float(), region.float(), change, shown, neither)
            for change in (believed_change(each, shown, region.float()) for each in edited)
        ]
        return self._override * torch.stack(changes).sum(0).to(region.dtype)
