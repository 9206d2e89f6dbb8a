"""What a baseline tells the loop: which rows read the reference, by what hooks, and what it does to the latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True)
class Step:
    """A step that was just made and will be made again. Latents are (1, C, h, w) and variance-preserving.

    level, next_level: alpha_bar where it begins and ends. reference: its clean latents. noise: draws the seed's next.
    estimate: the clean latents that the guided model sees in latents at ``level``, under the prompt of `GENERATION` or
    `REFERENCE` and with nothing else in the UNet; differentiable where gradients are on.
    """

    level: float
    next_level: float
    reference: Tensor
    noise: Callable[[], Tensor]
    estimate: Callable[[str, Tensor], Tensor]


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

    def recurrences(self, done: float) -> int:
        """How often the step after a share of the steps, unless it is the last, is made again, each time under the prompt
        alone, from where `renoise` takes the latents that it led to."""
        return 0

    def renoise(self, latents: Tensor, step: Step) -> Tensor:
        """Latents (1, C, h, w) at ``step.level`` for those at ``step.next_level``; both are variance-preserving."""
        raise NotImplementedError


def reading(stage: Stage) -> ReferenceForward | None:
    """The running forward, where it has reference rows."""
    forward = stage.forward
    return forward if isinstance(forward, ReferenceForward) and forward.pairs else None
