"""FreeControl"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.config import BLOCKS
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, ReferenceForward, Subjects
from seal_sdk.evaluation.baselines.drawer import picture_bytes
from seal_sdk.evaluation.baselines.loop import draw
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.evaluation.baselines.semantic_bases import Analysis, Bases, Basis, semantic_bases
from seal_sdk.generation.forward import GENERATION, STRUCTURE, CurrentForward
from seal_sdk.identity import Identity
from seal_sdk.method.token_masks import token_grid
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession


@dataclass(frozen=True)
class Settings:
    weight: float = 800.0
    appearance: float = 0.05
    end: float = 0.6
    warm_up: float = 0.05
    components: int = 64
    appearance_components: int = 2
    threshold: float = 0.5
    background: float = 10.0
    pictures: int = 20
    groups: Sequence[str] = ("up1",)
    nouns: Sequence[str] = world.SPECIES


class Guided(Baseline):
    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def __init__(self, settings: Settings, bases: Bases, steps: int) -> None:
        self._settings, self._bases, self._steps = settings, bases, steps

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        def keep(name):
            def hook(output: Tensor) -> None:
                if current.images and self.guides(current.images[0].done):
                    current.kept[name] = {"key": output}
            return hook

        for layer in layers_of(backbone, self._settings):
            layer.after("key", hooks, keep(layer.name))

    def reads(self, row: str, done: float) -> bool:
        return self.guides(done)

    def guides(self, done: float) -> bool:
        return self._settings.weight > 0 and done in self._bases

    def energy(self, current: CurrentForward, subjects: Subjects) -> Tensor:
        (forward,) = current.images
        rows = [forward.rows.index(row) for row in (GENERATION, STRUCTURE, REFERENCE)]
        own = []
        for name, basis in self._bases[forward.done].items():
            keys = current.kept[name]["key"][rows].float()
            own.append(self._layer(keys, basis, subjects))
        rise = min(forward.done / self._settings.warm_up, 1.0) if self._settings.warm_up else 1.0
        return torch.stack(own).mean() * (self._settings.weight * rise * 200 / self._steps)

    def _layer(self, keys, basis, subjects):
        s = self._settings
        coefficients = basis.coefficients(keys)
        own, structure, _ = coefficients.detach()[..., :s.components], 0, 0
        grid = token_grid(keys.shape[1], subjects.image.shape)
        mask = torch.nn.functional.interpolate(subjects.image[None, None].float(), grid, mode="area").flatten() > 0.5
        e = structure_energy(coefficients[0], coefficients[1].detach(), mask, s.background)
        w = coefficients[..., :s.appearance_components]
        a = appearance_energy(keys[0], keys[2].detach(), w[0], w[2].detach(), s.threshold)
        return e * (s.structure if hasattr(s, 'structure') else 1) + s.appearance * a


def structure_energy(own: Tensor, structure: Tensor, subject: Tensor, background: float) -> Tensor:
    """own, structure (N, K), subject (N,) bool"""
    energy = (own - structure)[subject].square().mean() if subject.any() else own.sum() * 0
    outside = ~subject[:, None]
    excess = torch.relu(own * outside - (structure * outside).amax(0))
    return energy + background * excess.square().mean()


def appearance_energy(own, reference, own_weights, reference_weights, threshold):
    return (means(own, own_weights, threshold) - means(reference, reference_weights, threshold)).square().mean()


def means(features: Tensor, weights: Tensor, threshold: float) -> Tensor:
    """(K, C)"""
    weights = weights * (weights > threshold)
    return (weights.T @ features) / (weights.sum(0)[:, None] + 1e-5)


def layers_of(backbone, settings):
    return [layer for layer in backbone.self_attention_layers(BLOCKS) if layer.group in settings.groups]


class FreeControl:
    def __init__(self, session: IdentitySession, settings: Settings = Settings()) -> None:
        self._session, self._settings = session, settings
        self._bases: dict[Analysis, Bases] = {}

    def prepare(self, identity: Identity) -> int:
        defaults = self._session.sampling_defaults
        size = self._session.backbone.geometry.check_size(None, None)
        self._bases_of(identity, size, defaults.num_inference_steps, defaults.guidance_scale)
        return picture_bytes(identity)

    def draw(self, question: Question) -> NDArray[np.uint8]:
        bases = self._bases_of(question.identity, question.size, question.steps, question.guidance_scale)
        return draw(self._session.backbone, Guided(self._settings, bases, question.steps), question, lambda: self._session.segmenter)

    def _bases_of(self, identity, size, steps, guidance):
        s = self._settings
        a = Analysis(concept(identity.prompt, s.nouns), size, steps, guidance, s.pictures, s.components, s.end)
        if a not in self._bases:
            self._bases[a] = semantic_bases(self._session.backbone, layers_of(self._session.backbone, s), a)
        return self._bases[a]


def concept(prompt: str, nouns: Sequence[str]) -> str:
    noun = next((word for word in world.words(prompt) if word in nouns), None)
    return f"a photo of a {noun}" if noun else prompt


BASELINE = FreeControl
