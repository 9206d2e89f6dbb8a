"""The baselines' denoising loop: the session's, with reference rows in the place of infusion and Delta-Bridge.

The reference's latents, noised to each step's level with fixed noise, run as rows of the same batch, as the structure
image's do. With the base `Baseline`, which reads nothing of them, it draws what the session draws without an identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.finite import check_finite
from seal_sdk.backbone.sampler import DiffusersSampler
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.baseline import (
    REFERENCE,
    REFERENCE_UNCOND,
    Baseline,
    ReferenceForward,
    Step,
    Subjects,
    guided,
)
from seal_sdk.evaluation.baselines.drawer import facts_of, picture_bytes
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.generation.forward import GENERATION, STRUCTURE, UNCOND, CurrentForward
from seal_sdk.generation.settings import structure_for
from seal_sdk.generation.structure import Anchor, StructureAligner
from seal_sdk.generation.structure_sources.inject import install_injection
from seal_sdk.identity import Identity
from seal_sdk.images import fit
from seal_sdk.method.schedules import active
from seal_sdk.method.token_masks import token_mask
from seal_sdk.segmentation import SubjectSegmenter
from seal_sdk.session import IdentitySession


class LoopDrawer:
    """Draws with a `Baseline`, which begins from the reference in every picture."""

    def __init__(self, session: IdentitySession, baseline: Baseline) -> None:
        self._session, self._baseline = session, baseline

    def prepare(self, identity: Identity) -> int:
        """Nothing; the reference is kept."""
        return picture_bytes(identity)

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The picture of `draw`."""
        return draw(self._session.backbone, self._baseline, question, lambda: self._session.segmenter)

    def facts(self) -> Mapping[str, Any]:
        """The baseline's settings."""
        return facts_of(self._baseline)


@torch.no_grad()
def draw(
    backbone: UNetBackbone, baseline: Baseline, question: Question, segmenter: Callable[[], SubjectSegmenter]
) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
    question = replace(question, control=structure_for(backbone, question.control))
    with backbone.lock:
        loop = _Loop(backbone, baseline, question, segmenter)
        with backbone.hooks() as hooks:
            install_injection(hooks, backbone, loop.current, question.control)
            baseline.install(hooks, backbone, loop.current)
            latents = loop.run()
        check_finite(latents, "the denoised latents")
        image: Image.Image = backbone.decode(latents, "pil")
    return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class _Companion:
    """A picture that runs along: clean latents and fixed noise, both (1, C, h, w)."""

    latents: Tensor
    noise: Tensor


