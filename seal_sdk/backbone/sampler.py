"""A diffusers scheduler set up for one call: a copy, so that the pipeline's own stays as it was found."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import retrieve_timesteps
from torch import Tensor

from seal_sdk.backbone.schedule import OWN_SCHEDULE, CustomSchedule
from seal_sdk.backbone.window import WHOLE, Window
from seal_sdk.errors import InputError


class DiffusersSampler:
    """See `seal_sdk.backbone.base.Sampler`. step_arguments: further arguments of the scheduler's ``step``.

    Raises InputError for a schedule that the scheduler does not take, or of which the window leaves nothing.
    """

    def __init__(
        self,
        scheduler: Any,
        num_inference_steps: int,
        device: torch.device,
        step_arguments: Mapping[str, Any],
        schedule: CustomSchedule = OWN_SCHEDULE,
        window: Window = WHOLE,
    ) -> None:
        self._scheduler = copy.deepcopy(scheduler)
        self._step_arguments = step_arguments
        if schedule.has_steps:
            _set_schedule(self._scheduler, device, schedule)
        else:
            self._scheduler.set_timesteps(num_inference_steps, device=device)
        steps = len(self._scheduler.timesteps) if schedule.has_steps else num_inference_steps
        self._first = window.first(self._scheduler, steps)
        if window.skips_the_start and hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._first)
        self._timesteps = window.select(self._scheduler, self._first)
        if not len(self._timesteps):
            given = ", ".join(f"{name}={value}" for name, value in window.given.items())
            raise InputError(f"{given} leaves none of {steps} steps: widen it, or raise num_inference_steps.")

    def copy(self) -> DiffusersSampler:
        """As it is now: some schedulers remember their steps."""
        copied = copy.copy(self)
        copied._scheduler = copy.deepcopy(self._scheduler)
        return copied

    @property
    def timesteps(self) -> Tensor:
        """(steps,) in the order of sampling."""
        return self._timesteps

    def progress(self, index: int) -> float:
        """Progress in [0, 1] of the whole schedule at a step, so that a noise level has the same in every window."""
        return (self._first + index) / max(len(self._scheduler.timesteps) - 1, 1)

    @property
    def initial_scale(self) -> float:
        """What unit noise is multiplied by to become the first latents."""
        scale: float = self._scheduler.init_noise_sigma
        return scale

    def model_input(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """The latents as the model takes them."""
        scaled: Tensor = self._scheduler.scale_model_input(latents, timestep)
        return scaled

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Clean latents (B, C, h, w) at the noise level of a timestep (1,); of the next step where sampling has begun."""
        noisy: Tensor = self._scheduler.add_noise(clean, noise, timestep)
        return noisy

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """The latents after one step, in their own dtype."""
        stepped: Tensor = self._scheduler.step(
            prediction, timestep, latents, **self._step_arguments, return_dict=False
        )[0]
        return stepped.to(latents.dtype)


def _set_schedule(scheduler: Any, device: torch.device, schedule: CustomSchedule) -> None:
    timesteps = None if schedule.timesteps is None else list(schedule.timesteps)
    sigmas = None if schedule.sigmas is None else list(schedule.sigmas)
    try:
        retrieve_timesteps(scheduler, device=device, timesteps=timesteps, sigmas=sigmas)
    except ValueError as error:
        given = f"timesteps={timesteps}" if sigmas is None else f"sigmas={sigmas}"
        raise InputError(f"{given}: {type(scheduler).__name__} does not take them. {error}") from error
