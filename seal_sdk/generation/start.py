"""Where sampling starts: noise, or a picture with noise, and what keeps the rest of the picture as it is.

The generators' draws come in diffusers' order: the picture's latents, the noise, the masked picture's latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.backbone.base import Sampler
from seal_sdk.backbone.window import Window
from seal_sdk.errors import InputError
from seal_sdk.generation.call import Call
from seal_sdk.generation.painting import Painting
from seal_sdk.generation.request import Request, generators_of


@dataclass(frozen=True, eq=False)
class KeptPicture:
    """What keeps the pictures as they are outside of their masks, where the model does not do it itself.

    clean, noise: (B, C, h, w). mask: (B, 1, h, w), ones where it is painted.
    """

    sampler: Sampler
    clean: Tensor
    noise: Tensor
    mask: Tensor

    def restore(self, latents: Tensor, index: int) -> Tensor:
        """Latents (B, C, h, w) after a step, with the pictures at the next step's noise level around what is painted."""
        kept, timesteps = self.clean, self.sampler.timesteps
        if index < len(timesteps) - 1:
            kept = self.sampler.add_noise(kept, self.noise, torch.tensor([timesteps[index + 1]]))
        return (1 - self.mask) * kept + self.mask * latents


@dataclass(frozen=True, eq=False)
class Start:
    """latents: (B, C, h, w), the first. kept: None where nothing has to be kept.

    mask_inputs: (B, 1 + C, h, w), for models that take a mask, else None.
    """

    latents: Tensor
    kept: KeptPicture | None = None
    mask_inputs: Tensor | None = None


def start_sampling(
    call: Call, requests: Sequence[Request], paintings: Sequence[Painting | None], sampler: Sampler
) -> Start:
    """The start of a call. Raises InputError for latents that do not fit, and NumericalError."""
    generators, given = generators_of(requests), _given_latents(call, len(requests))
    known = [painting for painting in paintings if painting is not None]
    if not known:
        if given is None:
            given = call.backbone.draw_noise((len(requests), *_shape(call)), generators)
        return Start(given.to(call.backbone.device, call.backbone.dtype) * sampler.initial_scale)
    size = len(known) // len(generators)  # all images of a shared generator, else one
    parts = [
        _Part(call, sampler, generator, known[row : row + size], None if given is None else given[row : row + size])
        for row, generator in zip(range(0, len(known), size), generators, strict=True)
    ]
    return _join(sampler, [part.start() for part in parts])


def _shape(call: Call) -> tuple[int, int, int]:
    return (call.backbone.geometry.channels, *call.latent_size)


def _given_latents(call: Call, images: int) -> Tensor | None:
    given, shape = call.settings.sampling.latents, (images, *_shape(call))
    if given is not None and (tuple(given.shape) != shape or not torch.isfinite(given).all()):
        raise InputError(f"latents of shape {tuple(given.shape)}: expected finite numbers of shape {shape}.")
    return None if given is None else given.to(call.backbone.device, call.backbone.dtype)


def _join(sampler: Sampler, parts: Sequence[Start]) -> Start:
    kept = [part.kept for part in parts if part.kept is not None]
    inputs = [part.mask_inputs for part in parts if part.mask_inputs is not None]
    return Start(
        torch.cat([part.latents for part in parts]),
        KeptPicture(
            sampler, *(torch.cat([getattr(each, name) for each in kept]) for name in ("clean", "noise", "mask"))
        )
        if kept
        else None,
        torch.cat(inputs) if inputs else None,
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Images that share a generator: one, or all of a call. given: the caller's latents (B, C, h, w)."""

    call: Call
    sampler: Sampler
    generator: torch.Generator
    paintings: Sequence[Painting]
    given: Tensor | None

    def start(self) -> Start:
        if self.paintings[0].mask is None:
            return Start(self._img2img() if self.given is None else self.given)
        return self._inpaint()

    def _img2img(self) -> Tensor:
        clean = self._clean()
        return self._noisy(clean, self._noise()) if self._window.adds_noise else clean

    def _inpaint(self) -> Start:
        backbone, window = self.call.backbone, self._window
        begins_with_picture = not window.adds_noise or (self.given is None and not window.starts_from_noise)
        clean = self._clean() if begins_with_picture or not backbone.pictures.takes_mask else None
        noise = self.given if self.given is not None and window.adds_noise else self._noise()
        if begins_with_picture:
            assert clean is not None
            latents = self._noisy(clean, noise) if window.adds_noise else clean
        else:
            latents = noise * self.sampler.initial_scale
        mask, masked = self._latent_masks(), self._masked()
        if backbone.pictures.takes_mask:
            assert masked is not None  # checked with the arguments
            return Start(latents, mask_inputs=torch.cat([mask, masked], dim=1))
        assert clean is not None
        return Start(latents, KeptPicture(self.sampler, clean, noise, mask))

    @property
    def _window(self) -> Window:
        return self.call.settings.sampling.window

    def _noise(self) -> Tensor:
        return self.call.backbone.draw_noise((len(self.paintings), *_shape(self.call)), [self.generator])

    def _noisy(self, clean: Tensor, noise: Tensor) -> Tensor:
        return self.sampler.add_noise(clean, noise, self.sampler.timesteps[:1].repeat(len(clean)))

    def _clean(self) -> Tensor:
        """(B, C, h, w) of the pictures."""
        given = [painting.latents for painting in self.paintings if painting.latents is not None]
        if given:
            return torch.cat(given)
        return self._encode([painting.pixels for painting in self._distinct])

    def _latent_masks(self) -> Tensor:
        masks = [painting.latent_mask for painting in self.paintings if painting.latent_mask is not None]
        return torch.cat(masks).to(self.call.backbone.device, self.call.backbone.dtype)

    def _masked(self) -> Tensor | None:
        """(B, C, h, w) of the pictures without what is to be painted; None for latents, of which nothing can be masked.

        A model that takes no mask does not use it. It is encoded all the same, since that draws from the generator.
        """
        given = [each.given.masked_latents for each in self.paintings if each.given.masked_latents is not None]
        if given:
            return torch.cat(given).to(self.call.backbone.device, self.call.backbone.dtype)
        if self.paintings[0].latents is not None:
            return None
        return self._encode([each.pixels * (each.mask < 0.5) for each in self._distinct if each.mask is not None])

    @property
    def _distinct(self) -> Sequence[Painting]:
        """The only picture once where all images have the same, as diffusers encodes it."""
        return self.paintings[:1] if len(set(self.paintings)) == 1 else self.paintings

    def _encode(self, pixels: Sequence[Tensor]) -> Tensor:
        latents = self.call.backbone.pictures.encode(torch.cat(list(pixels)), self.generator)
        return latents.expand(len(self.paintings), -1, -1, -1)
