"""The baselines' denoising loop: the session's, with reference rows in the place of infusion and Delta-Bridge.

The reference's latents, noised to each step's level with fixed noise, run as rows of the same batch, as the structure
image's do. With the base `Baseline`, which reads nothing of them, it draws what the session draws without an identity.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, encode, encode_pair, stack
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.latents import check_finite, decode_latents, encode_image
from seal_sdk.backbone.noise import alpha_bar, at_level
from seal_sdk.backbone.step import GENERATION, STRUCTURE, UNCOND, Stage
from seal_sdk.backbone.structure import install_injection
from seal_sdk.config import Alignment, Structure
from seal_sdk.evaluation.baselines.baseline import (
    REFERENCE,
    REFERENCE_UNCOND,
    Baseline,
    ReferenceForward,
    Step,
    Subjects,
)
from seal_sdk.identity import Identity
from seal_sdk.images import fit
from seal_sdk.method.delta_bridge import bridge
from seal_sdk.method.detail import clean
from seal_sdk.method.infusion import token_mask
from seal_sdk.method.schedules import active
from seal_sdk.structures import place
from seal_sdk.subject import SubjectFinder


@dataclass(frozen=True)
class Question:
    """What to draw: the arguments of ``session.generate`` that a baseline heeds. size: (height, width) in pixels."""

    structure: Any
    prompt: str
    identity: Identity
    structure_prompt: str
    structure_mask: Any
    seed: int
    size: tuple[int, int]
    steps: int
    guidance_scale: float
    alignment: Alignment = Alignment()
    control: Structure = Structure()


@torch.no_grad()
def draw(pipe: Any, baseline: Baseline, question: Question, finder: Callable[[], SubjectFinder]) -> np.ndarray:
    """The picture, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
    loop = _Loop(pipe, baseline, question, finder)
    with Hooks() as hooks:
        install_injection(hooks, pipe.unet, loop.stage, question.control)
        baseline.install(hooks, pipe.unet, loop.stage)
        latents = loop.run()
    check_finite(latents, "the denoised latents", pipe)
    (image,) = decode_latents(pipe, latents, "pil")
    return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class _Shown:
    """A picture that runs along: clean latents and fixed noise, both (1, C, h, w)."""

    latents: Tensor
    noise: Tensor


