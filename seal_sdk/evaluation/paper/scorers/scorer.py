"""The base class of the paper's metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import torch
from PIL import Image
from torch import Tensor

from seal_sdk.evaluation.metrics.metric import Metric


class Scorer(ABC):
    """A metric that scores one image at a time.

    `locate` finds the weights before anything is generated; `load` reads them when they are needed.

    Attributes:
        metric: Name, title, and which direction is better.
    """

    metric: ClassVar[Metric]

    @classmethod
    @abstractmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed.

        Args:
            given: A path or hub id; None for the metric's default repository.

        Raises:
            WeightsNotFound: If there are none.
            ConfigError: If a package is missing.
        """

    @classmethod
    @abstractmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load the metric in fp32, with the weights of `locate`. Raises ConfigError if they belong to another model."""

    @abstractmethod
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The value of a generated image, given the reference, the structure image and the prompt. Images are RGB."""


def cosine(one: Tensor, other: Tensor) -> float:
    """The cosine similarity, -1 to 1, of two vectors (1, channels)."""
    return float(torch.nn.functional.cosine_similarity(one.float(), other.float())[0])
