"""The oracle: latent transfer with a perfect match, towards the truth's own latents in place. Ours.

What is left of the error then is the model's and the sampler's, whatever finds the matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.base import Backbone, Sampler
from seal_sdk.evaluation.methods import Method
from seal_sdk.generation.subject_planner import latent_coverage
from seal_sdk.method.schedules import detail_at
from seal_sdk.pocket.world import Rendering

NAME = "oracle"


@dataclass(frozen=True, eq=False)
class Target:
    """latents: (1, C, h, w), clean. region: (1, 1, h, w) in [0, 1], how much of each is the subject's. detail: as of `Appearance`."""

    latents: Tensor
    region: Tensor
    detail: float

    @classmethod
    def of(cls, backbone: Backbone, truth: Rendering, detail: float) -> Target:
        """The truth's latents where its subject is."""
        latents = backbone.encode_image(Image.fromarray(truth.image))
        height, width = latents.shape[-2:]
        return cls(latents, latent_coverage(backbone, truth.mask, (height, width)), detail)


class SteeredSampler:
    """A sampler whose predictions are first moved towards a target, over the steps in which latents are transferred."""

    def __init__(self, sampler: Sampler, backbone: Backbone, target: Target) -> None:
        self._sampler, self._backbone, self._target = sampler, backbone, target
        self._steps = 0

    def __getattr__(self, name: str) -> Any:
        """Everything else is the sampler's own."""
        return getattr(self._sampler, name)

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """The latents (1, C, h, w) after one step."""
        strength = detail_at(self._sampler.progress(self._steps), self._target.detail)
        level = self._backbone.noise_level(timestep)
        self._steps += 1
        if strength and level.noise > 0:
            noisy = self._sampler.model_input(latents, timestep)
            way = self._target.latents - level.clean(prediction, noisy)
            prediction = level.steer(prediction, strength * self._target.region * way)
        return self._sampler.step(prediction, timestep, latents)


@contextmanager
def steered(backbone: Backbone, target: Target) -> Iterator[None]:
    """While inside, the model's samplers step towards the target."""
    make = backbone.sampler
    backbone.sampler = lambda *given, **named: SteeredSampler(make(*given, **named), backbone, target)  # type: ignore[method-assign]  # of this object alone
    try:
        yield
    finally:
        del backbone.sampler  # the class's own shows again


def without_transfer(method: Method) -> Method:
    """The method with everything but its own latent transfer, for which the oracle's stands."""
    return replace(method, name=NAME, appearance=replace(method.appearance, detail=0.0))


def encoded_and_decoded(backbone: Backbone, image: np.ndarray) -> np.ndarray:
    """An image, uint8 (H, W, 3), as the model's VAE gives it back."""
    decoded = backbone.decode(backbone.encode_image(Image.fromarray(image)), "pil")
    return np.asarray(decoded.convert("RGB"))