class _Loop:
    """Everything of one picture, prepared before the first UNet row."""

    def __init__(
        self,
        backbone: UNetBackbone,
        baseline: Baseline,
        question: Question,
        segmenter: Callable[[], SubjectSegmenter],
    ) -> None:
        self.backbone, self.baseline, self.question = backbone, baseline, question
        self.current = CurrentForward()
        self.generator = torch.Generator("cpu").manual_seed(question.seed)
        self.sampler: DiffusersSampler = backbone.sampler(question.steps, self.generator)
        identity, canvas = question.identity, question.size[::-1]
        aligned = StructureAligner(canvas, question.alignment, segmenter).align(
            question.structure_input, Anchor.of(identity, canvas)
        )
        self.latents = self._noise(backbone.dtype) * self.sampler.initial_scale
        self.companions = {
            STRUCTURE: self._companion(aligned.image),
            REFERENCE: self._companion(fit(identity.image, canvas)),
        }
        self.companions[REFERENCE_UNCOND] = self.companions[REFERENCE]
        subject = fit(Image.fromarray(identity.mask.astype(np.uint8) * 255).convert("RGB"), canvas)
        mask = None if aligned.mask is None else self._on_grid(aligned.mask)
        self.subjects = Subjects(mask, self._on_grid(np.asarray(subject)[..., 0] > 127))
        self.conditioning = self._conditioning()

    def run(self) -> Tensor:
        """The denoised latents, (1, C, h, w)."""
        latents, timesteps = self.latents, self.sampler.timesteps
        for index, timestep in enumerate(timesteps):
            done = index / len(timesteps)
            gamma = index / max(len(timesteps) - 1, 1)
            scaled = self.sampler.model_input(latents, timestep)
            latents, scaled = self._settle(latents, scaled, self._at(REFERENCE, timestep), done)
            prediction, gradient = self._predict(scaled, timestep, gamma, done)
            again = self.baseline.recurrences(done) if index + 1 < len(timesteps) else 0
            before = self.sampler.copy() if again else self.sampler
            latents = self.sampler.step(prediction, timestep, latents)
            if gradient is not None:
                latents = latents - self._descent(gradient, index)
            for _ in range(again):
                latents = self._recur(latents, before, index)
        return self._settle(latents, latents, self.companions[REFERENCE].latents, 1.0)[0]

    def _recur(self, latents: Tensor, before: DiffusersSampler, index: int) -> Tensor:
        """A step made again, once its latents are back where it began. before: the sampler as it was there."""
        timestep, following = self.sampler.timesteps[index : index + 2]
        level = self.backbone.noise_level(timestep)
        step = Step(
            self.backbone.alpha_bar(timestep),
            next_level=self.backbone.alpha_bar(following),
            reference=self.companions[REFERENCE].latents.to(latents.dtype),
            noise=lambda: self._noise(latents.dtype),
            estimate=lambda row, noisy: level.clean(self._guided_prediction(row, noisy, timestep), noisy),
        )
        noisy = self.baseline.renoise(latents * _input_scale(self.sampler, following), step)
        prediction = self._guided_prediction(GENERATION, noisy, timestep)
        self.sampler = before.copy()  # as if the step had not been made
        return self.sampler.step(prediction, timestep, noisy / _input_scale(before, timestep))

    def _descent(self, gradient: Tensor, index: int) -> Tensor:
        """What a gradient takes off the latents after a step, where it is added to the noise that the step predicts and keeps.

        So do DDIM's steps in FreeControl's code: the clean latents that the step predicts stay as they are.
        """
        following = self.sampler.timesteps[index + 1 : index + 2]
        if not len(following):
            return torch.zeros_like(gradient)
        now, then = (self.backbone.noise_level(each).noise for each in (self.sampler.timesteps[index], following[0]))
        return gradient * (now * then / _input_scale(self.sampler, following[0]))

    def _settle(self, latents: Tensor, scaled: Tensor, reference: Tensor, done: float) -> tuple[Tensor, Tensor]:
        """Latents as the scheduler and as the UNet takes them; one is a multiple of the other."""
        settled = self.baseline.settle(scaled, reference, self.subjects, done)
        return (latents, scaled) if settled is None else (settled * (latents.norm() / scaled.norm()), settled)

    def _predict(self, scaled: Tensor, timestep: Tensor, gamma: float, done: float) -> tuple[Tensor, Tensor | None]:
        """The guided prediction, and the gradient of the baseline's energy with respect to ``scaled`` where it guides."""
        control, guides = self.question.control, self.baseline.guides(done)
        injects = control.control == "inject" and (control.end is None or active(gamma, control.end))
        rows = [row for row in self.conditioning if self._takes_part(row, injects, done)]
        readers = {row: read for row, read in self.baseline.readers.items() if row in rows and read in rows}
        pairs = {rows.index(row): rows.index(read) for row, read in readers.items()}
        forward = ReferenceForward(tuple(rows), inject=control.scale if injects else 0.0, pairs=pairs, done=done)
        with self.current.running(forward), torch.set_grad_enabled(guides):
            own = scaled.detach().requires_grad_(guides)
            sample = torch.cat([self._at(row, timestep) if row in self.companions else own for row in rows])
            output = self._model(sample.to(scaled.dtype), timestep, stack([self.conditioning[row] for row in rows]))
            energy = self.baseline.energy(self.current, self.subjects) if guides else None
            gradient = None if energy is None else torch.autograd.grad(energy, own)[0]
        by_row = dict(zip(rows, output.detach().chunk(len(rows)), strict=True))
        return self._guided(by_row.get(UNCOND), by_row[GENERATION]), gradient

    def _takes_part(self, row: str, injects: bool, done: float) -> bool:
        """Whether a step needs a row of `conditioning`."""
        if row == STRUCTURE and injects:
            return True
        return row not in self.companions or self.baseline.reads(row, done)

    def _guided_prediction(self, row: str, scaled: Tensor, timestep: Tensor) -> Tensor:
        """The guided prediction under a row's prompt; neither the reference nor the structure image is in the batch."""
        rows = [UNCOND, row] if UNCOND in self.conditioning else [row]
        given = stack([self.conditioning[each] for each in rows])
        *uncond, prediction = self._model(torch.cat([scaled] * len(rows)), timestep, given).chunk(len(rows))
        return self._guided(uncond[0] if uncond else None, prediction)

    def _guided(self, uncond: Tensor | None, generation: Tensor) -> Tensor:
        return guided(uncond, generation, self.question.guidance_scale)

    def _model(self, sample: Tensor, timestep: Tensor, given: Conditioning) -> Tensor:
        return self.backbone.predict(sample, timestep, given)

    def _at(self, row: str, timestep: Tensor) -> Tensor:
        companion = self.companions[row]
        return self.backbone.noise_level(timestep).add_noise(companion.latents, companion.noise)

    def _companion(self, image: Image.Image) -> _Companion:
        latents = self.backbone.encode_image(image)
        return _Companion(latents, self._noise(torch.float32).to(latents))

    def _noise(self, dtype: torch.dtype) -> Tensor:
        """The next noise of the seed: first the image's, then the structure's, the reference's, and those of `Step`s."""
        geometry = self.backbone.geometry
        shape = (1, geometry.channels, *geometry.latent_size(self.question.size))
        return torch.randn(shape, generator=self.generator, dtype=dtype).to(self.backbone.device)

    def _on_grid(self, mask: NDArray[np.bool_]) -> Tensor:
        height, width = self.latents.shape[-2:]
        return token_mask(mask, (height, width)).view(height, width).to(self.latents.device)

    def _conditioning(self) -> Mapping[str, Conditioning]:
        """The rows of every step, in batch order: none is computed that nothing reads."""
        encode, asked = self.backbone.encode_prompt, self.question
        rows: dict[str, Conditioning] = {}
        if asked.guidance_scale > 1:
            pair = self.backbone.encode_prompt_pair(asked.prompt, asked.negative_prompt, asked.size)
            rows[UNCOND], rows[GENERATION] = pair
        else:
            rows[GENERATION] = encode(asked.prompt, asked.size)
        readers = [read for row, read in self.baseline.readers.items() if row in rows]
        if REFERENCE in readers:
            rows[REFERENCE] = encode(asked.identity.prompt, asked.size)
        if REFERENCE_UNCOND in readers:
            rows[REFERENCE_UNCOND] = rows[UNCOND]
        if asked.control.control == "inject" or self.baseline.reads(STRUCTURE, 0.0):
            rows[STRUCTURE] = encode(asked.structure_prompt, asked.size)
        return rows


def _input_scale(sampler: DiffusersSampler, timestep: Tensor) -> float:
    """What the scheduler's latents are multiplied by for the UNet, which takes variance-preserving ones."""
    return float(sampler.model_input(torch.ones(()), timestep))
