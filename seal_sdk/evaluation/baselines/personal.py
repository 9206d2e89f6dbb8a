"""Baselines that learn each subject: a training makes something small of the reference, with which the model then draws.

They draw with the structure injection, steps, guidance and seed of all methods, so that only what they learned differs. What a
subject costs once, they say themselves (`LearnedSubject`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.baseline import Baseline
from seal_sdk.evaluation.baselines.loop import draw
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.identity import Identity
from seal_sdk.images import fit
from seal_sdk.session import IdentitySession


@dataclass(frozen=True, eq=False)
class LearnedSubject:
    """What a training made of a subject. tensors: its weights. seconds, rows: what it cost, in UNet rows with gradients or without."""

    tensors: dict[str, Tensor]
    seconds: float
    rows: int

    @property
    def nbytes(self) -> int:
        """Bytes that are kept of the subject, in half precision."""
        return 2 * sum(tensor.numel() for tensor in self.tensors.values())


class PersonalBaseline(Protocol):
    """A way to learn subjects."""

    def learn(self, session: IdentitySession, identity: Identity) -> LearnedSubject:
        """Learn a subject from its reference."""

    def applied(self, backbone: UNetBackbone, learned: LearnedSubject) -> AbstractContextManager[None]:
        """A context in which the model knows the subject. Afterwards it is as it was."""

    def ask(self, prompt: str, identity: Identity) -> str:
        """The prompt with the subject's own word."""


class PersonalPainter:
    """Draws with a `PersonalBaseline`; a subject is learned when it is first asked for, and the last one is kept."""

    def __init__(self, session: IdentitySession, baseline: PersonalBaseline) -> None:
        self._session, self._baseline = session, baseline
        self._known: tuple[str, LearnedSubject] | None = None

    def learned(self, identity: Identity) -> LearnedSubject:
        """What was learned of the subject."""
        if self._known is None or self._known[0] != identity.digest:
            self._known = identity.digest, self._baseline.learn(self._session, identity)
        return self._known[1]

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The image, uint8 (H, W, 3)."""
        backbone, learned = self._session.backbone, self.learned(question.identity)
        asked = replace(question, prompt=self._baseline.ask(question.prompt, question.identity))
        with backbone.lock, self._baseline.applied(backbone, learned):
            return draw(backbone, Baseline(), asked, lambda: self._session.segmenter)


@dataclass(frozen=True)
class Fitting:
    """Settings of a training of one subject. learning_rate: of AdamW. batch: rows a step."""

    steps: int
    learning_rate: float
    batch: int = 4
    weight_decay: float = 1e-2


def fit_parameters(
    parameters: Sequence[nn.Parameter], settings: Fitting, loss: Callable[[torch.Generator], Tensor]
) -> float:
    """Train parameters, and nothing else. loss: of one step, with the generator of its noise. Returns the seconds it took."""
    started, generator = time.perf_counter(), torch.Generator("cpu").manual_seed(0)
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    for _ in range(settings.steps):
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss(generator), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
    for parameter in parameters:
        parameter.grad = None
    return time.perf_counter() - started


def denoising_loss(
    backbone: UNetBackbone, latents: Tensor, conditioning: Sequence[Conditioning], generator: torch.Generator
) -> Tensor:
    """Mean squared error of what the model predicts of noised latents (B, C, h, w), at B random timesteps. conditioning: of each."""
    timesteps = torch.randint(0, backbone.train_timesteps, (len(latents),), generator=generator)
    epsilon = torch.randn(latents.shape, generator=generator).to(latents)
    levels = [backbone.noise_level(float(timestep)) for timestep in timesteps]
    rows = list(zip(levels, torch.split(latents, 1), torch.split(epsilon, 1), strict=True))
    noisy = torch.cat([level.add_noise(clean, noise) for level, clean, noise in rows])
    target = torch.cat([level.target(clean, noise) for level, clean, noise in rows])
    predicted = backbone.predict(noisy, timesteps.to(latents.device), stack(conditioning))
    return (predicted - target).square().mean()


def reference_latents(backbone: UNetBackbone, identity: Identity, size: tuple[int, int]) -> Tensor:
    """(1, C, h, w) of the reference, on a canvas of (height, width) pixels."""
    return backbone.encode_image(fit(identity.image, size[::-1]))


def with_word(prompt: str, word: str, nouns: Sequence[str]) -> str:
    """The prompt with a word before the first of some nouns, else at its beginning: "a photo of a sks cat on snow"."""
    changed, count = re.subn(rf"\b({'|'.join(map(re.escape, nouns))})\b", rf"{word} \1", prompt, count=1)
    return changed if count else f"{word}, {prompt}"


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """While inside, none of a module's parameters asks for gradients."""
    asked: list[Any] = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in asked:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
