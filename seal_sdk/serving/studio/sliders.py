"""The three sliders: how much of the settings' own strength identity, structure and text get, in percent (ours).

100 is what the preset, or what stands under "Advanced", says. Fields of `seal_sdk.config` are named in docs/studio.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from seal_sdk.errors import ConfigError
from seal_sdk.presets import Preset

MOST = {"identity": 100, "structure": 100, "text": 200}


@dataclass(frozen=True)
class Strengths:
    """What the sliders say, in percent: identity and structure from 0 to 100, text from 0 to 200. Raises ConfigError."""

    identity: float = 100
    structure: float = 100
    text: float = 100

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value <= most:
                raise ConfigError(f"{name}={value!r}: expected a number from 0 to {most}.")

    def of(self, settings: Preset) -> Preset:
        """The settings with ``Appearance.delta`` and ``detail``, ``Structure.scale`` and ``DeltaBridge.override`` times their share."""
        appearance, bridge = settings.appearance, settings.delta_bridge
        identity, text = self.identity / 100, self.text / 100
        return settings.with_given(
            appearance=replace(appearance, delta=appearance.delta * identity, detail=appearance.detail * identity),
            structure=replace(settings.structure, scale=settings.structure.scale * self.structure / 100),
            delta_bridge=replace(bridge, override=bridge.override * text),
        )

    def guidance(self, scale: float) -> float:
        """The guidance scale: what ``scale`` adds to no guidance, which is 1, times the text's share."""
        return 1 + (scale - 1) * self.text / 100
