"""The denoising loop: diffusers', with the method's rows, infusion, latent transfer and Delta-Bridge.

Every image has a forward of its own, with its rows as the batch. So a batch draws bit for bit what its images draw alone, and with
nothing switched on the operations are those of diffusers' pipelines. With ``images_per_forward`` several images' rows are one batch, one
image's below the other's; what is done to them and made of them is still done image by image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from seal_sdk.backbone.base import Sampler, SamplingState
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.control import ActiveControl, ControlStep, pack_controls
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.generation.call import Call
from seal_sdk.generation.callback_tensors import CallbackTensors
from seal_sdk.generation.forward import APPEARANCE, GENERATION, STRUCTURE, UNCOND, CurrentForward, Forward
from seal_sdk.generation.guidance import BridgeStep, GuidanceRows, guide
from seal_sdk.generation.infusion_hooks import install_infusion
from seal_sdk.generation.infusion_step import Step, infused_forward, transfer
from seal_sdk.generation.packing import Packing
from seal_sdk.generation.plan import ImagePlan
from seal_sdk.generation.start import Start
from seal_sdk.generation.structure_sources import structure_source
from seal_sdk.match_maps import LayerMatches
from seal_sdk.method.schedules import active, guidance_at

OnStepEnd = Callable[[Step, CallbackTensors], None]
"""Called with the step and the tensors to go on with, which it may change."""


@dataclass
class ImageRecord:
    """What the loop notes of one image: the infused share of tokens per step and layer, and its matches where asked for."""

    coverages: list[Tensor] = field(default_factory=list)
    matches: list[LayerMatches] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Mean over steps and layers, from 0 to 1."""
        return float(torch.stack(self.coverages).mean()) if self.coverages else 0.0


@dataclass(frozen=True, eq=False)
class ImageRows:
    """One image in a forward. number: in the call. rows: name -> conditioning, in batch order. noisy: (1, C, h, w), the model's input."""

    number: int
    plan: ImagePlan
    rows: Mapping[str, Conditioning]
    forward: Forward
    noisy: Tensor


