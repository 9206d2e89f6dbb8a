"""What draws the pictures of a baseline, and what a subject costs it before the first one."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Protocol

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


Opener = Callable[[IdentitySession], Drawer]


def picture_bytes(identity: Identity) -> int:
    """Bytes of the reference as a PNG: what is kept of a subject where every picture begins from it."""
    file = io.BytesIO()
    identity.image.save(file, "PNG")
    return len(file.getvalue())
