"""DreamSim-str: does the image have the layout of the structure image?

One minus the DreamSim distance of the two (Fu et al., NeurIPS 2023, arXiv 2306.09344), computed by the authors' package
with its ensemble of three ViTs. The distance is one minus a cosine, so 1 is best. The structure image is that of the
dataset, before AnchorAlign moves its subject.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from http.client import HTTPException
from pathlib import Path
from typing import ClassVar, Self

import torch
from PIL import Image
from platformdirs import user_cache_path
from torch import Tensor

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.paper.packages import package
from seal_sdk.evaluation.paper.scorers.scorer import Scorer
from seal_sdk.evaluation.paper.weights import here, not_found

ENSEMBLE = "ensemble_lora"  # one of the folders that the package unpacks


class DreamSimScore(Scorer):
    """DreamSim-str, see the module. Its weights are a folder that the package fills, its ``cache_dir``."""

    metric: ClassVar = Metric("dreamsim", "DreamSim-str", lower_is_better=False)

    def __init__(
        self, model: Callable[[Tensor, Tensor], Tensor], prepare: Callable[[Image.Image], Tensor], device: torch.device
    ) -> None:
        self._model, self._prepare, self._device = model, prepare, device

    @classmethod
    def locate(cls, given: str | None) -> Path:
        """Find the weights, and download them if needed."""
        name = cls.metric.name
        package("dreamsim", name)
        if given is None:
            folder = user_cache_path("seal") / "dreamsim"
            folder.mkdir(parents=True, exist_ok=True)
            # The package downloads its parts while it loads, so loading it is the way to know that they are there.
            cls.load(folder, torch.device("cpu"))
            return folder
        path = here(name, given)
        if path is None or not (path / ENSEMBLE).is_dir():
            raise not_found(name, given, f"the package's folder with its {ENSEMBLE} was expected")
        return path

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load the metric, in fp32."""
        dreamsim = package("dreamsim", cls.metric.name)
        hub = torch.hub.get_dir()
        try:
            with redirect_stdout(sys.stderr):  # the package prints; standard output is for results
                model, prepare = dreamsim.dreamsim(pretrained=True, device=str(device), cache_dir=str(path))
        except (OSError, RuntimeError, HTTPException) as error:
            raise not_found(cls.metric.name, str(path), error) from error
        finally:
            torch.hub.set_dir(hub)  # the package redirects torch's cache to its folder
        return cls(model, prepare, device)

    @torch.inference_mode()
    def score(self, image: Image.Image, reference: Image.Image, structure: Image.Image, prompt: str) -> float:
        """One minus the distance of image and structure image."""
        one, other = (self._prepare(each).to(self._device) for each in (image, structure))
        return 1 - float(self._model(one, other))
