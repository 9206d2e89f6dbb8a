"""The denoising loop: diffusers', with the method's rows, infusion, latent transfer and Delta-Bridge.

Every image has a forward of its own, with its rows as the batch. So a batch draws bit for bit what its images draw alone, and with
nothing switched on the operations are those of diffusers' pipelines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from seal_sdk.backbone.base import Sampler, SamplingState
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.control import ActiveControl, ControlStep
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.generation.call import Call
from seal_sdk.generation.callback_tensors import CallbackTensors
from seal_sdk.generation.forward import APPEARANCE, GENERATION, STRUCTURE, UNCOND, CurrentForward, Forward
from seal_sdk.generation.guidance import BridgeStep, GuidanceRows, guide
from seal_sdk.generation.infusion_hooks import install_infusion
from seal_sdk.generation.infusion_step import Step, infused_forward, transfer
from seal_sdk.generation.plan import ImagePlan
from seal_sdk.generation.start import Start
from seal_sdk.generation.structure_sources import structure_source
from seal_sdk.match_maps import LayerMatches
from seal_sdk.method.schedules import active, guidance_at

OnStepEnd = Callable[[int, Tensor, CallbackTensors], None]
"""Called with step index, timestep and the tensors to go on with, which it may change."""


@dataclass
class ImageRecord:
    """What the loop notes of one image: the infused share of tokens per step and layer, and its matches where asked for."""

    coverages: list[Tensor] = field(default_factory=list)
    matches: list[LayerMatches] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Mean over steps and layers, from 0 to 1."""
        return float(torch.stack(self.coverages).mean()) if self.coverages else 0.0