class _Loop:
    """Everything of one picture, prepared before the first UNet row."""

    def __init__(self, pipe: Any, baseline: Baseline, question: Question, finder: Callable[[], SubjectFinder]) -> None:
        self.pipe, self.baseline, self.question = pipe, baseline, question
        self.stage = Stage()
        self.scheduler = copy.deepcopy(pipe.scheduler)
        self.scheduler.set_timesteps(question.steps, device=pipe._execution_device)
        self.generator = torch.Generator("cpu").manual_seed(question.seed)
        height, width = question.size
        placed = place(
            question.structure,
            (width, height),
            question.identity,
            finder,
            question.alignment,
            mask=question.structure_mask,
        )
        self.latents = self._noise(pipe.unet.dtype) * self.scheduler.init_noise_sigma
        identity, canvas = question.identity, (width, height)
        self.shown = {STRUCTURE: self._shown(placed.image), REFERENCE: self._shown(fit(identity.image, canvas))}
        self.shown[REFERENCE_UNCOND] = self.shown[REFERENCE]
        seen = Image.fromarray(identity.mask.astype(np.uint8) * 255).convert("RGB")
        self.subjects = Subjects(self._on_grid(placed.mask), self._on_grid(np.asarray(fit(seen, canvas))[..., 0] > 127))
        self.conditioning = self._conditioning()
        self.step_kwargs = pipe.prepare_extra_step_kwargs(self.generator, 0.0)

    def run(self) -> Tensor:
        latents, timesteps = self.latents, self.scheduler.timesteps
        for index, timestep in enumerate(timesteps):
            done = index / len(timesteps)
            gamma = index / max(len(timesteps) - 1, 1)
            scaled = self.scheduler.scale_model_input(latents, timestep)
            latents, scaled = self._settle(latents, scaled, self._at(REFERENCE, timestep), done)
            prediction = self._predict(scaled, timestep, gamma, done)
            again = self.baseline.recurrences(done) if index + 1 < len(timesteps) else 0
            before = copy.deepcopy(self.scheduler) if again else None
            latents = self._step(prediction, timestep, latents)
            for _ in range(again):
                latents = self._recur(latents, before, index)
        return self._settle(latents, latents, self.shown[REFERENCE].latents, 1.0)[0]

    def _step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        stepped = self.scheduler.step(prediction, timestep, latents, **self.step_kwargs, return_dict=False)[0]
        return stepped.to(latents.dtype)

    def _recur(self, latents: Tensor, before: Any, index: int) -> Tensor:
        """A step made again, once its latents are back where it began; before: the scheduler as it was there."""
        timestep, following = self.scheduler.timesteps[index : index + 2]
        level, kind = alpha_bar(before, timestep), before.config.prediction_type
        step = Step(
            level,
            next_level=alpha_bar(before, following),
            reference=self.shown[REFERENCE].latents.to(latents.dtype),
            noise=lambda: self._noise(latents.dtype),
            estimate=lambda row, noisy: clean(self._told(row, noisy, timestep), noisy, level, kind),
        )
        noisy = self.baseline.renoise(latents * _input_scale(self.scheduler, following), step)
        prediction = self._told(GENERATION, noisy, timestep)
        self.scheduler = copy.deepcopy(before)  # as if the step had not been made: some schedulers remember theirs
        return self._step(prediction, timestep, noisy / _input_scale(before, timestep))

    def _settle(self, latents: Tensor, scaled: Tensor, reference: Tensor, done: float) -> tuple[Tensor, Tensor]:
        """Latents as the scheduler and as the UNet takes them; one is a multiple of the other."""
        settled = self.baseline.settle(scaled, reference, self.subjects, done)
        return (latents, scaled) if settled is None else (settled * (latents.norm() / scaled.norm()), settled)

    def _predict(self, scaled: Tensor, timestep: Tensor, gamma: float, done: float) -> Tensor:
        rows = [row for row in self.conditioning if row != STRUCTURE or active(gamma, self.question.control.end)]
        sample = torch.cat([self._at(row, timestep) if row in self.shown else scaled for row in rows])
        inject = self.question.control.scale if STRUCTURE in rows else 0.0
        pairs = {rows.index(row): rows.index(read) for row, read in self.baseline.readers.items() if row in rows}
        self.stage.forward = ReferenceForward(tuple(rows), inject=inject, pairs=pairs, done=done)
        try:
            output = self._unet(sample.to(scaled.dtype), timestep, stack([self.conditioning[row] for row in rows]))
        finally:
            self.stage.forward = None
        by_row = dict(zip(rows, output.chunk(len(rows)), strict=True))
        return self._guided(by_row.get(UNCOND), by_row[GENERATION])

    def _told(self, row: str, scaled: Tensor, timestep: Tensor) -> Tensor:
        """The guided prediction under a row's prompt; neither the reference nor the structure image is in the batch."""
        rows = [UNCOND, row] if UNCOND in self.conditioning else [row]
        given = stack([self.conditioning[each] for each in rows])
        *uncond, told = self._unet(torch.cat([scaled] * len(rows)), timestep, given).chunk(len(rows))
        return self._guided(uncond[0] if uncond else None, told)

    def _guided(self, uncond: Tensor | None, generation: Tensor) -> Tensor:
        return bridge(
            uncond,
            generation,
            None,
            guidance_scale=self.question.guidance_scale,
            strength=0.0,
            base="gen",
            low_pass_iterations=0,
        )

    def _unet(self, sample: Tensor, timestep: Tensor, given: Conditioning) -> Tensor:
        return self.pipe.unet(
            sample,
            timestep,
            encoder_hidden_states=given.embeds,
            added_cond_kwargs={"text_embeds": given.pooled, "time_ids": given.time_ids},
            return_dict=False,
        )[0]

    def _at(self, row: str, timestep: Tensor) -> Tensor:
        shown = self.shown[row]
        return at_level(shown.latents, shown.noise, alpha_bar(self.scheduler, timestep))

    def _shown(self, image: Image.Image) -> _Shown:
        latents = encode_image(self.pipe, image)
        return _Shown(latents, self._noise(torch.float32).to(latents))

    def _noise(self, dtype: torch.dtype) -> Tensor:
        """The next noise of the seed: first the image's, then the structure's, the reference's, and those of `Step`s."""
        height, width = (side // self.pipe.vae_scale_factor for side in self.question.size)
        shape = (1, self.pipe.unet.config.in_channels, height, width)
        return torch.randn(shape, generator=self.generator, dtype=dtype).to(self.pipe._execution_device)

    def _on_grid(self, mask: np.ndarray) -> Tensor:
        height, width = self.latents.shape[-2:]
        return token_mask(mask, (height, width)).view(height, width).to(self.latents.device)

    def _conditioning(self) -> Mapping[str, Conditioning]:
        """The rows of every step, in batch order: none is computed that nothing reads."""
        pipe, asked = self.pipe, self.question
        rows: dict[str, Conditioning] = {}
        if asked.guidance_scale > 1:
            rows[UNCOND], rows[GENERATION] = encode_pair(pipe, asked.prompt, None, asked.size)
        else:
            rows[GENERATION] = encode(pipe, asked.prompt, asked.size)
        readers = [read for row, read in self.baseline.readers.items() if row in rows]
        if REFERENCE in readers:
            rows[REFERENCE] = encode(pipe, asked.identity.prompt, asked.size)
        if REFERENCE_UNCOND in readers:
            rows[REFERENCE_UNCOND] = rows[UNCOND]
        if asked.control.control == "inject":
            rows[STRUCTURE] = encode(pipe, asked.structure_prompt, asked.size)
        return rows


def _input_scale(scheduler: Any, timestep: Tensor) -> float:
    """What the scheduler's latents are multiplied by for the UNet, which takes variance-preserving ones."""
    return float(scheduler.scale_model_input(torch.ones(()), timestep))
