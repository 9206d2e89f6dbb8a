"""A diffusers scheduler set up for one call: a copy, so that the pipeline's own stays as it was found."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class DiffusersSampler:
    """See `seal_sdk.backbone.base.Sampler`. step_arguments: further arguments of the scheduler's ``step``."""

    def __init__(
        self, scheduler: Any, num_inference_steps: int, device: torch.device, step_arguments: Mapping[str, Any]
    ) -> None:
        self._scheduler = copy.deepcopy(scheduler)
        self._scheduler.set_timesteps(num_inference_steps, device=device)
        self._step_arguments = step_arguments

    def copy(self) -> DiffusersSampler:
        """As it is now: some schedulers remember their steps."""
        copied = copy.copy(self)
        copied._scheduler = copy.deepcopy(self._scheduler)
        return copied

    @property
    def timesteps(self) -> Tensor:
        """(steps,) in the order of sampling."""
        timesteps: Tensor = self._scheduler.timesteps
        return timesteps

    @property
    def initial_scale(self) -> float:
        """What unit noise is multiplied by to become the first latents."""
        scale: float = self._scheduler.init_noise_sigma
        return scale

    def model_input(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """The latents as the model takes them."""
        scaled: Tensor = self._scheduler.scale_model_input(latents, timestep)
        return scaled

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """The latents after one step, in their own dtype."""
        stepped: Tensor = self._scheduler.step(
            prediction, timestep, latents, **self._step_arguments, return_dict=False
        )[0]
        return stepped.to(latents.dtype)
