"""Plain UNet forwards: the least that a method can cost that computes as many rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from seal_sdk.backbone.conditioning import stack
from seal_sdk.evaluation.cost.workplace import Workplace


class PlainForwards:
    """Forwards of so many rows each, as diffusers' loop makes them: classifier-free guidance and a scheduler's step after each.

    The prompt is encoded beforehand. rows: of each forward.
    """

    def __init__(self, place: Workplace, rows: Sequence[int]) -> None:
        self._place, self._rows = place, rows
        with place.session() as session:
            self._prompt = session.backbone.encode_prompt(place.triple.prompt, (place.side, place.side))
            geometry = session.backbone.geometry
        self._shape = (1, geometry.channels, *geometry.latent_size((place.side, place.side)))

    @torch.no_grad()
    def run(self) -> None:
        """All of them."""
        unet, dtype = self._place.pipe.unet, self._place.pipe.unet.dtype
        scheduler: Any = copy.deepcopy(self._place.pipe.scheduler)
        scheduler.set_timesteps(len(self._rows), device=self._place.device)
        noise = torch.randn(self._shape, generator=torch.Generator().manual_seed(0))
        latents = noise.to(self._place.device, dtype) * scheduler.init_noise_sigma
        scale = self._place.setup.guidance
        for timestep, rows in zip(scheduler.timesteps, self._rows, strict=False):
            given = stack([self._prompt] * rows)
            predicted = unet(
                scheduler.scale_model_input(torch.cat([latents] * rows), timestep),
                timestep,
                encoder_hidden_states=given.embeds,
                added_cond_kwargs=dict(given.added) or None,
                return_dict=False,
            )[0]
            guided = predicted[:1] + scale * (predicted[1:2] - predicted[:1]) if rows > 1 else predicted
            latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
