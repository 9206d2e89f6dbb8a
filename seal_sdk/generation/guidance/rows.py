"""What guidance rules see of one image at one step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seal_sdk.config import DeltaBridge
from seal_sdk.generation.forward import APPEARANCE, GENERATION
from seal_sdk.generation.settings import Settings
from seal_sdk.method.schedules import lambda_at


@dataclass(frozen=True)
class BridgeStep:
    """Delta-Bridge at one step. base: whose guidance is the main one, "gen" or "app". strength: its lambda."""

    base: str
    strength: float

    @classmethod
    def at(cls, bridge: DeltaBridge, gamma: float, bridged: bool) -> BridgeStep:
        """The step at progress gamma in [0, 1]. bridged: whether there is an appearance row at all."""
        return cls(bridge.base, lambda_at(gamma, bridge.strength, bridge.end)) if bridged else cls("gen", 0.0)

    @property
    def rows(self) -> tuple[str, ...]:
        """The conditional rows that it uses, in batch order."""
        used = {GENERATION: self.base == "gen", APPEARANCE: self.base == "app"}
        return tuple(row for row, is_base in used.items() if is_base or self.strength)


@dataclass(frozen=True, eq=False)
class GuidanceRows:
    """The model's predictions (1, C, h, w) by row, None for rows that were not computed.

    scale: of classifier-free guidance at this step. gamma: progress of sampling in [0, 1]. bridge: Delta-Bridge at this step. region:
    (1, 1, h, w) in [0, 1], how much of each latent the subjects cover, None where nobody knows.
    """

    settings: Settings
    scale: float
    gamma: float
    bridge: BridgeStep
    uncond: Tensor | None = None
    generation: Tensor | None = None
    appearance: Tensor | None = None
    region: Tensor | None = None

    @property
    def main(self) -> Tensor:
        """The prediction of the main row."""
        main = self.generation if self.bridge.base == "gen" else self.appearance
        assert main is not None  # the loop computes the rows that are used
        return main
