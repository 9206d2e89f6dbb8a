"""HPSv2: would people prefer the image for this prompt?

Wu et al., "Human Preference Score v2", arXiv 2306.09341: a CLIP ViT-H/14 fine-tuned on human
preferences; the score is the cosine of image and text embedding, about 0.2 to 0.35. The authors' package pins old versions
of other packages, so their checkpoint (v2.1) is loaded with open_clip. It runs in fp32 here, in fp16 on GPUs there. As
in their code, the image is converted to a tensor before it is resized.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.packages import package
from seal_sdk.evaluation.paper.scorers.scorer import Scorer, cosine
from seal_sdk.evaluation.paper.weights import here, hub_file, not_found, read_tensors

REPOSITORY, FILE, ARCHITECTURE = "xswu/HPSv2", "HPS_v2.1_compressed.pt", "ViT-H-14"


class HpsScore(Scorer):
    """HPSv2, see the module. Prompts are truncated to 77 tokens."""

    metric: ClassVar = Metric("hps", "HPSv2", lower_is_better=False)

    def __init__(self, model: Any, tokenizer: Any) -> None:
        open_clip = package("open_clip", self.metric.name)
        self._model, self._tokenizer = model, tokenizer
        side = model.visual.image_size[0]
        self._prepare = Compose(
            [
                ToTensor(),
                Resize(side, InterpolationMode.BICUBIC, antialias=True),
                CenterCrop(side),
                Normalize(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD),
            ]
        )

    @classmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed."""
        name = cls.metric.name
        package("open_clip", name)
        path = here(name, given) if given else None
        if path is None:
            return hub_file(name, given or REPOSITORY, FILE)
        if path.is_dir() and not (path / FILE).is_file():
            raise not_found(name, str(path), f"a folder with {FILE}, or such a file, was expected")
        return path / FILE if path.is_dir() else path

    @classmethod
    def load(cls, path: Path, device: torch.device, architecture: str | None = None) -> Self:
        """Load the metric, in fp32. architecture: open_clip's name of the model; None for that of HPSv2."""
        open_clip = package("open_clip", cls.metric.name)
        checkpoint = read_tensors(path, cls.metric.name)
        architecture = architecture or ARCHITECTURE
        model = open_clip.CLIP(**open_clip.get_model_config(architecture))
        try:
            model.load_state_dict(checkpoint.get("state_dict", checkpoint))
        except (RuntimeError, AttributeError, TypeError) as error:
            raise ConfigError(f"hps: {path} is no checkpoint of HPSv2's {architecture}: {error}") from error
        model.eval().requires_grad_(False)
        return cls(model.to(device), open_clip.get_tokenizer(architecture))

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The cosine of image and prompt."""
        device = self._model.logit_scale.device
        image_embedding = self._model.encode_image(self._prepare(image)[None].to(device))
        text_embedding = self._model.encode_text(self._tokenizer([prompt]).to(device))
        return cosine(image_embedding, text_embedding)
