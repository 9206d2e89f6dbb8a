"""What the model predicts from a noised reference with different prompts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class PromptPredictions:
    """Clean latents (1, C, h, w) that the model predicts from the noised reference.

    reference: with the reference prompt. unconditional: with the empty prompt. edited: with one prompt edit.
    """

    reference: Tensor
    unconditional: Tensor
    edited: Tensor

    @cached_property
    def change(self) -> Tensor:
        """(1, C, h, w): what the edit changes in the prediction."""
        return self.edited - self.reference
