"""FreeControl: guidance by the difference to the structure image and to the reference in the principal components of the class.

Mo et al., "FreeControl: Training-Free Spatial Control of Any Text-to-Image Diffusion Model with Any Condition", CVPR 2024, arXiv
2312.07536. Features are the keys of self-attention in one block of the decoder. Once per class, the principal components of those of some
pictures of it are found for each step (`semantic_bases`). In the first 60 % of the steps two energies guide the image: that its
coefficients are those of the structure image, on whose background none may exceed the structure image's (`structure_energy`), and that its
mean features, weighted by coefficients, are those of a picture that shows the appearance (`appearance_energy`). The gradient with respect
to the latents passes through the UNet and is added to the predicted noise. Everything not named below is as in their SDXL code.

Where we depart:

- That picture is the reference, instead of the sibling that the same noise gives without control; their code has this as
  ``appearance_input``. It runs under its own prompt. Reference and structure image are noised to each step's level with fixed noise
  instead of being inverted, as in all baselines.
- The subject's mask in the structure image is that of the subject finder, not a threshold of cross-attention.
- The weights of the means count only where the subject is, in image and reference, and are those of the first 16 components instead of 2:
  with the two alone, over the whole image, backgrounds become alike and parts lose their colours to each other.
- Strengths are chosen anew, and shared out over the steps: a strength of their code is one at 200 steps.
- Their block is the one of 16 tokens a side with SD 1.5 and of 32 with SDXL; we take the first one of at least 16, if there is one.
- The structure injection that the other methods share is on as well. FreeControl's own guidance alone, as in the paper
  (``structure.control=none``), gives the embedded model's pictures their structure, but less of the subject (docs/benchmark.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.baseline import REFERENCE, Baseline, ReferenceForward, Subjects, reading
from seal_sdk.evaluation.baselines.class_words import class_prompt
from seal_sdk.evaluation.baselines.drawer import facts_of, picture_bytes
from seal_sdk.evaluation.baselines.loop import draw
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.evaluation.baselines.semantic_bases import Analysis, Bases, Basis, semantic_bases
from seal_sdk.generation.forward import GENERATION, STRUCTURE, CurrentForward
from seal_sdk.identity import Identity
from seal_sdk.method.token_masks import token_grid
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

SIDE = 16  # tokens
STEPS = 200  # of which a strength is


@dataclass(frozen=True)
class Settings:
    """Settings of FreeControl.

    Attributes:
        structure: Strength of the structure guidance at 200 steps; 0 is none.
        appearance: Strength of the appearance guidance, likewise.
        end: Share of the steps that are guided.
        warm_up: Share of the steps in which the strengths rise from 0.
        components: Principal components of the structure guidance.
        appearance_components: Those whose coefficients weigh the mean features.
        threshold: Smaller coefficients weigh nothing in them.
        background: Weight of what exceeds the structure image's coefficients on its background.
        pictures: Pictures of the class that are analysed.
        nouns: Names of classes. A reference whose prompt has none of them is its own class.
    """

    structure: float = 200.0
    appearance: float = 60.0
    end: float = 0.6
    warm_up: float = 0.05
    components: int = 64
    appearance_components: int = 16
    threshold: float = 0.5
    background: float = 10.0
    pictures: int = 20
    nouns: Sequence[str] = world.SPECIES


class FreeControl:
    """Draws with `Guided`. The bases of a class are found when they are first needed, and kept."""

    def __init__(self, session: IdentitySession, settings: Settings = Settings()) -> None:
        self._session, self._settings = session, settings
        self._bases: dict[Analysis, Bases] = {}

    def prepare(self, identity: Identity) -> int:
        """Find the bases of the subject's class for the session's own size, steps and guidance, unless they are known.

        The reference is all that is kept of the subject.
        """
        defaults, geometry = self._session.sampling_defaults, self._session.backbone.geometry
        size = geometry.check_size(None, None)
        self.bases(identity, size, defaults.num_inference_steps, defaults.guidance_scale)
        return picture_bytes(identity)

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The picture, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
        bases = self.bases(question.identity, question.size, question.steps, question.guidance_scale)
        guided = Guided(self._settings, bases, question.steps)
        return draw(self._session.backbone, guided, question, lambda: self._session.segmenter)

    def facts(self) -> Mapping[str, Any]:
        """The settings."""
        return facts_of(self._settings)

    def bases(self, identity: Identity, size: tuple[int, int], steps: int, guidance_scale: float) -> Bases:
        """The bases of the subject's class. size: (height, width) in pixels."""
        settings, backbone = self._settings, self._session.backbone
        if not settings.structure and not settings.appearance:
            return {}
        asked = Analysis(
            class_prompt(identity.prompt, settings.nouns),
            size,
            steps,
            guidance_scale,
            pictures=settings.pictures,
            components=settings.components,
            end=settings.end,
        )
        if asked not in self._bases:
            self._bases[asked] = semantic_bases(backbone, guiding_layers(backbone, size), asked)
        return self._bases[asked]


