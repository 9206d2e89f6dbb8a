"""What a metric of the paper is: it looks at one drawn picture and what was asked, and gives a number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import torch
from PIL import Image
from torch import Tensor

from seal_sdk.evaluation.metrics import Metric


class Scorer(ABC):
    """A loaded metric. Its weights are found first (`locate`), before anything is drawn, and loaded when they are used.

    metric: its name, its title in tables, and which way is better.
    """

    metric: ClassVar[Metric]

    @classmethod
    @abstractmethod
    def locate(cls, given: str | None) -> Path:
        """Where the weights are: at ``given``, a path or a hub id; None for the metric's own place on the hub.

        Downloads what is not here. Raises WeightsNotFound, and ConfigError where a package is missing.
        """

    @classmethod
    @abstractmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """The metric with the weights of `locate`, in fp32. Raises ConfigError for weights of another model."""

    @abstractmethod
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The value of a drawn image, RGB, for the reference and structure images and the prompt that it was drawn for."""


def cosine(one: Tensor, other: Tensor) -> float:
    """The cosine, -1 to 1, between two vectors, each (1, channels)."""
    return float(torch.nn.functional.cosine_similarity(one.float(), other.float())[0])
