"""What a baseline tells the loop: which rows read the reference, by what hooks, and what it does to the latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.step import Forward, Stage

REFERENCE, REFERENCE_UNCOND = "reference", "reference uncond"


@dataclass
class ReferenceForward(Forward):
    """One UNet forward with reference rows.

    pairs: batch index of a row that reads the reference -> that of the row it reads. done: share of the steps done
    before this one.
    """

    pairs: Mapping[int, int] | None = None
    done: float = 0.0


@dataclass(frozen=True)
class Subjects:
    """Where the subject is, on the latents' grid: bool (h, w) of the image to draw, None where no structure image says
    so, and of the reference."""

    image: Tensor | None
    reference: Tensor


class Baseline:
    """Base of the baselines; this one shows the model nothing of the reference.

    readers: row -> which reference row it reads: `REFERENCE`, the reference under its own prompt, or
    `REFERENCE_UNCOND`, the reference under the empty one. Both hold its latents noised to the step's level.
    """

    readers: ClassVar[Mapping[str, str]] = {}

    def install(self, hooks: Hooks, unet: Any, stage: Stage) -> None:
        """Register the hooks; they act in forwards that are `ReferenceForward`s."""

    def settle(self, latents: Tensor, reference: Tensor, subjects: Subjects, done: float) -> Tensor | None:
        """The latents (1, C, h, w) to go on with after a share of the steps, or None to leave them; the reference's at
        the same noise level. Both are variance-preserving, as the UNet takes them."""
        return None


def reading(stage: Stage) -> ReferenceForward | None:
    """The running forward, where it has reference rows."""
    forward = stage.forward
    return forward if isinstance(forward, ReferenceForward) and forward.pairs else None