def guiding_layers(backbone: UNetBackbone, size: tuple[int, int]) -> list[UNetSelfAttention]:
    """The self-attention of the decoder's first block with at least `SIDE` tokens a side, else of its last. size: in pixels."""
    layers = backbone.self_attention_layers(("up",))
    latents = backbone.geometry.latent_size(size)
    fine = [layer.group for layer in layers if min(layer.grid(latents)) >= SIDE]
    group = fine[0] if fine else layers[-1].group
    return [layer for layer in layers if layer.group == group]


class Guided(Baseline):
    """Guides an image of some steps by both energies, at the steps that have bases."""

    readers: ClassVar[Mapping[str, str]] = {GENERATION: REFERENCE}

    def __init__(self, settings: Settings, bases: Bases, steps: int) -> None:
        self._settings, self._bases, self._steps = settings, bases, steps

    def install(self, hooks: Hooks, backbone: UNetBackbone, current: CurrentForward) -> None:
        """Keep the keys of the layers that have bases."""

        def keep(name: str, keys: Tensor) -> None:
            if reading(current) is not None:
                current.kept[name] = {"key": keys}

        names = {name for each in self._bases.values() for name in each}
        for layer in backbone.self_attention_layers(("up",)):
            if layer.name in names:
                layer.after("key", hooks, partial(keep, layer.name))

    def reads(self, row: str, done: float) -> bool:
        """What its energies read, while it guides."""
        return self.guides(done) and (row != STRUCTURE or self._settings.structure > 0)

    def guides(self, done: float) -> bool:
        """At the steps that have bases."""
        return done in self._bases

    def energy(self, current: CurrentForward, subjects: Subjects) -> Tensor:
        """The mean over layers of both energies, as strong as at this step."""
        (forward,) = current.images
        assert isinstance(forward, ReferenceForward)
        read = [row for row in (GENERATION, REFERENCE, STRUCTURE) if row in forward.rows]
        rows = [forward.rows.index(row) for row in read]
        energies = [
            self._energy(current.kept[name]["key"][rows].float(), basis, subjects)
            for name, basis in self._bases[forward.done].items()
        ]
        warm_up = self._settings.warm_up
        rise = min(forward.done / warm_up, 1.0) if warm_up else 1.0
        return torch.stack(energies).mean() * (rise * STEPS / self._steps)

    def _energy(self, keys: Tensor, basis: Basis, subjects: Subjects) -> Tensor:
        """That of one layer's keys, (3, N, C) of the image, the reference and the structure image; (2, N, C) without the last."""
        settings = self._settings
        own, reference, *structure = basis.coefficients(keys)
        image, shown = (on_tokens(mask, keys.shape[1]) for mask in (subjects.image, subjects.reference))
        weights = [
            soft_mask(each[:, : settings.appearance_components], subject, settings.threshold)
            for each, subject in ((own, image), (reference.detach(), shown))
        ]
        energy = settings.appearance * appearance_energy(keys[0], keys[1].detach(), *weights)
        if settings.structure:
            energy = energy + settings.structure * structure_energy(
                own, structure[0].detach(), image, settings.background
            )
        return energy


def structure_energy(own: Tensor, structure: Tensor, subject: Tensor, background: float) -> Tensor:
    """How far coefficients (N, K) are from those of the structure image.

    Mean squared difference on the subject, (N,) bool, plus ``background`` times the mean square, over all tokens, of what exceeds each
    component's largest coefficient on the structure image's background.
    """
    outside = ~subject[:, None]
    excess = torch.relu(own * outside - (structure * outside).amax(0))
    return (own - structure)[subject].square().mean() + background * excess.square().mean()


def appearance_energy(keys: Tensor, reference: Tensor, weights: Tensor, reference_weights: Tensor) -> Tensor:
    """Mean squared difference of the weighted means of keys (N, C), by weights (N, K), to those of the reference."""
    own, wanted = (
        each_weights.T @ each / (each_weights.sum(0)[:, None] + 1e-5)
        for each, each_weights in ((keys, weights), (reference, reference_weights))
    )
    return (own - wanted).square().mean()


def soft_mask(coefficients: Tensor, subject: Tensor, threshold: float) -> Tensor:
    """Coefficients (N, K) above the threshold, on the subject, (N,) bool; elsewhere 0."""
    return coefficients * ((coefficients > threshold) & subject[:, None])


def on_tokens(mask: Tensor | None, tokens: int) -> Tensor:
    """A mask on the latent grid, (h, w) bool, on a layer's tokens: (N,) bool, those of which more than a half is covered, one at least."""
    assert mask is not None
    share = F.interpolate(
        mask[None, None].float(), token_grid(tokens, (mask.shape[0], mask.shape[1])), mode="area"
    ).flatten()
    return share > min(0.5, float(share.max()) * 0.999)


BASELINE = FreeControl  # opens a drawer on a session