class DenoisingLoop:
    """The loop of one call. records: one per image."""

    def __init__(self, call: Call, sampler: Sampler, plans: Sequence[ImagePlan], start: Start) -> None:
        self.call, self.sampler, self.plans, self.start = call, sampler, plans, start
        self.current = CurrentForward()
        self.records = [ImageRecord() for _ in plans]
        self.packing = Packing(call.settings.images_per_forward, call.backbone.device, len(plans))

    @torch.no_grad()
    def run(self, state: SamplingState, on_step_end: OnStepEnd) -> Tensor:
        """Latents (B, C, h, w) after all timesteps. state: read at every step, since callbacks may change it."""
        latents, kept = self.start.latents, self.start.kept
        with self.call.backbone.hooks() as hooks:
            self._install(hooks)
            times = self.sampler.timesteps.tolist()
            for index, timestep in enumerate(self.sampler.timesteps):
                if state.interrupted:
                    break
                step = Step(index, timestep, self.sampler.progress(index), times[index])
                noisy = self.sampler.model_input(latents, timestep)
                scale = guidance_at(step.gamma, state.guidance_scale, self.call.settings.sampling.guidance_interval)
                predictions = self._predictions(step, noisy, scale)
                latents = self.sampler.step(predictions, timestep, latents)
                latents = latents if kept is None else kept.restore(latents, index)
                clean = partial(self._clean, step, predictions, noisy)
                tensors = CallbackTensors(latents, self.plans, partial(self._guided, state), clean)
                on_step_end(step, tensors)
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

    def _clean(self, step: Step, predictions: Tensor, noisy: Tensor) -> Tensor:
        """The clean latents (B, C, h, w) that predictions imply."""
        return self.call.backbone.noise_level(step.time).clean(predictions, noisy)

    def _predictions(self, step: Step, noisy: Tensor, guidance_scale: float) -> Tensor:
        """Guided predictions (B, C, h, w) of all images. A forward that the memory is too small for is run again with fewer of them."""
        predictions: list[Tensor] = []
        while len(predictions) < len(self.plans):
            numbers = self.packing.group(len(predictions), len(self.plans))
            try:
                predictions += self._predict(numbers, step, noisy, guidance_scale)
            except torch.OutOfMemoryError:
                if not self.packing.shrink(len(numbers)):
                    raise
        return torch.cat(predictions)

    def _predict(self, numbers: Sequence[int], step: Step, noisy: Tensor, guidance_scale: float) -> list[Tensor]:
        """Guided predictions (1, C, h, w) of some images, in one forward."""
        images = [self._image(number, step, noisy[number : number + 1], guidance_scale) for number in numbers]
        with self.current.running(*(image.forward for image in images)):
            output = self._model(images, step, guidance_scale)
        outputs = torch.split(output, [len(image.rows) for image in images])
        predictions = [self._finish(*each, step, guidance_scale) for each in zip(images, outputs, strict=True)]
        for image in images:  # once nothing can fail any more
            self._note(image, step)
        return predictions

    def _image(self, number: int, step: Step, noisy: Tensor, guidance_scale: float) -> ImageRows:
        """What an image takes part in a forward with."""
        plan = self.plans[number]
        rows = self._rows(plan, step.gamma, guidance_scale)
        return ImageRows(number, plan, rows, infused_forward(self.call, plan, rows, step), noisy)

    def _finish(self, image: ImageRows, output: Tensor, step: Step, guidance_scale: float) -> Tensor:
        """Guided prediction (1, C, h, w) of one image, of what the model predicts of its rows."""
        plan, rows = image.plan, image.rows
        guided = self._guide(plan, dict(zip(rows, output.chunk(len(rows)), strict=True)), step.gamma, guidance_scale)
        return transfer(self.call, plan, image.forward, step, guided, image.noisy)

    def _note(self, image: ImageRows, step: Step) -> None:
        """Record what a forward found of an image."""
        record = self.records[image.number]
        self.call.meter.unet_rows += len(image.rows)
        record.coverages += image.forward.coverage
        record.matches += self._matches(image.plan, step, image.forward)

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

    def _model(self, images: Sequence[ImageRows], step: Step, guidance_scale: float) -> Tensor:
        """What the model predicts of all rows of these images, (rows, C, h, w)."""
        inputs = [
            self._structure_input(image.plan, step) if name == STRUCTURE else image.noisy
            for image in images
            for name in image.rows
        ]
        controls = [self._control(image.plan, image.rows, step) for image in images]
        return self.call.backbone.predict(
            torch.cat(inputs).to(images[0].noisy.dtype),
            step.timestep,
            stack([conditioning for image in images for conditioning in image.rows.values()]),
            guidance_scale=guidance_scale,
            control=pack_controls(controls, [len(image.rows) for image in images]),
            cross_attention_kwargs=self.call.settings.sampling.cross_attention_kwargs,
            mask_input=self._mask_input(images),
        )

    def _mask_input(self, images: Sequence[ImageRows]) -> Tensor | None:
        """(rows, 1 + C, h, w), for models that take a mask. Of the structure image everything is to be painted."""
        if self.start.mask_inputs is None:
            return None
        return torch.cat([self._row_mask(image.number, name) for image in images for name in image.rows])

    def _row_mask(self, number: int, row: str) -> Tensor:
        """(1, 1 + C, h, w), of one row."""
        if row == STRUCTURE:
            return self.call.backbone.pictures.unmasked_input(*self.call.latent_size)
        assert self.start.mask_inputs is not None
        return self.start.mask_inputs[number : number + 1]

    def _structure_input(self, plan: ImagePlan, step: Step) -> Tensor:
        row = plan.structure.row
        assert row is not None
        return self.call.backbone.noise_level(step.time).add_noise(row.latents, row.noise)

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
