"""The sizes of Pocket's models: those of the shipped ones, and of larger ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "design.json"


@dataclass(frozen=True)
class Design:
    """Sizes of VAE and UNet.

    Attributes:
        image_size: Pixels a side.
        latent_channels: Channels of the latents, which are 32x32.
        vae_widths: Channels of the VAE's blocks; each but the last halves the side.
        unet_widths: Channels of the UNet's blocks, multiples of 48.
        details: Whether the photos show persons in detail (`world.Identity.details`).
    """

    image_size: int = 128
    latent_channels: int = 8
    vae_widths: tuple[int, ...] = (16, 32, 32)
    unet_widths: tuple[int, int, int] = (48, 96, 192)
    details: bool = False

    @property
    def vae_factor(self) -> int:
        """Pixels per latent."""
        return int(2 ** (len(self.vae_widths) - 1))

    @property
    def latent_size(self) -> int:
        """Latents a side."""
        return self.image_size // self.vae_factor

    @classmethod
    def of(cls, folder: Path) -> Design:
        """The design that `write` left in a training's folder; the shipped one where there is none."""
        if not (folder / FILE).is_file():
            return SHIPPED
        given: dict[str, Any] = json.loads((folder / FILE).read_text())
        fields: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(**fields)

    def write(self, folder: Path) -> None:
        """Leave the design in a training's folder, for all stages."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1))


SHIPPED = Design()
DESIGNS = {
    "128": SHIPPED,
    "256": Design(image_size=256, latent_channels=16, vae_widths=(16, 32, 32, 32), details=True),
}
"""By the side of their images."""
