"""How many images of a call share a forward (``images_per_forward``, ours).

"exact": each has its own, so that a batch draws bit for bit what its images draw alone. A number: up to so many share one, which fills a
GPU and differs from "exact" by rounding. "auto": on CUDA as many as the memory takes, and elsewhere one.
"""

from __future__ import annotations

from typing import Any, Final

import torch

from seal_sdk.errors import ConfigError

EXACT: Final = "exact"
AUTO: Final = "auto"
ImagesPerForward = str | int
AUTO_DEVICES = ("cuda",)
"""Where "auto" packs: nobody has measured that the others gain by it."""


def check_images_per_forward(given: Any, default: ImagesPerForward = EXACT) -> ImagesPerForward:
    """What is given, or the default for None. Raises ConfigError for anything but "exact", "auto" or an integer >= 1."""
    chosen: ImagesPerForward = default if given is None else given
    if (isinstance(chosen, str) and chosen in (EXACT, AUTO)) or (type(chosen) is int and chosen >= 1):
        return chosen
    raise ConfigError(f"images_per_forward={given!r}: expected 'exact', 'auto' or an integer >= 1.")


class Packing:
    """Chooses which images of a call go through the model together.

    images_per_forward: what is asked for. device: of the model. images: of the call.
    size: how many at most, at this time; "auto" begins with all of them.
    """

    def __init__(self, images_per_forward: ImagesPerForward, device: torch.device, images: int) -> None:
        self._adapts = images_per_forward == AUTO
        self.size = images_per_forward if isinstance(images_per_forward, int) else 1
        if self._adapts and device.type in AUTO_DEVICES:
            self.size = images

    def group(self, first: int, images: int) -> range:
        """The images of the next forward, of those from ``first`` on."""
        return range(first, min(first + self.size, images))

    def shrink(self, images: int) -> bool:
        """Halve the size, since the memory was too small for so many; False where the caller gave it, or it is one."""
        if not self._adapts or images == 1:
            return False
        self.size = (images + 1) // 2
        return True
