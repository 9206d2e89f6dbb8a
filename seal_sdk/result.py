"""Generation: what ``session.generate`` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seal_sdk.errors import ConfigError
from seal_sdk.match_maps import LayerMatches, MatchMap


@dataclass(frozen=True)
class Generation:
    """Images and how they came about; lists have one entry per image.

    images: in the asked ``output_type`` (PIL images carry their settings into any PNG they are saved as).
    seeds: the seed of each image, or None where the caller's own generator drew the noise.
    settings: everything needed to draw each image again. timings: seconds by phase. coverage: share of candidate tokens infused, 0 to 1.
    aligned: the structure images as AnchorAlign placed them, None where there was none.
    timestep_distance: per image, how far the nearest cached timestep was from the sampled one, mean over steps (0 is exact).
    unet_rows: rows that the UNet computed for the whole call.
    reads: how many cached timesteps came from each tier, "accelerator", "memory", "disk" or "remote"; ``timings["store_wait"]`` is what
    the loop waited for them, beyond what was read while the UNet ran.
    restored: names of identities of which the store had lost something, and which were computed anew. matches: what ``maps`` sums up.
    """

    images: list[Any]
    seeds: list[int | None]
    settings: list[dict[str, Any]]
    timings: dict[str, float]
    coverage: list[float]
    timestep_distance: list[float]
    unet_rows: int
    aligned: list[Any] = field(default_factory=list, repr=False)
    reads: dict[str, int] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)
    matches: list[list[LayerMatches]] = field(default_factory=list, repr=False)

    @property
    def image(self) -> Any:
        """The first image."""
        return self.images[0]

    def maps(self, *, layer: str = "", step: int | None = None, identity: str | None = None) -> list[MatchMap]:
        """One match map per image.

        layer: only layers whose name contains this. step: only this step, from 0. identity: only this one of several.
        Raises ConfigError unless the images were drawn with ``match_maps=True`` and an identity.
        """
        chosen = [
            [
                each
                for each in image
                if layer in each.layer and step in (None, each.step) and identity in (None, each.identity)
            ]
            for image in self.matches
        ]
        if not chosen or not all(chosen):
            raise ConfigError(
                f"There are no matches of layer={layer!r}, step={step!r}: draw with an identity and generate(..., match_maps=True)."
            )
        return [MatchMap.of(image) for image in chosen]

    def __len__(self) -> int:
        return len(self.images)
