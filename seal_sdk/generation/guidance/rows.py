"""What guidance rules see of one image at one step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seal_sdk.generation.settings import Settings
from seal_sdk.method.schedules import lambda_at


@dataclass(frozen=True, eq=False)
class GuidanceRows:
    """The model's predictions (1, C, h, w) by row, None for rows that were not computed.

    scale: of classifier-free guidance at this step. gamma: progress of sampling in [0, 1]. region: (1, 1, h, w) in [0, 1], how much
    of each latent the subjects cover, None where nobody knows.
    """

    settings: Settings
    scale: float
    gamma: float
    uncond: Tensor | None = None
    generation: Tensor | None = None
    appearance: Tensor | None = None
    region: Tensor | None = None

    @property
    def base(self) -> str:
        """Which row's guidance is the main one: "gen" or "app"."""
        return "gen" if self.appearance is None else self.settings.delta_bridge.base

    @property
    def bridge_strength(self) -> float:
        """Delta-Bridge's lambda at this step; 0 without an appearance row."""
        bridge = self.settings.delta_bridge
        return 0.0 if self.appearance is None else lambda_at(self.gamma, bridge.strength, bridge.end)

    @property
    def main(self) -> Tensor:
        """The prediction of the main row."""
        main = self.generation if self.base == "gen" else self.appearance
        assert main is not None  # the loop computes the rows that are used
        return main
