"""What the model answers to a probe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class Answer:
    """Clean latents (1, C, h, w) that the model predicts from the noised reference: with the word, and with the other side."""

    edited: Tensor
    base: Tensor

    @cached_property
    def change(self) -> Tensor:
        """(1, C, h, w): what the word changes in the prediction."""
        return self.edited - self.base
