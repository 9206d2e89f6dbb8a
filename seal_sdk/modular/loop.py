"""The session's passes, with diffusers' guiders and denoisers in the place of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.errors import InputError
from seal_sdk.generation.call import Call
from seal_sdk.generation.forward import APPEARANCE, GENERATION, UNCOND, CurrentForward
from seal_sdk.generation.infusion_hooks import install_infusion
from seal_sdk.generation.infusion_step import Step, infused_forward, transfer
from seal_sdk.generation.plan import ImagePlan
from seal_sdk.modular.guidance import BRIDGE, COND, DeltaBridgeGuidance
from seal_sdk.modular.guidance import UNCOND as PRED_UNCOND

ROWS = {PRED_UNCOND: UNCOND, COND: GENERATION, BRIDGE: APPEARANCE}
"""Guiders' names of rows, in the session's batch order, and the session's."""

Model = Callable[[Tensor, Conditioning], Tensor]
"""What is predicted, (R, C, h, w), of noisy latents (R, C, h, w) with R rows of conditioning."""


@dataclass(eq=False)
class ModularLoop:
    """What a loop of diffusers draws one call's identities with. steps: how many the loop has.

    Every image has a guider of its own: guiders may remember earlier steps.
    """

    call: Call
    plans: Sequence[ImagePlan]
    guider: Any
    steps: int
    current: CurrentForward = field(default_factory=CurrentForward)

    @cached_property
    def guiders(self) -> list[Any]:
        """Copied at the first step: diffusers' loop switches its guider on or off before."""
        guiders = [copy.deepcopy(self.guider) for _ in self.plans]
        for guider, plan in zip(guiders, self.plans, strict=True):
            if isinstance(guider, DeltaBridgeGuidance):
                guider.subject_region = plan.region
        return guiders

    def install(self, hooks: Hooks) -> None:
        """Put the infusion on the model."""
        install_infusion(hooks, self.call.layers, self.current, self.call.settings.appearance)

    def predict(self, number: int, step: Step, noisy: Tensor, model: Model) -> Tensor:
        """Guided prediction (1, C, h, w) of one image. noisy: (1, C, h, w), the model's input."""
        plan, guider = self.plans[number], self.guiders[number]
        guider.set_state(step.index, self.steps, step.timestep)
        if isinstance(guider, DeltaBridgeGuidance):
            guider.progress = step.gamma
        batches = _batches(plan, guider)
        rows = {name: _conditioning(batch) for name, batch in batches.items()}
        forward = infused_forward(self.call, plan, rows, step)
        with self.current.running(forward):
            output = model(torch.cat([noisy] * len(rows)), stack(list(rows.values())))
        for batch, prediction in zip(batches.values(), output.chunk(len(rows)), strict=True):
            batch.noise_pred = prediction
        return transfer(self.call, plan, forward, step, guider(list(batches.values()))[0], noisy)


def _batches(plan: ImagePlan, guider: Any) -> Mapping[str, Any]:
    """The guider's batches of inputs by the session's names of rows, in the session's order."""
    prepared = {getattr(each, guider._identifier_key): each for each in guider.prepare_inputs(_inputs(plan))}
    if any(each.embeds is None for each in prepared.values()):
        raise InputError(f"{type(guider).__name__} needs negative_prompt_embeds and negative_pooled_prompt_embeds too.")
    return {row: prepared[name] for name, row in ROWS.items() if name in prepared}


def _inputs(plan: ImagePlan) -> dict[str, tuple[Tensor | None, ...]]:
    """Name -> that input of the rows with the prompt, without it, and with the reference's."""
    rows = (plan.generation, plan.uncond, plan.appearance if plan.is_bridged else None)
    added = {
        name: tuple(None if row is None else row.added.get(name) for row in rows) for name in plan.generation.added
    }
    return {"embeds": tuple(None if row is None else row.embeds for row in rows), **added}


def _conditioning(batch: Any) -> Conditioning:
    inputs = {name: value for name, value in batch.as_dict().items() if isinstance(value, Tensor)}
    return Conditioning(inputs.pop("embeds"), inputs)
