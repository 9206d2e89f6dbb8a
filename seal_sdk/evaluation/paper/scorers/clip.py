"""CLIP score: does the image show what the prompt says?

Radford et al., ICML 2021, arXiv 2103.00020; Hessel et al., EMNLP 2021, arXiv 2104.08718. As in the paper's
table, this is the plain cosine of image and text embedding, about 0.2 to 0.35 for images that fit: neither clipped at 0
nor scaled by 2.5 or 100. The paper does not say which CLIP it uses; ViT-B/16 is our choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.scorers.scorer import Scorer, cosine
from seal_sdk.evaluation.paper.weights import model_folder, not_found, pretrained

REPOSITORY = "openai/clip-vit-base-patch16"


class ClipScore(Scorer):
    """CLIP score, see the module. Prompts are truncated to the text encoder's 77 tokens."""

    metric: ClassVar = Metric("clip", "CLIP", lower_is_better=False)

    def __init__(self, model: CLIPModel, processor: Any) -> None:
        self._model, self._processor = model, processor

    @classmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed."""
        return model_folder(cls.metric.name, given or REPOSITORY)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load the metric, in fp32."""
        model = pretrained(CLIPModel, path, cls.metric.name)
        try:
            processor = CLIPProcessor.from_pretrained(path, local_files_only=True)
        except (OSError, ValueError) as error:
            raise not_found(cls.metric.name, f"{path} (the processor's files)", error) from error
        return cls(model.to(device), processor)

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The cosine of image and prompt."""
        inputs = self._processor(text=[prompt], images=[image], return_tensors="pt", truncation=True)
        output = self._model(**inputs.to(self._model.device))
        return cosine(output.image_embeds, output.text_embeds)
