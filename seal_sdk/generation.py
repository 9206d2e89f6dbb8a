"""Generation: what ``session.generate`` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Generation:
    """Images and how they came about; lists have one entry per image.

    images: in the asked ``output_type`` (PIL images carry their settings into any PNG they are saved as).
    seeds: the seed of each image, or None where the caller's own generator drew the noise.
    settings: everything needed to draw each image again. timings: seconds by phase. coverage: share of candidate tokens infused, 0 to 1.
    aligned: the structure images as AnchorAlign placed them, None where there was none.
    timestep_distance: per image, how far the nearest cached timestep was from the sampled one, mean over steps (0 is exact).
    unet_rows: rows that the UNet computed for the whole call.
    """

    images: list[Any]
    seeds: list[int | None]
    settings: list[dict[str, Any]]
    timings: dict[str, float]
    coverage: list[float]
    timestep_distance: list[float]
    unet_rows: int
    aligned: list[Any] = field(default_factory=list, repr=False)

    @property
    def image(self) -> Any:
        """The first image."""
        return self.images[0]

    def __len__(self) -> int:
        return len(self.images)
