"""What diffusers' step callbacks read and change: latents and the embeddings of all images, in diffusers' layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, equally_long
from seal_sdk.errors import InputError
from seal_sdk.generation.plan import ImagePlan

LATENTS, PROMPT, ADDED = "latents", "prompt_embeds", "add_"


@dataclass(eq=False)
class CallbackTensors:
    """The tensors of B images after one step, by diffusers' names.

    ``latents`` (B, C, h, w); ``prompt_embeds`` (R, T, D), and with Stable Diffusion XL ``add_text_embeds`` (R, P) and ``add_time_ids``
    (R, 6). Of their R rows the B unconditional ones come first, where there are any, then the B conditional ones. The rows of
    Delta-Bridge's appearance and of the structure image are not among them, and stay as they are.

    plans: of the images, which hold the rows; replaced when something changes. guided: whether the next step has unconditional rows.
    clean: computes the clean latents (B, C, h, w) that the model predicted at this step.
    """

    latents: Tensor
    plans: Sequence[ImagePlan]
    guided: Callable[[], bool]
    clean: Callable[[], Tensor]

    def read(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Those of these names."""
        return {name: self.latents if name == LATENTS else self._gather(name) for name in names}

    def change(self, given: Mapping[str, Any]) -> None:
        """Go on with these tensors. Embeddings of the B conditional rows alone take the unconditional ones away.

        T may be another. Raises InputError for other shapes, and for guidance without unconditional rows.
        """
        guided = self.guided()
        for name, value in given.items():
            self._check(name, value, guided)
        embeds = {name: value.to(self._row(name)) for name, value in given.items() if name != LATENTS}
        self.latents = given.get(LATENTS, self.latents).to(self.latents)
        if embeds:
            self.plans = self._changed(embeds, guided)
        if guided and any(plan.uncond is None for plan in self.plans):
            raise InputError(
                "callback_on_step_end switched guidance on, and there are no unconditional rows: begin with guidance_scale > 1, or return "
                f"{', '.join(self._names)} of unconditional and conditional rows as well (not with image prompts)."
            )

    @property
    def _rows(self) -> list[Conditioning]:
        return [
            *(plan.uncond for plan in self.plans if plan.uncond is not None),
            *(plan.generation for plan in self.plans),
        ]

    @property
    def _names(self) -> list[str]:
        """Of the embeddings."""
        return [PROMPT, *(ADDED + name for name in self.plans[0].generation.added)]

    def _row(self, name: str) -> Tensor:
        return self.latents if name == LATENTS else _tensor(self.plans[0].generation, name)

    def _gather(self, name: str) -> Tensor:
        tensors = [_tensor(row, name) for row in self._rows]
        return torch.cat(equally_long(tensors) if name == PROMPT else tensors)

    def _check(self, name: str, value: Any, guided: bool) -> None:
        images, row = len(self.plans), self._row(name)
        if name == LATENTS:
            guided, rows = False, {images}
        else:
            rows = {2 * images} if guided else {images, len(self._rows)}
        first = 2 if name == PROMPT else 1  # the number of tokens is free
        fits = isinstance(value, Tensor) and value.ndim == row.ndim and value.numel() and len(value) in rows
        if not fits or value.shape[first:] != row.shape[first:]:
            expected = " or ".join(str((count, *row.shape[1:])) for count in sorted(rows))
            raise InputError(
                f"After callback_on_step_end, {name} is {_described(value)}; expected a tensor of shape {expected}"
                + (", the unconditional rows first." if guided else ".")
            )

    def _changed(self, embeds: Mapping[str, Tensor], guided: bool) -> list[ImagePlan]:
        """The plans with each image's part of checked embeddings."""
        images = len(self.plans)
        drops = any(len(value) == images for value in embeds.values())
        adds = guided and set(self._names) <= set(embeds)
        plans = []
        for number, plan in enumerate(self.plans):
            generation, uncond = plan.generation, None if drops else plan.uncond
            if uncond is None and adds and not generation.image_embeds:
                uncond = generation
            for name, value in embeds.items():
                conditional = len(value) - images + number
                generation = _with(generation, name, value[conditional : conditional + 1])
                uncond = uncond and _with(uncond, name, value[number : number + 1])
            plans.append(replace(plan, generation=generation, uncond=uncond))
        return plans


def _tensor(row: Conditioning, name: str) -> Tensor:
    return row.embeds if name == PROMPT else row.added[name.removeprefix(ADDED)]


def _with(row: Conditioning, name: str, value: Tensor) -> Conditioning:
    if name == PROMPT:
        return replace(row, embeds=value)
    return replace(row, added={**row.added, name.removeprefix(ADDED): value})


def _described(value: Any) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
