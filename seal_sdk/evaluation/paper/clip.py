"""CLIP score: does the picture show what the prompt says?

Radford et al., ICML 2021, arXiv 2103.00020; Hessel et al., EMNLP 2021, arXiv 2104.08718. Here the bare cosine of image and
text embedding, about 0.2 to 0.35 for pictures that fit, as the paper's table has it: neither clipped at 0 nor times 2.5
or 100. The paper's notes do not say which CLIP; ViT-B/16 is our choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from seal_sdk.evaluation.metrics import Metric
from seal_sdk.evaluation.paper.scorer import Scorer, cosine
from seal_sdk.evaluation.paper.weights import model_folder, not_found, pretrained

REPOSITORY = "openai/clip-vit-base-patch16"


class ClipScore(Scorer):
    """See the module. Prompts are cut at the text encoder's 77 tokens."""

    metric: ClassVar = Metric("clip", "CLIP", lower_is_better=False)

    def __init__(self, model: CLIPModel, processor: Any) -> None:
        self._model, self._processor = model, processor

    @classmethod
    def locate(cls, given: str | None) -> Path:
        return model_folder(cls.metric.name, given or REPOSITORY)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        model = pretrained(CLIPModel, path, cls.metric.name)
        try:
            processor = CLIPProcessor.from_pretrained(path, local_files_only=True)
        except (OSError, ValueError) as error:
            raise not_found(cls.metric.name, f"{path} (the processor's files)", error) from error
        return cls(model.to(device), processor)

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        inputs = self._processor(text=[prompt], images=[image], return_tensors="pt", truncation=True)
        output = self._model(**inputs.to(self._model.device))
        return cosine(output.image_embeds, output.text_embeds)
