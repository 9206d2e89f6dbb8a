"""DINO-I: is it the reference's subject?

Ruiz et al., "DreamBooth", CVPR 2023, arXiv 2208.12242, section 4.1: the cosine between the CLS tokens that DINO's ViT-S/16
(Caron et al., ICCV 2021, arXiv 2104.14294) gives for the drawn and for the reference image; -1 to 1. Both images go
through the preparation of DINO's own evaluation: the shorter side to 256, the centre's 224, ImageNet's statistics.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers import ViTModel

from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.paper.scorer import Scorer, cosine
from seal_sdk.evaluation.paper.weights import model_folder, pretrained

REPOSITORY = "facebook/dino-vits16"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DinoScore(Scorer):
    """See the module."""

    metric: ClassVar = Metric("dino", "DINO-I", lower_is_better=False)

    def __init__(self, model: ViTModel) -> None:
        self._model = model
        side = model.config.image_size
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
        return model_folder(cls.metric.name, given or REPOSITORY)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        return cls(pretrained(ViTModel, path, cls.metric.name, add_pooling_layer=False).to(device))

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        return cosine(self._embedding(image), self._embedding(reference))

    def _embedding(self, image: Image.Image) -> Tensor:
        """(1, channels): the CLS token after the last norm."""
        pixels = self._prepare(image)[None].to(self._model.device)
        return self._model(pixel_values=pixels).last_hidden_state[:, 0]
