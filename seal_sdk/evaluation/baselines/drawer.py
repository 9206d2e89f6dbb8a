"""What draws the pictures of a baseline, and what a subject costs it before the first one."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession


class Drawer(Protocol):
    """A baseline on a session's model. Between calls the model is as it was."""

    def prepare(self, identity: Identity) -> int:
        """Do what a subject needs once, unless it is done. Returns the bytes that have to be kept to draw the subject again."""

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The picture, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""

    def facts(self) -> Mapping[str, Any]:
        """What its pictures depend on besides the session's weights and the question, as plain JSON: its own settings and weights."""


Opener = Callable[[IdentitySession], Drawer]


def facts_of(settings: object) -> dict[str, Any]:
    """The fields of a frozen dataclass of settings, as plain JSON; nothing of what has no fields."""
    return asdict(settings) if is_dataclass(settings) and not isinstance(settings, type) else {}


def picture_bytes(identity: Identity) -> int:
    """Bytes of the reference as a PNG: what is kept of a subject where every picture begins from it."""
    file = io.BytesIO()
    identity.image.save(file, "PNG")
    return len(file.getvalue())
