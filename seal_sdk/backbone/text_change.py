"""Measures, over some early steps of one image, how the text changes the subject: rows with nothing infused, and their mean."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.plan import ImagePlan
from seal_sdk.backbone.step import ASKED, NEITHER, SHOWN
from seal_sdk.method.detail import clean
from seal_sdk.method.text_change import believed_change

ROWS = (ASKED, SHOWN, NEITHER)


class TextChange:
    """The change of one image, as far as it is known by now.

    override: what it is multiplied by.
    """

    def __init__(self, override: float) -> None:
        self._override = override
        self._sum: Tensor | None = None  # (3, 1, C, h, w): `ROWS`, summed over steps
        self._steps = 0

    @staticmethod
    def rows(plan: ImagePlan) -> dict[str, Conditioning]:
        """The rows that a step of measuring needs, none where nothing can be told apart."""
        if plan.uncond is None or plan.appearance is None or plan.subject is None or not plan.infusions:
            return {}
        return dict(zip(ROWS, (plan.generation, plan.appearance, plan.uncond), strict=True))

    def add(self, outputs: Mapping[str, Tensor], noisy: Tensor, level: float, kind: str) -> None:
        """One step's predictions (1, C, h, w) by their rows; noisy: the UNet's input at alpha_bar ``level``; kind: prediction type."""
        if ASKED not in outputs:
            return
        predicted = torch.stack([clean(outputs[name], noisy, level, kind) for name in ROWS]).float()
        self._sum = predicted if self._sum is None else self._sum + predicted
        self._steps += 1

    def over(self, region: Tensor) -> Tensor | float:
        """What to add to the clean latents that a subject over (1, 1, h, w) would have without the text."""
        if self._sum is None:
            return 0.0
        return self._override * believed_change(*(self._sum / self._steps), region.float()).to(region.dtype)
