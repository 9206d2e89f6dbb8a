"""The method's settings on their way between nodes: a preset's, but for those that are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from seal_sdk.presets import find_preset

OWN = -1.0  # the preset's own


@dataclass(frozen=True)
class MethodSettings:
    """Settings as of `seal_sdk.config`; negative numbers and an empty control leave the preset's own.

    guidance_start, guidance_end: as ``guidance_interval``.
    """

    delta: float = OWN
    detail: float = OWN
    strength: float = OWN
    override: float = OWN
    control: str = ""
    control_scale: float = OWN
    control_end: float = OWN
    guidance_start: float = 0.0
    guidance_end: float = 1.0

    def arguments(self, preset: str, with_identity: bool) -> dict[str, Any]:
        """Arguments of `IdentitySession.generate`. Raises ConfigError for an unknown preset, or values out of their range."""
        chosen = find_preset(preset)
        appearance = replace(chosen.appearance, **_given(delta=self.delta, detail=self.detail))
        bridge = replace(chosen.delta_bridge, **_given(strength=self.strength, override=self.override))
        if not with_identity:
            appearance, bridge = replace(appearance, delta=0.0), replace(bridge, strength=0.0)
        control: dict[str, Any] = {"control": self.control} if self.control else {}
        structure = replace(chosen.structure, **control, **_given(scale=self.control_scale, end=self.control_end))
        return {
            "preset": preset,
            "appearance": appearance,
            "delta_bridge": bridge,
            "structure_control": structure,
            "guidance_interval": (self.guidance_start, self.guidance_end),
        }


def _given(**values: float) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value >= 0}
