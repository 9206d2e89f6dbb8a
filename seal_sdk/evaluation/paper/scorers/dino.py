"""DINO-I: is it the subject of the reference?

Ruiz et al., "DreamBooth", CVPR 2023, arXiv 2208.12242, section 4.1: the cosine, -1 to 1, of the CLS tokens of the
generated image and the reference, from DINO's ViT-S/16 (Caron et al., ICCV 2021, arXiv 2104.14294). Both images are
prepared as in DINO's own evaluation: shorter side resized to 256, centre crop of 224, ImageNet's statistics.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers import ViTModel

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.scorers.scorer import Scorer, cosine
from seal_sdk.evaluation.paper.weights import model_folder, pretrained

REPOSITORY = "facebook/dino-vits16"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DinoScore(Scorer):
    """DINO-I, see the module."""

    metric: ClassVar = Metric("dino", "DINO-I", lower_is_better=False)

    def __init__(self, model: ViTModel) -> None:
        self._model = model
        side = model.config.image_size
        if not isinstance(side, int):
            raise ConfigError(f"dino: expected a model of square images, not of {side}")
        self._prepare = Compose(
            [
                Resize(side * 256 // 224, InterpolationMode.BICUBIC),
                CenterCrop(side),
                ToTensor(),
                Normalize(_MEAN, _STD),
            ]
        )

    @classmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed."""
        return model_folder(cls.metric.name, given or REPOSITORY)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load the metric, in fp32."""
        return cls(pretrained(ViTModel, path, cls.metric.name, add_pooling_layer=False).to(device))

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The cosine of image and reference."""
        return cosine(self._embedding(image), self._embedding(reference))

    def _embedding(self, image: Image.Image) -> Tensor:
        """(1, channels): the CLS token after the last layer norm."""
        pixels = self._prepare(image)[None].to(self._model.device)
        embedding: Tensor = self._model(pixel_values=pixels).last_hidden_state[:, 0]
        return embedding
