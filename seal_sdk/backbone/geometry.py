"""Sizes that a model can draw, and how pixels, latents and tokens relate."""

from __future__ import annotations

from dataclasses import dataclass

from seal_sdk.errors import SizeError

Size = tuple[int, int]
LARGEST = 8192


@dataclass(frozen=True)
class LatentGeometry:
    """The latent space of a model.

    pixels_per_latent: along one side. channels: of its latents. halvings: how often the model halves the latents on its way to the
    coarsest grid of tokens. default_side: the side in pixels that the model was trained for.
    """

    pixels_per_latent: int
    channels: int
    halvings: int
    default_side: int

    @property
    def pixels_per_coarsest_token(self) -> int:
        """Along one side."""
        return int(self.pixels_per_latent * 2**self.halvings)

    def latent_size(self, size: Size) -> Size:
        """(height, width) of the latents of an image of (height, width) pixels."""
        return size[0] // self.pixels_per_latent, size[1] // self.pixels_per_latent

    def check_size(self, height: int | None, width: int | None) -> Size:
        """(height, width) in pixels, the model's own where not given. Raises SizeError for sizes that it cannot draw."""
        for name, value in (("height", height), ("width", width)):
            if value is not None:
                self._check_side(name, value)
        return height or self.default_side, width or self.default_side

    def _check_side(self, name: str, value: object) -> None:
        step, smallest = self.pixels_per_latent, self.pixels_per_coarsest_token
        if type(value) is int and value % step == 0 and smallest <= value <= LARGEST:
            return
        near = self.default_side
        if isinstance(value, (int, float)):
            near = min(max(round(float(value) / step) * step, smallest), LARGEST)
        raise SizeError(
            f"{name}={value!r}: expected a multiple of {step} from {smallest} to {LARGEST}; the nearest is {near}."
        )

    def reference_size(self, size: Size) -> Size:
        """(width, height) at which a reference of (width, height) pixels is captured.

        It keeps the aspect ratio, has about the model's own area, and is made of whole tokens on every grid. Nothing is cropped, so
        that no part of the subject is lost. Raises SizeError when one side is more than 16 times the other.
        """
        width, height = size
        step, scale = self.pixels_per_coarsest_token, self.default_side / (width * height) ** 0.5
        fitted = tuple(max(round(side * scale / step), 2) * step for side in (width, height))
        if max(fitted) > 4 * self.default_side:
            raise SizeError(
                f"The reference is {width}x{height} pixels; its sides must not differ by more than 16 times. Crop it to the subject."
            )
        return fitted[0], fitted[1]
