"""What guidance rules see of one image at one step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seal_sdk.generation.settings import Settings


@dataclass(frozen=True, eq=False)
class GuidanceRows:
    """The model's predictions (1, C, h, w) by row, None for rows that were not computed.

    scale: of classifier-free guidance at this step. gamma: progress of sampling in [0, 1]. base: whose guidance is the main one, "gen" or
    "app". bridge_strength: Delta-Bridge's lambda at this step. region: (1, 1, h, w) in [0, 1], how much
    of each latent the subjects cover, None where nobody knows.
    """

    settings: Settings
    scale: float
    gamma: float
    base: str
    bridge_strength: float
    uncond: Tensor | None = None
    generation: Tensor | None = None
    appearance: Tensor | None = None
    region: Tensor | None = None

    @property
    def main(self) -> Tensor:
        """The prediction of the main row."""
        main = self.generation if self.base == "gen" else self.appearance
        assert main is not None  # the loop computes the rows that are used
        return main
