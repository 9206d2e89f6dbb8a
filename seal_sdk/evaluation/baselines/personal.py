"""Baselines that learn each subject: a training makes something small of the reference, with which the model then draws.

They draw with the structure injection, steps, guidance and seed of all methods, so that only what they learned differs. What a
subject costs once, they say themselves (`LearnedSubject`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.evaluation.baselines.baseline import Baseline
from seal_sdk.evaluation.baselines.drawer import facts_of
from seal_sdk.evaluation.baselines.fitting import Fitting
from seal_sdk.evaluation.baselines.loop import draw
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession


@dataclass(frozen=True, eq=False)
class LearnedSubject:
    """What a training made of a subject.

    Attributes:
        tensors: What was learned.
        seconds: How long it took.
        trained_rows: Rows that the UNet computed forwards and backwards.
        drawn_rows: Rows that it computed forwards alone, for pictures of the subject's class.
    """

    tensors: dict[str, Tensor]
    seconds: float
    trained_rows: int
    drawn_rows: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes that are kept of the subject, in half precision."""
        return 2 * sum(tensor.numel() for tensor in self.tensors.values())


class PersonalBaseline(Protocol):
    """A way to learn subjects."""

    @property
    def fitting(self) -> Fitting:
        """How it is trained."""

    def check(self, backbone: UNetBackbone) -> None:
        """Raise ConfigError where it cannot learn with a model."""

    def learn(self, session: IdentitySession, identity: Identity, steps: Sequence[int]) -> list[LearnedSubject]:
        """Learn a subject from its reference: what is known after each of these numbers of steps, which ascend."""

    def applied(self, backbone: UNetBackbone, learned: LearnedSubject) -> AbstractContextManager[None]:
        """A context in which the model knows the subject. Afterwards it is as it was."""

    def ask(self, prompt: str) -> str:
        """The prompt with the subject's own word."""


class PersonalDrawer:
    """Draws with a `PersonalBaseline`. What was learned of a subject is kept as long as the drawer.

    Raises:
        ConfigError: If the baseline cannot learn with the session's model.
    """

    def __init__(self, session: IdentitySession, baseline: PersonalBaseline) -> None:
        baseline.check(session.backbone)
        self._session, self._baseline = session, baseline
        self._known: dict[str, LearnedSubject] = {}

    def prepare(self, identity: Identity) -> int:
        """Learn the subject, unless it is known. Returns the bytes of what was learned, in half precision."""
        return self.learned(identity).nbytes

    def learned(self, identity: Identity) -> LearnedSubject:
        """What was learned of the subject, now or before."""
        key = _lesson(identity)
        if key not in self._known:
            (self._known[key],) = self._baseline.learn(self._session, identity, [self._baseline.fitting.steps])
        return self._known[key]

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The image, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
        return draw_learned(self._session, self._baseline, question, self.learned(question.identity))

    def facts(self) -> Mapping[str, Any]:
        """The baseline's settings, with those of its training."""
        return facts_of(self._baseline)


def draw_learned(
    session: IdentitySession, baseline: PersonalBaseline, question: Question, learned: LearnedSubject
) -> NDArray[np.uint8]:
    """The image, uint8 (H, W, 3), by the model that knows a subject. Raises SubjectNotFound as ``session.generate`` does."""
    backbone, asked = session.backbone, replace(question, prompt=baseline.ask(question.prompt))
    with backbone.lock, baseline.applied(backbone, learned):
        return draw(backbone, Baseline(), asked, lambda: session.segmenter)


def _lesson(identity: Identity) -> str:
    """A digest of all that is learned from: reference and prompt, and not the keys and values that were stored beside them."""
    digest = hashlib.sha256(identity.prompt.encode())
    digest.update(f"\0{identity.image.size}\0".encode())
    digest.update(identity.image.tobytes())
    return digest.hexdigest()