class DenoisingLoop:
    """The loop of one call. records: one per image."""

    def __init__(self, call: Call, sampler: Sampler, plans: Sequence[ImagePlan], start: Start) -> None:
        self.call, self.sampler, self.plans, self.start = call, sampler, plans, start
        self.current = CurrentForward()
        self.records = [ImageRecord() for _ in plans]

    @torch.no_grad()
    def run(self, state: SamplingState, on_step_end: OnStepEnd) -> Tensor:
        """Latents (B, C, h, w) after all timesteps. state: read at every step, since callbacks may change it."""
        latents, kept = self.start.latents, self.start.kept
        with self.call.backbone.hooks() as hooks:
            self._install(hooks)
            for index, timestep in enumerate(self.sampler.timesteps):
                if state.interrupted:
                    break
                step = Step(index, timestep, self.sampler.progress(index))
                noisy = self.sampler.model_input(latents, timestep)
                scale = guidance_at(step.gamma, state.guidance_scale, self.call.settings.sampling.guidance_interval)
                predictions = [
                    self._predict(number, step, noisy[number : number + 1], scale) for number in range(len(self.plans))
                ]
                latents = self.sampler.step(torch.cat(predictions), timestep, latents)
                latents = latents if kept is None else kept.restore(latents, index)
                tensors = CallbackTensors(latents, self.plans, partial(self._guided, state))
                on_step_end(index, timestep, tensors)
                latents, self.plans = tensors.latents, tensors.plans
        return latents

    def _install(self, hooks: Hooks) -> None:
        settings = self.call.settings
        if any(plan.structure.row or plan.structure.control for plan in self.plans):
            source = structure_source(settings.structure.control)
            source.install(hooks, self.call.backbone, self.current, settings.structure)
        if any(plan.subjects for plan in self.plans):
            install_infusion(hooks, self.call.layers, self.current, settings.appearance)

    def _guided(self, state: SamplingState) -> bool:
        """Whether there are to be unconditional rows, as far as the guidance scale says: also before and after guidance's interval."""
        return state.guidance_scale > 1 and not self.call.backbone.guidance_is_embedded

    def _predict(self, number: int, step: Step, noisy: Tensor, guidance_scale: float) -> Tensor:
        """Guided prediction (1, C, h, w) of one image."""
        plan, record = self.plans[number], self.records[number]
        rows = self._rows(plan, step.gamma, guidance_scale)
        forward = infused_forward(self.call, plan, rows, step)
        self.current.forward = forward
        try:
            output = self._model(number, rows, noisy, step, guidance_scale)
        finally:
            self.current.forward = None
        record.coverages += forward.coverage
        record.matches += self._matches(plan, step, forward)
        guided = self._guide(plan, dict(zip(rows, output.chunk(len(rows)), strict=True)), step.gamma, guidance_scale)
        return transfer(self.call, plan, forward, step, guided, noisy)

    def _rows(self, plan: ImagePlan, gamma: float, guidance_scale: float) -> dict[str, Conditioning]:
        """The rows this step needs, in batch order: none is computed that nothing uses."""
        used = self._bridge(plan, gamma).rows
        rows = {}
        if guidance_scale > 1 and plan.uncond is not None:
            rows[UNCOND] = plan.uncond
        if GENERATION in used:
            rows[GENERATION] = plan.generation
        if APPEARANCE in used and plan.appearance is not None:
            rows[APPEARANCE] = plan.appearance
        if plan.structure.row is not None and self.call.settings.injects_at(gamma):
            rows[STRUCTURE] = plan.structure.row.conditioning
        return rows

    def _bridge(self, plan: ImagePlan, gamma: float) -> BridgeStep:
        return BridgeStep.at(self.call.settings.delta_bridge, gamma, plan.is_bridged)

    def _model(
        self, number: int, rows: Mapping[str, Conditioning], noisy: Tensor, step: Step, guidance_scale: float
    ) -> Tensor:
        """What the model predicts of all rows, (rows, C, h, w)."""
        plan = self.plans[number]
        self.call.meter.unet_rows += len(rows)
        inputs = [self._structure_input(plan, step) if name == STRUCTURE else noisy for name in rows]
        return self.call.backbone.predict(
            torch.cat(inputs).to(noisy.dtype),
            step.timestep,
            stack(list(rows.values())),
            guidance_scale=guidance_scale,
            control=self._control(plan, rows, step),
            cross_attention_kwargs=self.call.settings.sampling.cross_attention_kwargs,
            mask_input=self._mask_input(number, rows),
        )

    def _mask_input(self, number: int, rows: Mapping[str, Conditioning]) -> Tensor | None:
        """(rows, 1 + C, h, w), for models that take a mask. Of the structure image everything is to be painted."""
        if self.start.mask_inputs is None:
            return None
        own = self.start.mask_inputs[number : number + 1]
        everything = self.call.backbone.pictures.unmasked_input(*self.call.latent_size) if STRUCTURE in rows else own
        return torch.cat([everything if name == STRUCTURE else own for name in rows])

    def _structure_input(self, plan: ImagePlan, step: Step) -> Tensor:
        row = plan.structure.row
        assert row is not None
        return self.call.backbone.noise_level(step.timestep).add_noise(row.latents, row.noise)

    def _control(self, plan: ImagePlan, rows: Mapping[str, Conditioning], step: Step) -> ActiveControl | None:
        control, settings = plan.structure.control, self.call.settings
        if control is None or not (settings.control.say_the_end or active(step.gamma, settings.structure_end)):
            return None
        guessed = tuple(index for index, name in enumerate(rows) if name != UNCOND)
        steps = len(self.sampler.timesteps), settings.sampling.num_inference_steps
        return ActiveControl(control, ControlStep(step.index, *steps, guessed))

    def _guide(self, plan: ImagePlan, outputs: Mapping[str, Tensor], gamma: float, guidance_scale: float) -> Tensor:
        """The guided prediction (`guidance.RULES`)."""
        uncond, generation, appearance = (outputs.get(row) for row in (UNCOND, GENERATION, APPEARANCE))
        return guide(
            GuidanceRows(
                self.call.settings,
                guidance_scale,
                gamma,
                self._bridge(plan, gamma),
                uncond,
                generation,
                appearance,
                plan.region,
            )
        )

    def _matches(self, plan: ImagePlan, step: Step, forward: Forward) -> list[LayerMatches]:
        if not forward.matches:
            return []
        grids = {layer.name: layer.grid(self.call.latent_size) for layer in self.call.layers}
        return [
            LayerMatches(
                step.index,
                each.layer,
                grids[each.layer],
                each.source_grid,
                each.targets.cpu().numpy(),
                each.sources.cpu().numpy(),
                each.similarity.cpu().numpy(),
                forward.tau,
                plan.subjects[each.subject].name,
            )
            for each in forward.matches
        ]
