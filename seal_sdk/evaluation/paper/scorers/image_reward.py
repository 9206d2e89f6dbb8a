"""ImageReward: would people prefer the image for this prompt?

Xu et al., NeurIPS 2023, arXiv 2304.05977: a reward learned from human rankings, about -2 to 2; 0 is the mean of
the authors' data. The authors' package needs old versions of other packages, so `blip_reward` reads their checkpoint.
Images and prompts are prepared as in their code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers import BertTokenizer

from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.scorers.blip_reward import RewardModel
from seal_sdk.evaluation.paper.scorers.scorer import Scorer
from seal_sdk.evaluation.paper.weights import here, hub_file, hub_files, not_found, read_tensors

REPOSITORY, FILE = "THUDM/ImageReward", "ImageReward.pt"
TOKENIZER, VOCABULARY = "google-bert/bert-base-uncased", ("vocab.txt", "tokenizer.json", "tokenizer_config.json")
TOKENS = 35  # longer prompts are truncated
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's


class ImageRewardScore(Scorer):
    """ImageReward, see the module.

    Its weights are `FILE` or a folder with it. `VOCABULARY` is read from the same folder, else from the hub.
    """

    metric: ClassVar = Metric("image-reward", "ImageReward", lower_is_better=False)

    def __init__(self, model: RewardModel, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._prepare = Compose(
            [
                Resize(model.side, InterpolationMode.BICUBIC),
                CenterCrop(model.side),
                ToTensor(),
                Normalize(_MEAN, _STD),
            ]
        )

    @classmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed."""
        name = cls.metric.name
        path = here(name, given) if given else None
        if path is None:
            path = hub_file(name, given or REPOSITORY, FILE)
        elif path.is_dir():
            if not (path / FILE).is_file():
                raise not_found(name, str(path), f"a folder with {FILE}, or such a file, was expected")
            path = path / FILE
        _vocabulary(path)
        return path

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load the metric, in fp32."""
        try:
            model = RewardModel(read_tensors(path, cls.metric.name))
        except (KeyError, RuntimeError, AttributeError, TypeError) as error:
            raise ConfigError(f"image-reward: {path} is no checkpoint of ImageReward: {error}") from error
        return cls(model.to(device), tokenizer(_vocabulary(path)))

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """The reward of image and prompt."""
        device = self._model.vision.device
        text = self._tokenizer(
            prompt, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
        ).to(device)
        pixels = self._prepare(image)[None].to(device)
        return float(self._model(pixels, text.input_ids, text.attention_mask)[0])


def tokenizer(folder: Path) -> BertTokenizer:
    """BERT's tokenizer with the two tokens that BLIP adds. No prompt contains them, but they extend the vocabulary."""
    made: BertTokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    made.add_special_tokens({"bos_token": "[DEC]"})
    made.add_tokens(["[ENC]"], special_tokens=True)
    return made


def _vocabulary(path: Path) -> Path:
    """The folder of the tokenizer's files: that of the checkpoint, else a download from the hub."""
    if any((path.parent / name).is_file() for name in VOCABULARY[:2]):
        return path.parent
    try:
        return hub_files("image-reward", TOKENIZER, VOCABULARY)
    except WeightsNotFound as error:
        raise WeightsNotFound(f"{error} Or put that repository's vocab.txt beside {path}.") from error
