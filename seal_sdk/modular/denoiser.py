"""diffusers' own denoiser, run image by image with an image's rows as the batch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from diffusers.modular_pipelines.modular_pipeline import BlockState
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.generation.infusion_step import Step
from seal_sdk.modular.inputs import row_of_image
from seal_sdk.modular.loop import ModularLoop
from seal_sdk.modular.plans import IMAGE_EMBEDS

_block_state: Any = BlockState  # it has no types


class ImageByImage:
    """Stands in for a loop's denoiser during one call.

    A forward per image, as in the session: so a batch draws bit for bit what its images draw alone.
    """

    def __init__(self, denoiser: Any, loop: ModularLoop) -> None:
        self.denoiser, self.loop = denoiser, loop

    def __getattr__(self, name: str) -> Any:
        """Its inputs and outputs are the denoiser's."""
        return getattr(self.denoiser, name)

    @torch.no_grad()
    def __call__(self, components: Any, block_state: Any, i: int, t: Tensor) -> tuple[Any, Any]:
        """As diffusers' denoisers: sets ``noise_pred`` (B, C, h, w)."""
        noisy = block_state.scaled_latents
        step = Step(i, t, _progress(components.scheduler, block_state.timesteps, i), float(t))
        alone = _View(components, guider=copy.copy(_one_pass()))
        predictions = [
            self.loop.predict(
                number, step, noisy[number : number + 1], partial(self._predict, alone, block_state, number, step)
            )
            for number in range(len(noisy))
        ]
        block_state.noise_pred = torch.cat(predictions)
        return components, block_state

    def _predict(
        self, components: Any, block_state: Any, number: int, step: Step, noisy: Tensor, rows: Conditioning
    ) -> Tensor:
        """What diffusers' denoiser predicts of one image's rows."""
        inputs = {
            **block_state.as_dict(),
            **_own(block_state, number, len(noisy)),
            **_embeds(rows),
            "scaled_latents": noisy,
        }
        _, done = self.denoiser(components, _block_state(**inputs), i=step.index, t=step.timestep)
        prediction: Tensor = done.noise_pred
        return prediction


def _progress(scheduler: Any, timesteps: Tensor, index: int) -> float:
    """Progress in [0, 1] of the scheduler's whole schedule: loops of pictures begin late in it."""
    whole, first = scheduler.timesteps, getattr(scheduler, "begin_index", None)
    if first is None:
        first = int((whole == timesteps[0]).nonzero()[0])
    return (first + index) / max(len(whole) - 1, 1)


class _View:
    """A pipeline with some of its components replaced, and nothing changed in it."""

    def __init__(self, components: Any, **replaced: Any) -> None:
        self._components = components
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._components, name)


@cache
def _one_pass() -> Any:
    """A guider that takes the inputs as they are: made once, since diffusers logs that guiders are new."""
    return ClassifierFreeGuidance(enabled=False)


def _embeds(rows: Conditioning) -> Mapping[str, Any]:
    """The rows' conditioning, as the prompt's."""
    adapters = [each for name, each in rows.added.items() if name.startswith(IMAGE_EMBEDS)]
    return {
        "prompt_embeds": rows.embeds,
        "pooled_prompt_embeds": rows.added["text_embeds"],
        "add_time_ids": rows.added["time_ids"],
        "ip_adapter_embeds": adapters or None,
    }


def _own(block_state: Any, number: int, rows: int) -> Mapping[str, Any]:
    """The image's own share of what a batch has beside latents and prompts, once for each row."""
    images = len(block_state.scaled_latents)

    def share(value: Any) -> Any:
        if isinstance(value, Tensor):
            part = row_of_image(value, number, images)
            return part.expand(rows, *part.shape[1:])
        return [share(each) for each in value] if isinstance(value, list) else value

    names = ("timestep_cond", "controlnet_cond")
    own = {name: share(getattr(block_state, name)) for name in names if hasattr(block_state, name)}
    further: Mapping[str, Any] = getattr(block_state, "controlnet_kwargs", {})
    return {**own, "controlnet_kwargs": {name: share(value) for name, value in further.items()}}
