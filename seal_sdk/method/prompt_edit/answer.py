"""What the model answers to a probe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class Answer:
    """Clean latents (1, C, h, w) that the model predicts from the noised reference: with the word, and with the other side.

    replaces: whether the other side has the reference's own word for the same, so that the texts themselves say that the two disagree.
    """

    edited: Tensor
    base: Tensor
    replaces: bool = False

    @cached_property
    def change(self) -> Tensor:
        """(1, C, h, w): what the word changes in the prediction."""
        return self.edited - self.base
