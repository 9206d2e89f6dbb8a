"""The base class of the baselines: which rows read the reference, with which hooks, and changes to the latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.generation.forward import STRUCTURE, CurrentForward, Forward
from seal_sdk.method.delta_bridge import bridge

REFERENCE, REFERENCE_UNCOND = "reference", "reference uncond"


@dataclass
class ReferenceForward(Forward):
    """One UNet forward pass with reference rows.

    Attributes:
        pairs: Batch index of a row that reads the reference -> batch index of the reference row.
        done: Share of the steps before this one, 0 to 1.
    """

    pairs: Mapping[int, int] | None = None
    done: float = 0.0


@dataclass(frozen=True)
class Subjects:
    """Masks of the subject on the latent grid, bool (h, w).

    Attributes:
        image: Mask in the generated image, from the structure image; None without one.
        reference: Mask in the reference.
    """

    image: Tensor | None
    reference: Tensor


@dataclass(frozen=True)
class Step:
    """A step that was made and will be repeated. Latents are (1, C, h, w) and variance-preserving.

    Attributes:
        level: alpha_bar at the start of the step.
        next_level: alpha_bar at its end.
        reference: Clean latents of the reference.
        noise: Samples the seed's next noise.
        estimate: ``estimate(row, latents)`` predicts clean latents from latents at ``level``, with guidance, under the
            prompt of the row (`GENERATION` or `REFERENCE`) and without other rows. It is differentiable.
    """

    level: float
    next_level: float
    reference: Tensor
    noise: Callable[[], Tensor]
    estimate: Callable[[str, Tensor], Tensor]


class Baseline:
    """Base class of the baselines. It does not use the reference.

    Attributes:
        readers: Row -> the reference row that it reads: `REFERENCE`, under the reference's prompt, or
            `REFERENCE_UNCOND`, under the empty prompt. Both hold the reference's latents, noised to the step's level.
    """

    readers: ClassVar[Mapping[str, str]] = {}

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        """Register the hooks. They must act only in a `ReferenceForward`."""

    def reads(self, row: str, done: float) -> bool:
        """Whether it reads a row of another image, such as `REFERENCE`, after a share ``done`` of the steps.

        Rows that are neither read nor injected are left out.
        """
        return row != STRUCTURE

    def guides(self, done: float) -> bool:
        """Whether `energy` guides the step after a share ``done`` of the steps."""
        return False

    def energy(self, current: CurrentForward, subjects: Subjects) -> Tensor:
        """What the image should have little of, a number; its gradient with respect to the image's latents guides the step.

        Args:
            current: The running forward pass, which the UNet has made, with what the hooks kept. It is a `ReferenceForward`.
            subjects: Where the subjects are.
        """
        raise NotImplementedError

    def settle(self, latents: Tensor, reference: Tensor, subjects: Subjects, done: float) -> Tensor | None:
        """Change the latents between steps.

        Args:
            latents: (1, C, h, w), variance-preserving, as the UNet takes them.
            reference: The reference's latents, likewise, at the same noise level.
            subjects: Where the subjects are.
            done: Share of the steps that are done, 0 to 1.

        Returns:
            The latents to continue with, or None to keep them.
        """
        return None

    def recurrences(self, done: float) -> int:
        """How often to repeat the step after a share ``done`` of the steps. The last step is never repeated.

        A repetition starts from `renoise` and uses neither reference nor structure image.
        """
        return 0

    def renoise(self, latents: Tensor, step: Step) -> Tensor:
        """Take latents (1, C, h, w) from ``step.next_level`` back to ``step.level``. Both are variance-preserving."""
        raise NotImplementedError


def guided(uncond: Tensor | None, generation: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance alone. uncond: None without guidance."""
    return bridge(uncond, generation, None, guidance_scale=scale, strength=0.0, base="gen", low_pass_iterations=0)


def reading(current: CurrentForward) -> ReferenceForward | None:
    """The running forward pass if it has reference rows, else None."""
    forward = next(iter(current.images), None)  # baselines draw one image at a time
    return forward if isinstance(forward, ReferenceForward) and forward.pairs else None
